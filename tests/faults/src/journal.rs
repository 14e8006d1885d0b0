//! What processes wrote, in the order in which they did, and what of it a disk has when its power is cut.
//!
//! A disk keeps what was written to a file before a sync of it began, once that has ended. Of what was written later it
//! keeps any sectors or none, in any order, as some disks and file systems do. Names are kept as ext4, xfs and btrfs keep
//! them: in order, and all of them with the next sync of anything.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rand::{RngExt as _, rngs::StdRng};

/// The size of what a disk writes as a whole.
const SECTOR: usize = 512;

/// How long what stands before an entry's path is, and what it begins with.
const HEAD_BYTES: usize = 40;
const MAGIC: u32 = 0x4a4c_4346;

/// Something that a process did to a file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The file.
    pub path: Arc<str>,
    inode: u64,
    /// What it did.
    pub deed: Deed,
}

/// What a process did to a file.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "they are what the library notes")]
pub enum Deed {
    Write { offset: u64, data: Arc<[u8]> },
    Truncate { length: u64 },
    SyncBegins { sync: u64 },
    SyncEnds { sync: u64 },
    Unlink,
}

/// Reads a journal. `None` if a process was killed in the middle of an entry: what it wrote is then not known.
pub fn read(journal: &Path) -> io::Result<Option<Vec<Entry>>> {
    let bytes = fs::read(journal)?;
    let mut entries = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let Some((entry, bytes)) = Entry::parse(rest) else { return Ok(None) };
        entries.push(entry);
        rest = &rest[bytes..];
    }
    Ok(Some(entries))
}

impl Entry {
    fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let number = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let small = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        if small(0)? != MAGIC {
            return None;
        }
        let (what, sync, inode, offset) = (small(4)?, number(8)?, number(16)?, number(24)?);
        let (path_bytes, data_bytes) = (small(32)? as usize, small(36)? as usize);
        let path = bytes.get(HEAD_BYTES..HEAD_BYTES + path_bytes)?;
        let data = bytes.get(HEAD_BYTES + path_bytes..HEAD_BYTES + path_bytes + data_bytes)?;
        let deed = match what {
            1 => Deed::Write { offset, data: data.into() },
            2 => Deed::Truncate { length: offset },
            3 => Deed::SyncBegins { sync },
            4 => Deed::SyncEnds { sync },
            5 => Deed::Unlink,
            _ => return None,
        };
        let path = std::str::from_utf8(path).ok()?.into();
        Some((Self { path, inode, deed }, HEAD_BYTES + path_bytes + data_bytes))
    }
}

/// A disk, as far as a journal was read.
#[derive(Debug, Default)]
pub struct Platter {
    files: BTreeMap<u64, Content>,
    /// What became of names, in order, and how much of that is kept for sure.
    names: Vec<(Arc<str>, Option<u64>)>,
    named: usize,
    /// Syncs that have begun.
    begun: BTreeMap<u64, Begun>,
    /// Whether it says that it has synced and has not.
    lies: bool,
}

/// A sync that has begun: how much of the names, and of what is pending of its file, it keeps.
#[derive(Debug)]
struct Begun {
    inode: u64,
    names: usize,
    pending: usize,
}

#[derive(Debug, Default)]
struct Content {
    kept: Vec<u8>,
    /// What came later.
    pending: Vec<Deed>,
}

impl Platter {
    /// One that does not keep what it was asked to sync, as if nobody had asked: to show that it is noticed.
    pub fn that_lies() -> Self {
        Self { lies: true, ..Self::default() }
    }

    /// Takes in the next entry.
    pub fn take(&mut self, entry: &Entry) {
        let Entry { path, inode, deed } = entry;
        let is_sync = matches!(deed, Deed::SyncBegins { .. } | Deed::SyncEnds { .. });
        if path.ends_with(" (deleted)") || (is_sync && self.lies) {
            return;
        }
        if let Deed::Unlink = deed {
            self.names.push((Arc::clone(path), None));
            // The number may be another file's from now on.
            self.files.insert(*inode, Content::default());
            return;
        }
        let last = self.names.iter().rev().find(|(name, _)| name == path);
        if last.is_none_or(|(_, named)| *named != Some(*inode)) && !matches!(deed, Deed::SyncEnds { .. }) {
            self.names.push((Arc::clone(path), Some(*inode)));
        }
        let content = self.files.entry(*inode).or_default();
        match deed {
            Deed::SyncBegins { sync } => {
                let (names, pending) = (self.names.len(), content.pending.len());
                self.begun.insert(*sync, Begun { inode: *inode, names, pending });
            }
            Deed::SyncEnds { sync } => {
                let Begun { names, pending, .. } = self.begun.remove(sync).expect("a sync begins before it ends");
                self.named = self.named.max(names);
                for deed in content.pending.drain(..pending) {
                    apply(&mut content.kept, &deed, |_| true);
                }
                // What it kept, the others need not.
                for other in self.begun.values_mut().filter(|other| other.inode == *inode) {
                    other.pending = other.pending.saturating_sub(pending);
                }
            }
            _ => content.pending.push(deed.clone()),
        }
    }

    /// What is on it if its power is cut now.
    pub fn cut(&self, rng: &mut StdRng) -> BTreeMap<PathBuf, Vec<u8>> {
        let upto = rng.random_range(self.named..=self.names.len());
        let mut names = BTreeMap::new();
        for (name, inode) in &self.names[..upto] {
            match inode {
                Some(inode) => names.insert(Arc::clone(name), *inode),
                None => names.remove(name),
            };
        }
        // All, none, or any part of what was not synced: whichever it is, it is so for the whole disk.
        let chance = [0.0, 0.5, 0.9, 1.0][rng.random_range(0..4)];
        let mut file = |inode| {
            let content = &self.files[&inode];
            let mut bytes = content.kept.clone();
            for deed in &content.pending {
                apply(&mut bytes, deed, |_| rng.random_bool(chance));
            }
            bytes
        };
        names.into_iter().map(|(name, inode)| (PathBuf::from(&*name), file(inode))).collect()
    }
}

/// Does to a file what was done to it, as far as each sector is kept.
fn apply(bytes: &mut Vec<u8>, deed: &Deed, mut is_kept: impl FnMut(usize) -> bool) {
    match deed {
        Deed::Write { offset, data } => {
            let (mut at, end) = (*offset as usize, *offset as usize + data.len());
            while at < end {
                let next = (at / SECTOR + 1) * SECTOR;
                let next = next.min(end);
                if is_kept(at / SECTOR) {
                    if bytes.len() < next {
                        bytes.resize(next, 0);
                    }
                    let from = at - *offset as usize;
                    bytes[at..next].copy_from_slice(&data[from..from + next - at]);
                }
                at = next;
            }
        }
        Deed::Truncate { length } => {
            if is_kept(0) {
                bytes.resize(*length as usize, 0);
            }
        }
        Deed::SyncBegins { .. } | Deed::SyncEnds { .. } | Deed::Unlink => {}
    }
}
