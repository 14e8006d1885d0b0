//! The conformance suite: the semantics of each port, and the numbered rules of the parcel protocol that ports must
//! keep. An adapter's test makes a [`World`] for each [`Case`] of [`all`] and runs it.
//!
//! Cases know no backend. Time is that of a [`ManualClock`]: no case waits for real time, unless the backend is a
//! server that follows the clock.

mod atomic;
mod batches;
mod clock;
mod dead_letters;
mod ledger;
mod queue;
mod request;
mod schedules;
mod world;

use futures::future::BoxFuture;

pub use clock::ManualClock;
pub use request::{LEASE_MS, claim_request};
pub use world::World;

/// One rule that every backend must keep.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The port and the rule.
    pub name: &'static str,
    /// Tests the rule; panics if it is broken.
    pub run: fn(World) -> BoxFuture<'static, ()>,
}

/// Lists the cases of a module. A case that is not listed is dead code, which the compiler reports.
macro_rules! cases {
    ($port:literal: $($case:ident),* $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[$(super::Case {
            name: concat!($port, "::", stringify!($case)),
            run: |world| Box::pin($case(world)),
        }),*];
    };
}
use cases;

/// All cases.
pub fn all() -> impl Iterator<Item = Case> {
    [queue::CASES, ledger::CASES, batches::CASES, dead_letters::CASES, schedules::CASES, atomic::CASES]
        .into_iter()
        .flatten()
        .copied()
}
