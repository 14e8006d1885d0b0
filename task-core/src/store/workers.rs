//! Whether any process is alive that runs the calls of a store.

use super::{StoreUrl, opener::schemes};

/// How many processes that receive calls from a store are alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// This many. A process counts from its first receive until it ends; one that only sends does not count.
    Known(usize),
    /// The backend cannot know, for example because workers are on other machines or start for each call.
    Unknown,
}

impl Workers {
    /// Whether it is known that there are none, so that calls sent now wait.
    pub fn are_absent(self) -> bool {
        self == Self::Known(0)
    }
}

/// How many workers are alive on the store of this URL. Opens nothing, creates nothing and asks no service. `Unknown`
/// if the store does not exist, or if no backend of this program has its scheme.
pub fn workers(url: &StoreUrl) -> Workers {
    let opener = schemes().find(|opener| opener.scheme == url.scheme());
    opener.map_or(Workers::Unknown, |opener| (opener.workers)(url))
}
