//! Careful mode: finds the call that kills its worker (rule 6). The code here is pure: it says which calls to mark
//! next. Marking, running and counting are done elsewhere.

use celeriac_core::{bitmap::Bitmap, ports::Window};

/// How many workers must die in a window of one call before that call is blamed.
const BLAMED_AT: u32 = 2;

/// The size of the next window, and how many suspects come first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Careful {
    size: u32,
    deaths: u32,
    /// How many suspects remain, at the head of the line.
    suspects: u32,
    grows: bool,
}

/// The conclusions from the death of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Findings {
    /// How to continue.
    pub(crate) careful: Careful,
    /// The calls that were running when the holder died. They run first.
    pub(crate) suspects: Bitmap,
    /// The blamed call, and the number of deaths.
    pub(crate) blamed: Option<(u32, u32)>,
}

impl Careful {
    /// Windows of a fixed size, for tasks whose calls are always marked.
    pub(crate) fn fixed(size: u32) -> Self {
        Self { size: size.max(1), deaths: 0, suspects: 0, grows: false }
    }

    /// How to continue a parcel of `count` calls whose last holder died with `window` marked and `done` recorded.
    pub(crate) fn after(window: Option<&Window>, done: &Bitmap, count: u32) -> Findings {
        let left = count.saturating_sub(done.len());
        let grows = |size: u32| Self { size: size.max(1), deaths: 0, suspects: 0, grows: true };
        let Some(window) = window else {
            return Findings { careful: grows(left / 2), suspects: Bitmap::new(), blamed: None };
        };
        let suspects: Bitmap = window.calls.iter().filter(|call| *call < count && !done.contains(*call)).collect();
        let alone = (window.calls.len() == 1).then(|| suspects.iter().next()).flatten();
        match alone {
            Some(call) if window.deaths + 1 >= BLAMED_AT => {
                let blamed = Some((call, window.deaths + 1));
                Findings { careful: grows(2), suspects: Bitmap::new(), blamed }
            }
            Some(_) => {
                let careful = Self { deaths: window.deaths + 1, ..grows(1) };
                Findings { careful, suspects, blamed: None }
            }
            // The holder died between two windows: every call of the marked window has ended.
            None if suspects.is_empty() => Findings { careful: grows(window.calls.len() * 2), suspects, blamed: None },
            None => {
                let careful = Self { suspects: suspects.len(), ..grows(suspects.len() / 2) };
                Findings { careful, suspects, blamed: None }
            }
        }
    }

    /// How many calls the next window has. While there are suspects it has no other calls, because another death would
    /// make suspects of those too.
    pub(crate) fn size(&self) -> u32 {
        if self.suspects > 0 { self.size.min(self.suspects) } else { self.size }
    }

    /// The mark for these calls.
    pub(crate) fn window(&self, calls: Bitmap) -> Window {
        Window { calls, deaths: self.deaths }
    }

    /// A window of this many calls has run to its end: the next may be twice as large.
    pub(crate) fn survived(&mut self, calls: u32) {
        self.deaths = 0;
        self.suspects = self.suspects.saturating_sub(calls);
        if self.grows {
            self.size = self.size.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a parcel whose calls in `killers` kill their worker. Nothing is recorded within a window. Returns the
    /// blamed calls, how often each call was started, and how many workers died.
    fn hunt(count: u32, killers: &[u32]) -> (Vec<u32>, Vec<u32>, u32) {
        let (mut done, mut blamed, mut starts) = (Bitmap::new(), Vec::new(), vec![0; count as usize]);
        let mut mark: Option<Window> = None;
        for deaths in 1.. {
            assert!(deaths < 1000, "it never ends");
            let found = Careful::after(mark.as_ref(), &done, count);
            let mut careful = found.careful;
            if let Some((call, _)) = found.blamed {
                done.insert(call);
                blamed.push(call);
            }
            let mut todo: Vec<u32> = found.suspects.iter().collect();
            todo.extend((0..count).filter(|call| !done.contains(*call) && !found.suspects.contains(*call)));
            let mut died = false;
            while !todo.is_empty() && !died {
                let calls: Vec<u32> = todo.drain(..todo.len().min(careful.size() as usize)).collect();
                mark = Some(careful.window(calls.iter().copied().collect()));
                for call in &calls {
                    starts[*call as usize] += 1;
                    died |= killers.contains(call);
                }
                if !died {
                    careful.survived(calls.len() as u32);
                    for call in calls {
                        done.insert(call);
                    }
                }
            }
            if !died {
                return (blamed, starts, deaths);
            }
        }
        unreachable!("the loop has no end of its own")
    }

    #[test]
    fn blames_only_the_call_that_kills() {
        for killer in [0, 1, 499, 998, 999] {
            let (blamed, starts, _) = hunt(1000, &[killer]);
            assert_eq!(blamed, [killer]);
            assert!(starts.iter().all(|starts| *starts >= 1));
        }
    }

    #[test]
    fn blames_several_calls() {
        let (mut blamed, _, deaths) = hunt(4096, &[7, 8, 4000]);
        blamed.sort_unstable();
        assert_eq!(blamed, [7, 8, 4000]);
        assert!(deaths <= 3 * 14, "{deaths} deaths");
    }

    #[test]
    fn one_death_in_a_window_of_one_blames_no_call() {
        let mark = Window { calls: [3].into_iter().collect(), deaths: 0 };
        let found = Careful::after(Some(&mark), &Bitmap::new(), 10);
        assert_eq!(found.blamed, None);
        assert_eq!(found.careful.window([3].into_iter().collect()).deaths, 1);
    }

    #[test]
    fn the_last_open_call_of_a_larger_window_was_not_alone() {
        let mark = Window { calls: [3, 4].into_iter().collect(), deaths: 0 };
        let found = Careful::after(Some(&mark), &[4].into_iter().collect(), 10);
        assert_eq!((found.blamed, found.careful.size(), found.careful.deaths), (None, 1, 0));
    }
}
