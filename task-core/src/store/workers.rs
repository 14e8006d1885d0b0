//! Whether a process is alive that runs the calls of a store.

use super::{StoreUrl, opener::schemes};

/// How many processes are alive that receive calls from a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// So many. A process counts from its first receive until it ends; one that only sends does not count.
    Known(usize),
    /// The backend cannot know, as where workers are on other machines or are started for each call.
    Unknown,
}

impl Workers {
    /// Whether it is known that there are none: what is sent now waits.
    pub fn are_absent(self) -> bool {
        self == Self::Known(0)
    }
}

/// How many workers are alive on the store of this URL. Opens nothing, creates nothing and asks no service. Nothing is
/// known of a store that is not there, or whose scheme no backend of this program has.
pub fn workers(url: &StoreUrl) -> Workers {
    let opener = schemes().find(|opener| opener.scheme == url.scheme());
    opener.map_or(Workers::Unknown, |opener| (opener.workers)(url))
}
