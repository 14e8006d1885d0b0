//! Remembers until when lanes of queues have nothing to receive, so that a receive that is repeated need not look again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use celeriac_core::{PerLane, ports::Receive};

use super::{
    arrivals::Heard,
    messages::{QueueLane, looked_at},
};

/// What the last look at each lane of each queue found.
#[derive(Debug, Default)]
pub(super) struct Lulls(Mutex<HashMap<Arc<str>, PerLane<Option<Lull>>>>);

#[derive(Clone, Copy, Debug)]
struct Lull {
    heard: Heard,
    look: Look,
}

/// What a look at the file found, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// When the next message is due, past times included: `u64::MAX` if there is none.
    pub(super) due_ms: u64,
    /// When the look began. Of several looks, the oldest.
    pub(super) looked_us: u64,
}

impl Look {
    /// The next message of all that these looks are about.
    fn and(self, other: Self) -> Self {
        Self { due_ms: self.due_ms.min(other.due_ms), looked_us: self.looked_us.min(other.looked_us) }
    }
}

/// What is known about what a request looks at, without a look at the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// What was found, and it is still so.
    Found(Look),
    /// The look was too long ago. Most often there is still nothing.
    Old,
    /// Another process may have sent messages. Other processes may be about to take them too.
    Heard,
    /// Nothing, or this process has sent messages.
    Nothing,
}

impl Lulls {
    /// What is known, from looks after this time.
    pub(super) fn known(&self, request: &Receive, heard: Heard, since_us: u64) -> Known {
        let lulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = Known::Found(Look { due_ms: u64::MAX, looked_us: u64::MAX });
        for QueueLane { queue, lane } in looked_at(request) {
            known = match (known, lulls.get(queue).and_then(|lulls| lulls.of(lane).as_ref())) {
                (_, None) => return Known::Nothing,
                (_, Some(lull)) if lull.heard.own != heard.own => return Known::Nothing,
                (_, Some(lull)) if lull.heard.others != heard.others => Known::Heard,
                (Known::Found(look), Some(lull)) if lull.look.looked_us > since_us => Known::Found(look.and(lull.look)),
                (Known::Heard, _) => Known::Heard,
                _ => Known::Old,
            };
        }
        known
    }

    /// Notes what a look at all that the request looks at has found.
    pub(super) fn note(&self, request: &Receive, heard: Heard, look: Look) {
        let mut lulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for QueueLane { queue, lane } in looked_at(request) {
            let lanes = lulls.entry(Arc::clone(queue)).or_insert_with(|| PerLane::new(|_| None));
            *lanes.of_mut(lane) = Some(Lull { heard, look });
        }
    }
}

#[cfg(test)]
mod tests {
    use celeriac_core::Lane;

    use super::*;

    fn request(queues: &[&str], lanes: &'static [Lane]) -> Receive {
        let queues = queues.iter().map(|queue| Arc::from(*queue)).collect();
        Receive { queues, lanes, max: 1, hide_ms: 1, wait_ms: 1 }
    }

    #[test]
    fn a_lull_lasts_until_something_is_heard_or_it_is_old() {
        let heard = Heard { own: 3, others: 5 };
        let lulls = Lulls::default();
        let (one, both) = (request(&["mail"], Lane::ALL), request(&["mail", "other"], Lane::ALL));
        assert_eq!(lulls.known(&one, heard, 0), Known::Nothing);
        let look = Look { due_ms: 70, looked_us: 100 };
        lulls.note(&one, heard, look);
        assert_eq!(lulls.known(&one, heard, 99), Known::Found(look));
        assert_eq!(lulls.known(&one, heard, 100), Known::Old, "it was too long ago");
        assert_eq!(lulls.known(&one, Heard { others: 6, ..heard }, 100), Known::Heard);
        assert_eq!(lulls.known(&one, Heard { own: 4, others: 6 }, 99), Known::Nothing);
        assert_eq!(lulls.known(&both, heard, 99), Known::Nothing, "one was never looked at");
        lulls.note(&request(&["other"], Lane::ALL), heard, Look { due_ms: 50, looked_us: 120 });
        assert_eq!(lulls.known(&both, heard, 99), Known::Found(Look { due_ms: 50, looked_us: 100 }));
    }

    /// Else a receive of one lane would look again and again at a backlog of the other.
    #[test]
    fn a_lull_is_of_a_lane() {
        let heard = Heard { own: 3, others: 5 };
        let lulls = Lulls::default();
        let (interactive, bulk) = (request(&["mail"], &[Lane::Interactive]), request(&["mail"], &[Lane::Bulk]));
        let look = |due_ms| Look { due_ms, looked_us: 100 };
        lulls.note(&interactive, heard, look(u64::MAX));
        lulls.note(&bulk, heard, look(70));
        assert_eq!(lulls.known(&interactive, heard, 99), Known::Found(look(u64::MAX)));
        assert_eq!(lulls.known(&bulk, heard, 99), Known::Found(look(70)));
    }
}
