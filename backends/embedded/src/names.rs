//! Resolves the names of a database file. SQLite puts the log next to the name under which a file is opened, and the
//! locks are there too. Under two names one file has two logs, and writes in one log are lost to the other.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::error::OpenError;

/// The most links that Linux follows.
const MAX_LINKS: usize = 40;

/// The file that `path` leads to, whether it exists or not.
pub(super) fn real(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            real => return real,
        }
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => fs::canonicalize(parent)?,
            _ => fs::canonicalize(".")?,
        };
        match fs::read_link(&path) {
            // A link to a missing file.
            Ok(target) => path = parent.join(target),
            Err(_) => return Ok(parent.join(path.file_name().unwrap_or_default())),
        }
    }
    Err(io::Error::other("too many links"))
}

/// Refuses a file that has, or may have, a second name.
pub(super) fn refuse_second(path: &Path, real: &Path, file: &fs::Metadata) -> Result<(), OpenError> {
    if file.nlink() > 1 {
        return Err(OpenError::ManyNames { path: path.to_owned(), names: file.nlink() });
    }
    if is_mount_point(real) {
        return Err(OpenError::MountPoint { path: path.to_owned() });
    }
    Ok(())
}

/// Whether something is mounted at exactly this path. Only Linux is checked.
#[cfg(target_os = "linux")]
fn is_mount_point(real: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

    if let Ok(file) = statx(CWD, real, AtFlags::empty(), StatxFlags::TYPE)
        && file.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT)
    {
        return file.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    }
    // For kernels before Linux 5.8.
    fs::read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| has_mount(&mounts, real))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_real: &Path) -> bool {
    false
}

/// The fifth field of a line of `/proc/self/mountinfo` is the mount point.
#[cfg(target_os = "linux")]
fn has_mount(mounts: &str, path: &Path) -> bool {
    let Some(path) = path.to_str() else { return false };
    let escaped = path.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011").replace('\n', "\\012");
    mounts.lines().any(|line| line.split(' ').nth(4) == Some(escaped.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_file_that_is_not_there_yet() {
        let directory = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(directory.path()).unwrap();
        fs::create_dir(here.join("data")).unwrap();
        std::os::unix::fs::symlink("data/queue.db", here.join("link.db")).unwrap();
        std::os::unix::fs::symlink("link.db", here.join("other.db")).unwrap();
        assert_eq!(real(&here.join("other.db")).unwrap(), here.join("data/queue.db"));
        assert_eq!(real(&here.join("data/queue.db")).unwrap(), here.join("data/queue.db"));
        std::os::unix::fs::symlink("circle.db", here.join("circle.db")).unwrap();
        assert!(real(&here.join("circle.db")).is_err());
        assert_eq!(real(&here.join("no/queue.db")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_mount_is_found_by_its_path() {
        let mounts = "22 1 0:21 / / rw,relatime - ext4 /dev/sda1 rw\n\
                      35 22 8:1 /var/x.db /srv/the\\040app/x.db rw - ext4 /dev/sda1 rw\n";
        assert!(has_mount(mounts, Path::new("/srv/the app/x.db")));
        assert!(!has_mount(mounts, Path::new("/var/x.db")));
        assert!(!has_mount(mounts, Path::new("/srv")));
    }
}
