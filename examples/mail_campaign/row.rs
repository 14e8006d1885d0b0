//! One row of a recipients file: a recipient, or the reason why there is none.

use std::fmt;

use email_address::{EmailAddress, Options};

/// The longest name, in characters: a limit of this example, far above what names have.
const MAX_NAME: usize = 500;

/// A recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The address.
    pub email: String,
    /// The name, as it is written in the file; perhaps empty.
    pub name: String,
}

/// A row that no mail is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The row's first line in the file.
    pub line: u64,
    /// Why.
    pub why: Why,
}

/// Why no mail is sent to a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The column is empty, or the row ends before it.
    #[error("no address")]
    Missing,
    /// The text is no address.
    #[error("`{0}` is not an address: {1}")]
    Invalid(String, String),
    /// An earlier row has this address.
    #[error("`{0}` is a repeat: an earlier row has this address")]
    Repeat(String),
    /// The row's bytes are not text.
    #[error("not UTF-8: save the file as UTF-8")]
    NotUtf8,
    /// The row swallows those after it.
    #[error("a quote is not closed: this row takes up {0} lines")]
    OpenQuote(usize),
    /// The name has line breaks.
    #[error("the name runs over {0} lines: is a quote not closed?")]
    NameBreaks(usize),
    /// The name is too long.
    #[error("the name has {0} characters: at most {MAX_NAME}")]
    NameTooLong(usize),
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl Recipient {
    /// The recipient in these two fields. A missing field is `None`.
    pub fn read(email: Option<&[u8]>, name: Option<&[u8]>) -> Result<Self, Why> {
        let (email, name) = (text(email)?, text(name)?);
        if email.is_empty() {
            return Err(Why::Missing);
        }
        // Two open quotes close each other, so the line breaks are the only sign.
        let lines = breaks(name.as_bytes()) + 1;
        if lines > 1 {
            return Err(Why::NameBreaks(lines));
        }
        let length = name.chars().count();
        if length > MAX_NAME {
            return Err(Why::NameTooLong(length));
        }
        // Mail goes to public hosts: `ada@localhost` and `ada@[::1]` are typing errors.
        let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
        if let Err(error) = EmailAddress::parse_with_options(email, options) {
            return Err(Why::Invalid(short(email), error.to_string().trim_end_matches('.').to_lowercase()));
        }
        Ok(Self { email: email.to_owned(), name: name.to_owned() })
    }
}

/// How many line breaks a field has.
pub fn breaks(field: &[u8]) -> usize {
    field.split(|byte| *byte == b'\n').count() - 1
}

/// As much of a text as fits into a message.
pub fn short(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn text(field: Option<&[u8]>) -> Result<&str, Why> {
    std::str::from_utf8(field.unwrap_or_default()).map(str::trim).map_err(|_| Why::NotUtf8)
}
