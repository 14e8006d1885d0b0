//! Formats output for people and scripts: aligned tables, times with their age, JSON documents.

use std::io::{self, BufWriter, Write};

use celeriac_core::{printable, printable_json};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::exit::Failure;

/// Writes to standard output, with control characters escaped. A reader that closes the pipe early (`| head`) is no
/// error.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    written(io::stdout().lock().write_all(printable(text).to_string().as_bytes()))
}

/// Writes one JSON document piece by piece: a call's arguments may be many times larger as JSON.
pub(super) fn write_json(document: &impl Serialize) -> Result<(), Failure> {
    let mut out = Escaped(BufWriter::new(io::stdout().lock()));
    let document = serde_json::to_writer_pretty(&mut out, document).map_err(io::Error::from);
    // An argument that cannot be written is reported only as text; the end of the line then fails for the same reason.
    let end = out.write_all(b"\n").and_then(|()| out.flush());
    written(end.and(document))
}

/// Writes a JSON document with its control characters escaped.
struct Escaped<W>(W);

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(part) {
            // `serde_json` writes texts in pieces, but never splits a character.
            Ok(text) => write!(self.0, "{}", printable_json(text))?,
            Err(_) => self.0.write_all(part)?,
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn written(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// The most bytes of arguments, or of a result, shown to people: a few screens.
const MAX_JSON_BYTES: usize = 8000;

/// Arguments, or a result, in one line for people. A long value is cut: `--json` prints all of it.
pub(super) fn json(value: &impl Serialize) -> String {
    let mut line = [0; MAX_JSON_BYTES];
    let mut room = &mut line[..];
    let whole = serde_json::to_writer(&mut room, value).is_ok();
    let used = MAX_JSON_BYTES - room.len();
    // A character that was cut in two is left out.
    let text = line[..used].utf8_chunks().next().map_or("", |chunk| chunk.valid());
    // Escaped as in JSON, so that it can be passed to `call`.
    let text = printable_json(text).to_string();
    if whole { text } else { format!("{text}… (cut here: --json prints all of it)") }
}

/// A time. In JSON it is ISO 8601 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) u64);

impl Time {
    fn timestamp(self) -> Timestamp {
        i64::try_from(self.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX)
    }

    /// For people: to the second, with its age.
    pub(super) fn with_age(self, now_ms: u64) -> String {
        let second = self.timestamp().as_second();
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        if self.0 > now_ms {
            format!("{at} (in {})", span(self.0 - now_ms))
        } else {
            format!("{at} ({} ago)", span(now_ms - self.0))
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.timestamp())
    }
}

/// A duration in its largest whole unit.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} days", ms / 86_400_000),
    }
}

/// Rows under headings, in columns as wide as their widest cell.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    /// An empty table. Columns whose heading starts with `>` are flush right.
    pub(super) fn new(headings: &[&str]) -> Self {
        let right = headings.iter().map(|heading| heading.starts_with('>')).collect();
        let headings = headings.iter().map(|heading| heading.trim_start_matches('>').to_owned()).collect();
        Self { rows: vec![headings], right }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        // A cell is one line, even if its text has several.
        let cell = |cell: String| printable(&cell).to_string().replace('\n', "\\n").replace('\t', "\\t");
        self.rows.push(cells.into_iter().map(cell).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..self.right.len()).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.right) {
                let cell = if *right { format!("{cell:>width$}  ") } else { format!("{cell:<width$}  ") };
                line.push_str(&cell);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Names and values, one a line, with the values aligned.
pub(super) fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let under = format!("\n{:width$}  ", "");
    let line = |(name, value): &(&str, String)| {
        format!("{name:<width$}  {}", printable(value.trim_end()).to_string().replace('\n', &under))
    };
    let lines: Vec<String> = fields.iter().map(line).collect();
    lines.join("\n") + "\n"
}

/// `1 call`, `2 calls`.
pub(super) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The first line of a text, cut to this many characters.
pub(super) fn short(text: &str, most: usize) -> String {
    let line = printable(text.lines().next().unwrap_or_default()).to_string();
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_has_no_space_at_the_end() {
        let mut table = Table::new(&["QUEUE", ">READY", "OLDEST"]);
        table.row(["mail".to_owned(), "12".to_owned(), "-".to_owned()]);
        table.row(["default".to_owned(), "1000000".to_owned(), String::new()]);
        assert_eq!(table.to_string(), "QUEUE      READY  OLDEST\nmail          12  -\ndefault  1000000\n");
    }

    #[test]
    fn a_time_says_when_and_how_long_ago() {
        assert_eq!(Time(1_000).with_age(6_500), "1970-01-01T00:00:01Z (5 s ago)");
        assert_eq!(Time(600_000).with_age(0), "1970-01-01T00:10:00Z (in 10 min)");
        assert_eq!(serde_json::to_string(&Time(1_500)).unwrap(), "\"1970-01-01T00:00:01.5Z\"");
    }

    #[test]
    fn a_value_of_several_lines_stays_in_its_column() {
        let text = fields(&[("message", "one\ntwo\n".to_owned()), ("id", "7".to_owned())]);
        assert_eq!(text, "message  one\n         two\nid       7\n");
    }

    #[test]
    fn long_arguments_are_cut_between_two_characters() {
        assert_eq!(json(&["ä", "b"]), r#"["ä","b"]"#);
        let [even, odd] = ["", "-"].map(|start| json(&format!("{start}{}", "ä".repeat(MAX_JSON_BYTES))));
        let cut = "… (cut here: --json prints all of it)";
        assert_eq!(even, format!("\"{}{cut}", "ä".repeat(MAX_JSON_BYTES / 2 - 1)));
        assert_eq!(odd, format!("\"-{}{cut}", "ä".repeat(MAX_JSON_BYTES / 2 - 1)));
        let whole = "x".repeat(MAX_JSON_BYTES - 2);
        assert_eq!(json(&whole), format!("\"{whole}\""));
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(short("smtp: 550\nat line 3", 20), "smtp: 550");
        assert_eq!(short("äöüäöü", 4), "äöü…");
    }

    #[test]
    fn cells_and_fields_escape_characters_that_a_terminal_obeys() {
        let mut table = Table::new(&["TASK", "QUEUE"]);
        table.row(["a\x1b[2J\nb".to_owned(), "q".to_owned()]);
        assert_eq!(table.to_string(), "TASK           QUEUE\na\\u{1b}[2J\\nb  q\n");
        assert_eq!(fields(&[("task", "a\u{202e}b".to_owned())]), "task  a\\u{202e}b\n");
        assert_eq!(json(&["\u{9b}31m"]), r#"["\u009b31m"]"#);
        assert_eq!(short("\x1b]0;owned\x07", 30), "\\u{1b}]0;owned\\u{7}");
        let mut out = Escaped(Vec::new());
        serde_json::to_writer_pretty(&mut out, &["\u{9b}ü"]).unwrap();
        assert_eq!(out.0, "[\n  \"\\u009bü\"\n]".as_bytes());
    }
}
