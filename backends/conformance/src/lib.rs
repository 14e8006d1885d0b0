//! What every backend must keep: the semantics of each port, and the numbered rules of the parcel protocol as far as
//! ports keep them. An adapter's test makes a [`World`] for each [`Case`] of [`all`] and runs it.
//!
//! Cases know no backend. Time is a [`ManualClock`]'s: no case waits for real time, unless the backend is a server that
//! the clock takes along.

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

/// One thing that every backend must keep.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The port, and what is shown.
    pub name: &'static str,
    /// Shows it, or panics.
    pub run: fn(World) -> BoxFuture<'static, ()>,
}

/// Lists the cases of a module. One that is left out is dead code, which the compiler reports.
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
