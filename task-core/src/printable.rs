//! Escapes text from outside for a terminal. An error of a mail server, an argument or a task's name may contain escape
//! sequences that set the terminal's title, hide lines or reverse them.

use std::fmt::{self, Display, Write as _};

/// Shows a text with its control characters escaped, as `\u{1b}`: those that a terminal obeys, and those that change
/// the reading order. Line feeds and tabs stay.
///
/// ```
/// # use celeriac_core::printable;
/// assert_eq!(printable("\x1b]0;owned\x07 é\n").to_string(), "\\u{1b}]0;owned\\u{7} é\n");
/// ```
pub fn printable(text: &str) -> Printable<'_> {
    Printable(text)
}

/// See [`printable`].
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(&'a str);

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.0, f, |hidden, f| write!(f, "{}", hidden.escape_default()))
    }
}

/// The same for a JSON document, where such characters occur only in strings. They are escaped as JSON escapes them, so
/// that a program reads the original text.
pub fn printable_json(document: &str) -> PrintableJson<'_> {
    PrintableJson(document)
}

/// See [`printable_json`].
#[derive(Clone, Copy, Debug)]
pub struct PrintableJson<'a>(&'a str);

impl Display for PrintableJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.0, f, |hidden, f| {
            hidden.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))
        })
    }
}

fn escape(
    text: &str,
    f: &mut fmt::Formatter<'_>,
    hidden: impl Fn(char, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    text.chars().try_for_each(|letter| if is_hidden(letter) { hidden(letter, f) } else { f.write_char(letter) })
}

/// Whether a terminal obeys a character, or the character is invisible and changes how others are read. Line feeds and
/// tabs are exempt.
fn is_hidden(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        // Marks, embeddings, overrides and isolates of right-to-left text; separators of lines and paragraphs; tags.
        '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{206f}'
        | '\u{e0000}'..='\u{e007f}' => true,
        letter => letter.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_characters_that_a_terminal_obeys() {
        for (text, shown) in [
            ("Grüße, 世界\n\t\"a\\b\"", "Grüße, 世界\n\t\"a\\b\""),
            ("\x1b]0;owned\x07", "\\u{1b}]0;owned\\u{7}"),
            ("one\rtwo\x08\x7f", "one\\rtwo\\u{8}\\u{7f}"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            ("\u{202e}txt.exe\u{2066}\u{200f}", "\\u{202e}txt.exe\\u{2066}\\u{200f}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(printable(text).to_string(), shown);
            assert_eq!(printable(shown).to_string(), shown, "once is enough");
        }
    }

    #[test]
    fn json_stays_the_same_document() {
        let text = "a\u{9b}31m\u{202e}\u{e0041}\x7f";
        let document = serde_json::to_string(&[text]).unwrap();
        let shown = printable_json(&document).to_string();
        assert_eq!(shown, r#"["a\u009b31m\u202e\udb40\udc41\u007f"]"#);
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [text]);
    }
}
