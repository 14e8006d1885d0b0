//! The URL of a store: a scheme, which selects the backend, and a rest, which the backend interprets.

use std::{fmt, str::FromStr};

use super::StoreError;

/// The URL of a store, such as `sqlite:celeriac.db`: a scheme, and a rest that the backend interprets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreUrl {
    text: String,
    /// How many bytes the scheme has.
    scheme: usize,
}

impl StoreUrl {
    /// The URL with this scheme and rest.
    ///
    /// # Errors
    /// If the scheme is invalid. It has lowercase letters, digits, `+`, `-` and `.`, a letter first.
    pub fn new(scheme: &str, rest: &str) -> Result<Self, StoreError> {
        format!("{scheme}:{rest}").parse()
    }

    /// The text before the colon, such as `sqlite`.
    pub fn scheme(&self) -> &str {
        &self.text[..self.scheme]
    }

    /// The text after the colon, such as `celeriac.db`. It is taken literally: nothing is percent-decoded.
    pub fn rest(&self) -> &str {
        &self.text[self.scheme + 1..]
    }

    /// The whole URL.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for StoreUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text.split_once(':') {
            Some((scheme, _)) if is_scheme(scheme) => Ok(Self { text: text.to_owned(), scheme: scheme.len() }),
            _ => Err(StoreError::no_url(text)),
        }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}

impl AsRef<str> for StoreUrl {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_scheme_and_a_rest() {
        let url: StoreUrl = "sqlite:jobs:old.db".parse().unwrap();
        assert_eq!((url.scheme(), url.rest(), url.as_str()), ("sqlite", "jobs:old.db", "sqlite:jobs:old.db"));
        let url: StoreUrl = "memory:".parse().unwrap();
        assert_eq!((url.scheme(), url.rest()), ("memory", ""));
    }

    #[test]
    fn a_path_alone_is_refused_with_what_to_write() {
        for (text, error) in [
            ("jobs.db", "store `jobs.db`: a store is named by a URL; for a file write `sqlite:jobs.db`"),
            (
                "/var/lib/jobs.db",
                "store `/var/lib/jobs.db`: a store is named by a URL; for a file write `sqlite:/var/lib/jobs.db`",
            ),
            ("C:\\jobs.db", "store `C:\\jobs.db`: a store is named by a URL; for a file write `sqlite:C:\\jobs.db`"),
            ("", "the name of the store is empty: a store is named by a URL such as `sqlite:celeriac.db`"),
        ] {
            assert_eq!(text.parse::<StoreUrl>().unwrap_err().to_string(), error);
        }
    }
}
