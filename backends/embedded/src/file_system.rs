//! Detects network file systems, which a database must not be on.

use std::path::Path;

/// Network and cluster file systems by their numbers in `statfs` (`linux/magic.h`, and their own sources). FUSE is not
/// listed: a container's bind mount may be FUSE, and most are local.
#[cfg(any(target_os = "linux", test))]
const NETWORK: [(u32, &str); 14] = [
    (0x0000_6969, "nfs"),
    (0x0000_517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x0000_564c, "ncp"),
    (0x0102_1997, "9p"),
    (0x7375_7245, "coda"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "kafs"),
    (0x00c3_6400, "ceph"),
    (0x0bd0_0bd0, "lustre"),
    (0x0116_1970, "gfs2"),
    (0x7461_636f, "ocfs2"),
    (0x786f_4256, "vboxsf"),
];

/// The name of the network file system that has `path`, if any. Only Linux is checked.
#[cfg(target_os = "linux")]
pub(super) fn network(path: &Path) -> Option<&'static str> {
    // The numbers have 32 bits; the field is wider and, depending on the machine, signed.
    let found = rustix::fs::statfs(path).ok()?;
    name_of(found.f_type as u32)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn network(_path: &Path) -> Option<&'static str> {
    None
}

#[cfg(any(target_os = "linux", test))]
fn name_of(magic: u32) -> Option<&'static str> {
    NETWORK.iter().find(|(number, _)| *number == magic).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nfs_is_a_network_file_system_and_ext4_is_not() {
        assert_eq!(name_of(0x6969), Some("nfs"));
        assert_eq!(name_of(0xff53_4d42), Some("cifs"));
        assert_eq!(name_of(0xef53), None);
    }

    #[test]
    fn the_directory_for_temporary_files_is_local() {
        assert_eq!(network(&std::env::temp_dir()), None);
    }
}
