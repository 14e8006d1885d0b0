//! Prints what the command line's parser answers: help, the version, or what is wrong with the arguments. On a terminal it
//! has colours. clap's own are six more crates.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

const HEADING: &str = "\u{1b}[1;4m";
const LITERAL: &str = "\u{1b}[1m";
const ERROR: &str = "\u{1b}[1;31m";
const TIP: &str = "\u{1b}[32m";
const RESET: &str = "\u{1b}[0m";

/// Prints help and the version to standard output, errors to standard error.
pub(super) fn print(answer: &clap::Error) -> io::Result<()> {
    let text = answer.render().to_string();
    if answer.use_stderr() { write(io::stderr().lock(), &text) } else { write(io::stdout().lock(), &text) }
}

fn write(mut stream: impl Write + IsTerminal, text: &str) -> io::Result<()> {
    if stream.is_terminal() && shows_colours() {
        stream.write_all(painted(text).as_bytes())
    } else {
        stream.write_all(text.as_bytes())
    }
}

/// Whether a terminal shows colours, and its user wants them: <https://no-color.org>.
fn shows_colours() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// The text with its headings, its options and commands, and the kind of a message marked.
fn painted(text: &str) -> String {
    text.split_inclusive('\n').map(line).collect()
}

fn line(line: &str) -> String {
    let text = line.trim_start_matches(' ');
    let (indent, end) = (line.len() - text.len(), text.trim_end().len());
    let (style, marked) = match indent {
        _ if text.starts_with("error:") => (ERROR, "error:".len()),
        _ if text.starts_with("tip:") => (TIP, "tip:".len()),
        0 if text.starts_with("Usage:") => (HEADING, "Usage:".len()),
        0 if text[..end].ends_with(':') => (HEADING, end),
        // An option or a command. Their descriptions are in the same line, or in lines that are indented further.
        1..=6 => (LITERAL, literal(&text[..end])),
        _ => return line.to_owned(),
    };
    let (marked, rest) = text.split_at(marked);
    if marked.is_empty() { line.to_owned() } else { format!("{:indent$}{style}{marked}{RESET}{rest}", "") }
}

/// The length of the names that an entry begins with, as in `-s, --store <URL>  The store`.
fn literal(entry: &str) -> usize {
    let ends = ["  ", " <", " ["].map(|end| entry.find(end).unwrap_or(entry.len()));
    if entry.starts_with(['<', '[']) { 0 } else { ends.into_iter().min().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_marks_its_headings_options_and_commands() {
        let help = "Runs the tasks.\n\nUsage: shop [OPTIONS]\n\nCommands:\n  dead  Shows dead letters: all\n\nOptions:\n  \
                    -h, --help  Print help\n      --store <URL>\n          The store:\n  <ID>  The call\n";
        let marked = "Runs the tasks.\n\n\u{1b}[1;4mUsage:\u{1b}[0m shop [OPTIONS]\n\n\u{1b}[1;4mCommands:\u{1b}[0m\n  \
                      \u{1b}[1mdead\u{1b}[0m  Shows dead letters: all\n\n\u{1b}[1;4mOptions:\u{1b}[0m\n  \
                      \u{1b}[1m-h, --help\u{1b}[0m  Print help\n      \u{1b}[1m--store\u{1b}[0m <URL>\n          The \
                      store:\n  <ID>  The call\n";
        assert_eq!(painted(help), marked);
    }

    #[test]
    fn an_error_is_marked_as_one() {
        let error = "error: unexpected argument '--al' found\n\n  tip: a similar argument exists: '--all'\n";
        let marked = "\u{1b}[1;31merror:\u{1b}[0m unexpected argument '--al' found\n\n  \u{1b}[32mtip:\u{1b}[0m a \
                      similar argument exists: '--all'\n";
        assert_eq!(painted(error), marked);
    }
}
