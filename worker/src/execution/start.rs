//! A call that is to be started.

/// A call that is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Start {
    /// Its position in the parcel.
    pub(crate) position: u32,
    /// The attempt that it makes.
    pub(crate) attempt: u32,
    /// How often the call has waited in this run. A snooze is not an attempt, but it makes another start.
    pub(crate) waits: u8,
}
