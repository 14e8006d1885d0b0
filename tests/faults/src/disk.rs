//! A small separate disk in memory that can be filled up.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

/// The capability to mount, as a bit in a process's status in `/proc`.
const CAP_SYS_ADMIN: u64 = 1 << 21;

/// A small disk.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// A disk of this many kilobytes; `None` if this user may not mount one.
    ///
    /// # Panics
    /// If the user may mount but it fails.
    pub fn new(kilobytes: u32) -> Option<Self> {
        let folder = TempDir::with_prefix("disk-").expect("a temporary folder");
        let size = std::ffi::CString::new(format!("size={kilobytes}k,mode=700")).expect("there is no zero in it");
        match mount("none", folder.path(), "tmpfs", MountFlags::empty(), Some(size.as_c_str())) {
            Ok(()) => Some(Self { folder }),
            Err(error) => {
                assert!(!may_mount(), "this process may mount, and cannot: {error}");
                None
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills the disk to the last byte, and returns how much that was.
    pub fn fill(&self) -> io::Result<u64> {
        let mut ballast = OpenOptions::new().append(true).create(true).open(self.ballast())?;
        let mut taken = 0;
        for size in [4096, 1] {
            let block = vec![0; size];
            loop {
                match ballast.write(&block) {
                    Ok(0) => break,
                    Ok(written) => taken += written as u64,
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(taken)
    }

    /// Frees this many bytes, or all of them.
    pub fn give_back(&self, bytes: u64) -> io::Result<()> {
        let ballast = File::options().write(true).open(self.ballast())?;
        ballast.set_len(ballast.metadata()?.len().saturating_sub(bytes))
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Files that are still open end with their processes.
        let _ = unmount(self.folder.path(), UnmountFlags::DETACH);
    }
}

/// Whether this process has the right to mount.
fn may_mount() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    rights
        .and_then(|rights| u64::from_str_radix(rights.trim(), 16).ok())
        .is_some_and(|rights| rights & CAP_SYS_ADMIN != 0)
}
