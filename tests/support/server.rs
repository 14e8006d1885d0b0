//! Runs a real mail server for the length of a test.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::Record;

/// The server of `tests/smtp_server`, stopped when it is dropped.
pub struct Server {
    process: Child,
    folder: TempDir,
    /// Its address, in the form that `--smtp` takes.
    pub url: String,
}

impl Server {
    /// Starts a server. `server.py --help` says how to make it misbehave.
    pub fn start(args: &[&str]) -> Self {
        // The folder of the workspace, since a member of it has tests with mails too.
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let root = folders.into_iter().find(|folder| folder.join("tests/smtp_server").exists()).expect("it has them");
        let python = root.join(".venv/bin/python");
        assert!(python.exists(), "{} is not there: `tests/run` sets it up, or `tests/python` alone", python.display());
        let folder = TempDir::new().expect("a temporary folder");
        let mut process = Command::new(python)
            .arg(root.join("tests/smtp_server/server.py"))
            .arg("--record")
            .arg(record(&folder))
            .args(args)
            // The server ends when its standard input is closed: with this test, however that ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let mut line = String::new();
        let out = process.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("the server says where it listens");
        let address = line.trim().strip_prefix("listening ").unwrap_or_else(|| panic!("the server said `{line}`"));
        let url = format!("smtp://{address}");
        Self { process, folder, url }
    }

    /// The server's record.
    pub fn record(&self) -> Record {
        Record::new(record(&self.folder))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn record(folder: &TempDir) -> PathBuf {
    folder.path().join("record")
}
