//! Reads the mail server's record while it is being written.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::PathBuf,
};

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What: `open`, `close`, `accepted`, `451`, `550`, `drop`, `stall`.
    pub what: String,
    /// The recipient.
    pub to: String,
    /// The mail's Message-ID.
    pub id: String,
}

/// A record, read up to its current end.
#[derive(Clone)]
pub struct Record {
    path: PathBuf,
    read: u64,
    /// All events so far.
    pub events: Vec<Event>,
}

impl Record {
    /// The record in this file.
    pub fn new(path: PathBuf) -> Self {
        Self { path, read: 0, events: Vec::new() }
    }

    /// Reads the new events.
    pub fn refresh(&mut self) -> &mut Self {
        let mut new = String::new();
        let mut file = File::open(&self.path).expect("the server made it");
        file.seek(SeekFrom::Start(self.read)).expect("a file can be sought in");
        file.read_to_string(&mut new).expect("the record is text");
        let whole = new.rfind('\n').map_or(0, |at| at + 1);
        self.read += whole as u64;
        self.events.extend(new[..whole].lines().map(Event::parse));
        self
    }

    /// The events of one kind.
    pub fn of<'a>(&'a self, what: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events.iter().filter(move |event| event.what == what)
    }

    /// How many events there are of one kind.
    pub fn count(&self, what: &str) -> usize {
        self.of(what).count()
    }
}

impl Event {
    fn parse(line: &str) -> Self {
        let mut words = line.split(' ').map(str::to_owned);
        let at_ms = words.next().and_then(|at| at.parse().ok()).unwrap_or_else(|| panic!("no time in `{line}`"));
        let mut word = || words.next().unwrap_or_default();
        Self { at_ms, what: word(), to: word(), id: word() }
    }
}
