//! What becomes of each call: its answer, the verdict on its attempt, what is recorded, and the child in which it goes
//! on.

mod answer;
mod child_parcels;
mod outcomes;
mod recorder;
mod report;
mod summary;
mod verdict;

pub use report::{Report, Settled};
pub use summary::Summary;
pub(crate) use {
    answer::Answer,
    child_parcels::{HandedOn, plan_children},
    outcomes::{NextAttempt, Outcomes},
    recorder::Unrecorded,
    verdict::{End, Fault, Hung},
};
