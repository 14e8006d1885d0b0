//! A folder instead of a mail server: one `.eml` file for each mail, as any mail program opens it.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// A folder of mails.
#[derive(Clone, Debug)]
pub struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    /// The outbox in this folder, which is made if it is not there.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Writes a mail. Its file is there whole or not at all; writing it again replaces it.
    pub async fn write(&self, key: &str, mail: Vec<u8>) -> io::Result<()> {
        let (file, half) = (self.folder.join(format!("{key}.eml")), self.folder.join(format!(".{key}.eml.half")));
        let wrote = tokio::task::spawn_blocking(move || {
            let mut out = File::create(&half)?;
            out.write_all(&mail)?;
            out.sync_data()?;
            fs::rename(&half, &file)
        });
        wrote.await.map_err(io::Error::other)?
    }
}
