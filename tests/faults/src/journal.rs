//! Replays the writes of processes in their order, and computes what a disk has after a power cut.
//!
//! A disk keeps the writes to a file before a sync of it began, once the sync has ended. Of later writes it keeps any
//! sectors or none, in any order, as some disks and file systems do. Names are kept as in ext4, xfs and btrfs: in
//! order, and all of them with the next sync of any file.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rand::{RngExt as _, rngs::StdRng};

/// The unit that a disk writes as a whole.
const SECTOR: usize = 512;

/// The length of an entry's data before its path, and its first bytes.
const HEAD_BYTES: usize = 40;
const MAGIC: u32 = 0x4a4c_4346;

/// An action of a process on a file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The file.
    pub path: Arc<str>,
    inode: u64,
    /// The action.
    pub deed: Deed,
}

/// An action on a file.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "they are what the library notes")]
pub enum Deed {
    Write { offset: u64, data: Arc<[u8]> },
    Truncate { length: u64 },
    SyncBegins { sync: u64 },
    SyncEnds { sync: u64 },
    Unlink,
}

/// Reads a journal. `None` if a process was killed in the middle of an entry, since its last write is then unknown.
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

/// A disk, after part of a journal.
#[derive(Debug, Default)]
pub struct Platter {
    files: BTreeMap<u64, Content>,
    /// Changes of names, in order, and how many of them are surely kept.
    names: Vec<(Arc<str>, Option<u64>)>,
    named: usize,
    /// Syncs that have begun.
    begun: BTreeMap<u64, Begun>,
    /// Whether it reports syncs that it does not do.
    lies: bool,
}

/// A sync that has begun: how many names, and how many of its file's pending writes, it will keep.
#[derive(Debug)]
struct Begun {
    inode: u64,
    names: usize,
    pending: usize,
}

#[derive(Debug, Default)]
struct Content {
    kept: Vec<u8>,
    /// Later writes.
    pending: Vec<Deed>,
}

impl Platter {
    /// A disk that ignores syncs, to show that the test notices it.
    pub fn that_lies() -> Self {
        Self { lies: true, ..Self::default() }
    }

    /// Applies the next entry.
    pub fn take(&mut self, entry: &Entry) {
        let Entry { path, inode, deed } = entry;
        let is_sync = matches!(deed, Deed::SyncBegins { .. } | Deed::SyncEnds { .. });
        if path.ends_with(" (deleted)") || (is_sync && self.lies) {
            return;
        }
        if let Deed::Unlink = deed {
            self.names.push((Arc::clone(path), None));
            // The number may now belong to another file.
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
                // Other syncs of the file need not keep what this one kept.
                for other in self.begun.values_mut().filter(|other| other.inode == *inode) {
                    other.pending = other.pending.saturating_sub(pending);
                }
            }
            _ => content.pending.push(deed.clone()),
        }
    }

    /// Its content if the power is cut now.
    pub fn cut(&self, rng: &mut StdRng) -> BTreeMap<PathBuf, Vec<u8>> {
        let upto = rng.random_range(self.named..=self.names.len());
        let mut names = BTreeMap::new();
        for (name, inode) in &self.names[..upto] {
            match inode {
                Some(inode) => names.insert(Arc::clone(name), *inode),
                None => names.remove(name),
            };
        }
        // The whole disk keeps all, none, or any part of the unsynced writes.
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

/// Applies a write to a file, for each sector that is kept.
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
