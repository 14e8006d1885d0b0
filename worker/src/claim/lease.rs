//! The lease of a claim: until when it holds, and when it is to be renewed.

/// How much longer than the deadline of its invocation a lease holds: the platform ends the worker in between.
pub const AFTER_DEADLINE_MS: u64 = 10_000;

/// A lease. Under a deadline it is taken for as long as the worker can live and never renewed; else it is renewed
/// when a third of it is over, together with the hiding of the message.
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

    /// Until when it holds.
    pub(crate) fn until_ms(&self) -> u64 {
        self.until_ms
    }

    /// Whether it is over for good. One that can be renewed is not: until somebody takes the parcel over, which its
    /// epoch tells, a renewal that comes late is as good as any.
    pub(crate) fn is_over(&self, now_ms: u64) -> bool {
        self.fixed && self.until_ms <= now_ms
    }

    /// When its message is to be hidden anew.
    pub(crate) fn renewal_ms(&self) -> u64 {
        if self.fixed { u64::MAX } else { self.hidden_from_ms + self.length_ms / 3 }
    }

    /// The end of the lease if a write that starts now renews it.
    pub(crate) fn renewed(&self, now_ms: u64) -> u64 {
        if self.fixed { self.until_ms } else { now_ms + self.length_ms }
    }

    /// A renewal is written.
    pub(crate) fn renew(&mut self, until_ms: u64) {
        self.until_ms = self.until_ms.max(until_ms);
    }

    /// The message is being hidden anew.
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
        assert!(!lease.is_over(50_000), "perhaps no other has taken it over");
    }

    #[test]
    fn outlives_a_deadline_and_is_not_renewed() {
        let lease = Lease::new(1000, 30_000, Some(900_000));
        assert_eq!((lease.until_ms(), lease.renewal_ms(), lease.renewed(5000)), (910_000, u64::MAX, 910_000));
        assert!(!lease.is_over(909_999) && lease.is_over(910_000));
    }
}
