//! Shared code of the examples' tests: the built programs, and the mail server.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test uses a part of it")]

mod record;
mod server;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

pub use record::{Event, Record};
use serde::Deserialize;
pub use server::Server;
use tempfile::TempDir;

/// An example program, built in the profile of this test.
pub fn example(name: &str) -> Command {
    let this = env::current_exe().expect("a test knows its own path");
    let profile = this.parent().and_then(Path::parent).expect("a test lies in target/PROFILE/deps");
    let program = profile.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is not there: `cargo build --examples` builds it", program.display());
    let mut command = Command::new(program);
    for variable in ["CELERIAC_STORE", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// Waits until something holds. Fails after two minutes.
pub fn until<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    #[allow(clippy::disallowed_methods, reason = "a test that hangs should fail")]
    let start = Instant::now();
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(start.elapsed() < Duration::from_mins(2), "waited two minutes for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The output of `mail_campaign --json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    pub accepted: u64,
    pub sent: u64,
    pub retried: u64,
    pub dead: u64,
    pub skipped: u64,
    pub seconds: f64,
}

/// A folder with a file of recipients and the database of its campaign.
pub struct Campaign {
    folder: TempDir,
    /// The addresses that a mail should be sent to.
    pub valid: Vec<String>,
}

impl Campaign {
    /// A campaign with a generated file of this many rows.
    pub fn generate(rows: u64, seed: u64) -> Self {
        let mut campaign = Self { folder: TempDir::new().expect("a temporary folder"), valid: Vec::new() };
        let (rows, seed) = (rows.to_string(), seed.to_string());
        let made = example("recipients")
            .args(["--rows", &rows, "--seed", &seed, "--out", "recipients.csv", "--valid", "valid.txt"])
            .current_dir(campaign.path())
            .output()
            .expect("the generator runs");
        assert!(made.status.success(), "{}", text(&made.stderr));
        let valid = fs::read_to_string(campaign.path().join("valid.txt")).expect("the generator wrote it");
        campaign.valid = valid.lines().map(str::to_owned).collect();
        campaign
    }

    /// A campaign with this file.
    pub fn with(content: &[u8]) -> Self {
        let campaign = Self { folder: TempDir::new().expect("a temporary folder"), valid: Vec::new() };
        fs::write(campaign.path().join("recipients.csv"), content).expect("a temporary folder can be written to");
        campaign
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program with its recipients, which runs in its folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = example("mail_campaign");
        command.args(["--recipients", "recipients.csv"]).args(args).current_dir(self.path());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program runs")
    }

    /// The mails in an outbox, by name of the file.
    pub fn outbox(&self, folder: &str) -> BTreeMap<PathBuf, String> {
        let files = fs::read_dir(self.path().join(folder)).expect("there is an outbox");
        let paths = files.map(|file| file.expect("it can be read").path());
        paths.map(|path| (path.clone(), fs::read_to_string(path).expect("mails are text"))).collect()
    }
}

/// The last line on standard output, as JSON.
pub fn summary(output: &Output) -> Summary {
    let out = text(&output.stdout);
    let last = out.lines().last().unwrap_or_else(|| panic!("no summary; stderr: {}", text(&output.stderr)));
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
}

/// A program's output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The value of a header of a mail.
pub fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    let line = mail.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {name} in {mail}"))
}
