//! A small library that is preloaded into processes: it notes their writes, and falsifies their clocks. It is written
//! in C, as code between a program and its system must be, and is built here when it is needed.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::site::Site;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/shim.c");

/// Builds the library in a folder.
///
/// # Panics
/// If there is no C compiler, which the workspace needs anyway.
pub fn build(folder: &Path) -> PathBuf {
    let library = folder.join("shim.so");
    let built = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .args([SOURCE, "-ldl"])
        .output()
        .expect("there is a C compiler");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    library
}

/// Makes the processes of a site note their writes below its folder.
pub fn note_writes(site: &mut Site, library: &Path, journal: &Path) {
    let folder = fs::canonicalize(&site.folder).expect("the folder is there");
    site.set("LD_PRELOAD", &library.display());
    site.set("FAULTS_FOLDER", &folder.display());
    site.set("FAULTS_JOURNAL", &journal.display());
}

/// A clock that can be made wrong.
#[derive(Debug)]
pub struct WrongClock {
    file: File,
}

impl WrongClock {
    /// The clock of the processes that a site starts from now on, which is right at first.
    pub fn new(site: &mut Site, library: &Path, file: &Path) -> io::Result<Self> {
        let clock = Self { file: File::create(file)? };
        clock.set(0)?;
        site.set("LD_PRELOAD", &library.display());
        site.set("FAULTS_CLOCK", &file.display());
        Ok(clock)
    }

    /// Makes it wrong by this much.
    pub fn set(&self, offset_ms: i64) -> io::Result<()> {
        self.file.write_all_at(&offset_ms.to_ne_bytes(), 0)
    }
}
