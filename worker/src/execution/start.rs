//! A call to be started.

/// A call to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Start {
    /// Its position in the parcel.
    pub(crate) position: u32,
    /// The attempt that it makes.
    pub(crate) attempt: u32,
    /// How often it has waited in this run: a snooze is no attempt, and yet another start.
    pub(crate) waits: u8,
}
