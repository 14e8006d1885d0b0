//! One line of an audit.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Ok,
    /// Calls run, but something is not as it should be.
    Warning,
    /// Calls do not run, or may be lost.
    Error,
}

/// What is to be said of one thing, with the cure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// The thing, as its owner calls it: `function prod-worker`.
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Finding {
    pub(crate) fn new(level: Level, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { level, subject: subject.into(), text: text.into() }
    }

    pub(crate) fn ok(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Level::Ok, subject, text)
    }

    pub(crate) fn warning(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Level::Warning, subject, text)
    }

    pub(crate) fn error(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Level::Error, subject, text)
    }
}

/// `1 queue`, `2 queues`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Collects what is wrong with one thing.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Level, String)>);

impl Faults {
    pub(super) fn error(&mut self, what: impl Into<String>) {
        self.0.push((Level::Error, what.into()));
    }

    pub(super) fn warning(&mut self, what: impl Into<String>) {
        self.0.push((Level::Warning, what.into()));
    }

    /// Adds an error if the two differ.
    pub(super) fn unless_same<T: PartialEq + std::fmt::Display>(&mut self, what: &str, has: &T, wants: &T, cure: &str) {
        if has != wants {
            self.error(format!("{what} is {has}, and should be {wants}: {cure}"));
        }
    }

    /// One finding with all that is wrong, the worst first, or that all is well.
    pub(super) fn finding(mut self, subject: String, well: impl Into<String>) -> Finding {
        self.0.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
        let Some((level, _)) = self.0.first() else { return Finding::ok(subject, well) };
        let level = *level;
        let texts: Vec<String> = self.0.into_iter().map(|(_, text)| text).collect();
        Finding::new(level, subject, texts.join("; "))
    }
}
