//! Reads the notes of witnesses, while they are written or afterwards.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use celeriac::TaskId;

use crate::{requests::Request, tasks::Kind};

/// A note of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, by [`crate::witness::now_us`].
    pub at_us: u64,
    /// In which life of which process.
    pub life: Arc<str>,
    /// What.
    pub what: What,
}

/// The content of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are what `Witness` writes")]
pub enum What {
    Begun,
    Ready,
    Stopped,
    Started { call: TaskId, attempt: u32, kind: Kind, number: u64 },
    Ended { call: TaskId, attempt: u32, how: How },
    Asked(Request),
    Accepted { number: u64, id: String },
    Rejected { number: u64, why: String },
    Doubtful { number: u64, why: String },
    Told(TaskId),
}

/// How an attempt ended, as the call itself saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Well.
    Well,
    /// It failed.
    Failed,
    /// It was dropped in the middle.
    Dropped,
}

/// The notes of all witnesses so far.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
    read: BTreeMap<PathBuf, u64>,
    /// All of it, per life in order.
    pub events: Vec<Event>,
}

impl Record {
    /// The notes of the witnesses in a folder.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), read: BTreeMap::new(), events: Vec::new() }
    }

    /// Reads new notes and returns them.
    pub fn refresh(&mut self) -> &[Event] {
        let before = self.events.len();
        let mut files: Vec<_> =
            fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|at| at.path()).collect();
        files.sort();
        for file in files.into_iter().filter(|file| life(file).is_some()) {
            let from = self.read.entry(file.clone()).or_default();
            let text = read_from(&file, *from);
            let whole = text.rfind('\n').map_or(0, |at| at + 1);
            *from += whole as u64;
            self.events.extend(parse(&text[..whole], &life(&file).expect("it was looked at above")));
        }
        &self.events[before..]
    }
}

/// The notes of one witness. An incomplete line of a killed process does not count.
pub fn lines(file: &Path) -> Vec<Event> {
    let text = read_from(file, 0);
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    life(file).map_or_else(Vec::new, |life| parse(&text[..whole], &life))
}

/// The lines of a text, which are of one life.
pub fn parse(text: &str, life: &Arc<str>) -> Vec<Event> {
    let event = |line: &str| {
        Event::parse(line, life).unwrap_or_else(|| panic!("{life} wrote a line that cannot be read: `{line}`"))
    };
    text.lines().map(event).collect()
}

/// The life that a file belongs to: `SLOT.NUMBER`. The output of processes is next to it.
fn life(file: &Path) -> Option<Arc<str>> {
    let name = file.file_name()?.to_str()?;
    let (_, number) = name.split_once('.')?;
    number.parse::<u64>().ok().map(|_| name.into())
}

fn read_from(file: &Path, from: u64) -> String {
    let mut text = String::new();
    if let Ok(mut file) = File::open(file) {
        file.seek(SeekFrom::Start(from)).expect("a file can be sought in");
        file.read_to_string(&mut text).expect("witnesses write text");
    }
    text
}

impl Event {
    fn parse(line: &str, life: &Arc<str>) -> Option<Self> {
        let (at_us, line) = line.split_once(' ')?;
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.splitn(4, ' ');
        let what = match what {
            "begun" => What::Begun,
            "ready" => What::Ready,
            "stopped" => What::Stopped,
            "starts" => What::Started {
                call: words.next()?.parse().ok()?,
                attempt: words.next()?.parse().ok()?,
                kind: Kind::of(words.next()?)?,
                number: words.next()?.parse().ok()?,
            },
            "ends" | "fails" | "dropped" => What::Ended {
                call: words.next()?.parse().ok()?,
                attempt: words.next()?.parse().ok()?,
                how: match what {
                    "ends" => How::Well,
                    "fails" => How::Failed,
                    _ => How::Dropped,
                },
            },
            "asks" => What::Asked(Request::parse(rest)?),
            "told" => What::Told(rest.parse().ok()?),
            _ => {
                let (number, text) = rest.split_once(' ')?;
                let (number, text) = (number.parse().ok()?, text.to_owned());
                match what {
                    "accepted" => What::Accepted { number, id: text },
                    "rejected" => What::Rejected { number, why: text },
                    "doubtful" => What::Doubtful { number, why: text },
                    _ => return None,
                }
            }
        };
        Some(Self { at_us: at_us.parse().ok()?, life: Arc::clone(life), what })
    }
}
