//! Writes to standard error without ever ending the process: the reader of a pipe may be gone (`| head`), and
//! `eprintln!` would panic.

use std::{
    fmt::Display,
    io::{self, StderrLock, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use celeriac_core::{printable, printable_json};
use tracing_subscriber::fmt::MakeWriter;

/// Whether the cursor is at the end of a progress line, which will be rewritten.
static OPEN_LINE: AtomicBool = AtomicBool::new(false);

/// Moves to the first column, and clears the line.
const ERASE: &[u8] = b"\r\x1b[K";

/// Prints a message on a line of its own, with its control characters escaped.
pub(crate) fn say(what: impl Display) {
    let line = format!("{}\n", printable(&what.to_string()));
    // An error means that nobody reads it any more.
    let _ = write_lines(line.as_bytes());
}

/// Rewrites the progress line. Only a terminal can do that.
#[cfg(feature = "cli")]
pub(crate) fn rewrite(line: &str) {
    let mut err = io::stderr().lock();
    OPEN_LINE.store(true, Ordering::Relaxed);
    let _ = err.write_all(ERASE).and_then(|()| err.write_all(printable(line).to_string().as_bytes()));
}

/// Removes the progress line.
#[cfg(feature = "cli")]
pub(crate) fn erase() {
    let _ = begin().flush();
}

/// Writes whole lines. An open line of progress is erased first; the code that shows progress writes it again.
fn write_lines(lines: &[u8]) -> io::Result<()> {
    begin().write_all(lines)
}

/// Standard error, with the cursor at the start of an empty line.
fn begin() -> StderrLock<'static> {
    let mut err = io::stderr().lock();
    if OPEN_LINE.swap(false, Ordering::Relaxed) {
        let _ = err.write_all(ERASE);
    }
    err
}

/// The form of a log's events.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Log {
    /// Lines for people.
    Text,
    /// A JSON object for each.
    Json,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl Write for Log {
    /// Writes one event, which arrives in one piece.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = match self {
            // A message of several lines must not look like several messages.
            Self::Text => printable(text.trim_end_matches('\n')).to_string().replace('\n', "\n    "),
            Self::Json => printable_json(text.trim_end_matches('\n')).to_string(),
        };
        // The reader is gone. An error would be reported on standard error as well.
        let _ = write_lines((line + "\n").as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
