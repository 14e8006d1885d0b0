//! A token bucket.

/// Grants this many a second, and as many at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    rate: f64,
    most: f64,
    left: f64,
    at_us: u64,
}

impl Bucket {
    /// A full one. It holds at least one.
    pub(crate) fn new(rate: f64, most: f64) -> Self {
        Self { rate, most, left: most, at_us: 0 }
    }

    /// Takes this much, if it is available.
    pub(crate) fn take(&mut self, units: f64, now_us: u64) -> bool {
        let passed_s = now_us.saturating_sub(self.at_us) as f64 / 1e6;
        self.left = (self.left + passed_s * self.rate).min(self.most);
        self.at_us = now_us;
        let granted = self.left >= units;
        if granted {
            self.left -= units;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_grants_the_rate_and_no_more() {
        let mut bucket = Bucket::new(100.0, 100.0);
        let granted = |bucket: &mut Bucket, now_us| (0..1000).filter(|_| bucket.take(1.0, now_us)).count();
        assert_eq!(granted(&mut bucket, 0), 100);
        assert_eq!(granted(&mut bucket, 0), 0);
        assert_eq!(granted(&mut bucket, 500_000), 50);
        assert_eq!(granted(&mut bucket, 60_000_000), 100, "unused tokens are not saved up");
    }
}
