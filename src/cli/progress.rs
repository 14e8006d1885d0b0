//! How something stands that is waited for: one line on standard error that is written over as it changes. It is for
//! people: nothing is shown where standard error is no terminal.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use super::print;
use crate::stderr;

/// How often it is looked at again.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// The most characters of a line. One that is broken in two by the terminal could not be written over.
const WIDTH: usize = 79;

/// The line. It disappears when this is dropped.
pub(super) struct Progress {
    shown: bool,
}

impl Progress {
    /// A line, where there is a terminal for it.
    pub(super) fn on_terminal() -> Option<Self> {
        io::stderr().is_terminal().then_some(Self { shown: false })
    }

    /// Writes over what stands there.
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
