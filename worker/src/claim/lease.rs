//! The lease of a claim: when it ends, and when it has to be renewed.

/// How long a lease lasts beyond the deadline of its invocation. The platform ends the worker in between.
pub const AFTER_DEADLINE_MS: u64 = 10_000;

/// A lease. With a deadline, it lasts as long as the worker can live and is never renewed. Without one, it is renewed
/// after a third of its length, and the message is hidden again at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    length_ms: u64,
    until_ms: u64,
    hidden_from_ms: u64,
    fixed: bool,
}

impl Lease {
    /// A lease taken now.
    pub(crate) fn new(now_ms: u64, length_ms: u64, deadline_ms: Option<u64>) -> Self {
        let until_ms = deadline_ms.map_or(now_ms + length_ms, |deadline_ms| deadline_ms + AFTER_DEADLINE_MS);
        Self { length_ms, until_ms, hidden_from_ms: now_ms, fixed: deadline_ms.is_some() }
    }

    /// When the lease ends.
    pub(crate) fn until_ms(&self) -> u64 {
        self.until_ms
    }

    /// Whether the lease has ended for good. A lease that can be renewed has not: a late renewal still counts until
    /// another worker takes the parcel over, which the epoch shows.
    pub(crate) fn is_over(&self, now_ms: u64) -> bool {
        self.fixed && self.until_ms <= now_ms
    }

    /// When the message has to be hidden again.
    pub(crate) fn renewal_ms(&self) -> u64 {
        if self.fixed { u64::MAX } else { self.hidden_from_ms + self.length_ms / 3 }
    }

    /// The end of the lease if a write that starts now renews it.
    pub(crate) fn renewed(&self, now_ms: u64) -> u64 {
        if self.fixed { self.until_ms } else { now_ms + self.length_ms }
    }

    /// Extends the lease by a renewal that was written.
    pub(crate) fn renew(&mut self, until_ms: u64) {
        self.until_ms = self.until_ms.max(until_ms);
    }

    /// Notes when the message was hidden again.
    pub(crate) fn hide(&mut self, now_ms: u64) {
        self.hidden_from_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_renewed_after_a_third() {
        let mut lease = Lease::new(1000, 30_000, None);
        assert_eq!((lease.until_ms(), lease.renewal_ms()), (31_000, 11_000));
        lease.renew(lease.renewed(11_000));
        lease.hide(11_000);
        assert_eq!((lease.until_ms(), lease.renewal_ms()), (41_000, 21_000));
        assert!(!lease.is_over(50_000), "no other worker may have taken the parcel over");
    }

    #[test]
    fn outlives_a_deadline_and_is_not_renewed() {
        let lease = Lease::new(1000, 30_000, Some(900_000));
        assert_eq!((lease.until_ms(), lease.renewal_ms(), lease.renewed(5000)), (910_000, u64::MAX, 910_000));
        assert!(!lease.is_over(909_999) && lease.is_over(910_000));
    }
}
