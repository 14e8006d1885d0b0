//! Standard error. Nothing that is said there may end the process: the reader of a pipe may have gone (`| head`), and
//! `eprintln!` would panic.

use std::{
    fmt::Display,
    io::{self, Write},
};

use celeriac_core::{printable, printable_json};
use tracing_subscriber::fmt::MakeWriter;

/// Says something in a line of its own, without the control characters that stand in it.
pub(crate) fn say(what: impl Display) {
    let line = format!("{}\n", printable(&what.to_string()));
    // Nobody reads it any more.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// What the events of a log are written as.
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
    /// Writes one event, of which all comes at once.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = match self {
            // A message of several lines must not pass for several messages.
            Self::Text => printable(text.trim_end_matches('\n')).to_string().replace('\n', "\n    "),
            Self::Json => printable_json(text.trim_end_matches('\n')).to_string(),
        };
        // Nobody reads it any more. An error would be reported on standard error as well.
        let _ = io::stderr().lock().write_all((line + "\n").as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
