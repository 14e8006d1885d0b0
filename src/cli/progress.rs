//! Shows the progress of something that the command waits for: one line on standard error that is rewritten as it
//! changes. It is for people, so nothing is shown if standard error is not a terminal.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use super::print;
use crate::stderr;

/// How often the progress is looked up.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// The most characters of a line. A line that the terminal wraps could not be rewritten.
const WIDTH: usize = 79;

/// The progress line. It disappears when this is dropped.
pub(super) struct Progress {
    shown: bool,
}

impl Progress {
    /// A progress line, if there is a terminal for it.
    pub(super) fn on_terminal() -> Option<Self> {
        io::stderr().is_terminal().then_some(Self { shown: false })
    }

    /// Rewrites the line.
    pub(super) fn show(&mut self, what: &str) {
        self.shown = true;
        stderr::rewrite(&print::short(what, WIDTH));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            stderr::erase();
        }
    }
}
