//! Remembers until when queues have nothing to receive, so that a receive that is repeated need not look again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::arrivals::Heard;

/// What the last look at each queue found.
#[derive(Debug, Default)]
pub(super) struct Lulls(Mutex<HashMap<Arc<str>, Lull>>);

#[derive(Clone, Copy, Debug)]
struct Lull {
    heard: Heard,
    looked_us: u64,
    due_ms: u64,
}

/// What is known about some queues without a look at the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The next message is due at this time, or never: `u64::MAX`.
    Due(u64),
    /// The look was too long ago. Most often there is still nothing.
    Old,
    /// Another process may have sent messages. Other processes may be about to take them too.
    Heard,
    /// Nothing, or this process has sent messages.
    Nothing,
}

impl Lulls {
    /// What is known about these queues, from looks that are no older than this.
    pub(super) fn known(&self, queues: &[Arc<str>], heard: Heard, since_us: u64) -> Known {
        let lulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = Known::Due(u64::MAX);
        for queue in queues {
            known = match (known, lulls.get(queue)) {
                (_, None) => return Known::Nothing,
                (_, Some(lull)) if lull.heard.own != heard.own => return Known::Nothing,
                (_, Some(lull)) if lull.heard.others != heard.others => Known::Heard,
                (Known::Due(due_ms), Some(lull)) if lull.looked_us >= since_us => Known::Due(due_ms.min(lull.due_ms)),
                (Known::Heard, _) => Known::Heard,
                _ => Known::Old,
            };
        }
        known
    }

    /// Notes what a look at these queues found: when the next message of all of them is due.
    pub(super) fn note(&self, queues: &[Arc<str>], heard: Heard, looked_us: u64, due_ms: u64) {
        let mut lulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for queue in queues {
            lulls.insert(Arc::clone(queue), Lull { heard, looked_us, due_ms });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lull_lasts_until_something_is_heard_or_it_is_old() {
        let (mail, other): (Arc<str>, Arc<str>) = ("mail".into(), "other".into());
        let heard = Heard { own: 3, others: 5 };
        let lulls = Lulls::default();
        let (one, both) = ([mail.clone()], [mail, other.clone()]);
        assert_eq!(lulls.known(&one, heard, 0), Known::Nothing);
        lulls.note(&one, heard, 100, 70);
        assert_eq!(lulls.known(&one, heard, 100), Known::Due(70));
        assert_eq!(lulls.known(&one, heard, 101), Known::Old, "it was too long ago");
        assert_eq!(lulls.known(&one, Heard { others: 6, ..heard }, 101), Known::Heard);
        assert_eq!(lulls.known(&one, Heard { own: 4, others: 6 }, 100), Known::Nothing);
        assert_eq!(lulls.known(&both, heard, 100), Known::Nothing, "one was never looked at");
        lulls.note(&[other], heard, 100, 50);
        assert_eq!(lulls.known(&both, heard, 100), Known::Due(50));
    }
}
