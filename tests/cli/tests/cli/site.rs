//! A separate directory for each test, and the programs that run in it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A program with tasks.
pub(crate) const SHOP: &str = env!("CARGO_BIN_EXE_shop");

/// A separate directory, which has a database once a program has made one.
pub(crate) struct Site {
    dir: TempDir,
}

/// The outcome of a command.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The URL of the default database, with its absolute path.
    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.dir.path().canonicalize().unwrap().join("celeriac.db").display())
    }

    /// A command for a program, without the environment variables of the tests.
    pub(crate) fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir.path()).env_remove("RUST_LOG");
        for variable in ["CELERIAC_STORE", "AWS_LAMBDA_RUNTIME_API", "_HANDLER"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs a command of the shop to its end.
    pub(crate) fn shop(&self, args: &[&str]) -> Answer {
        self.program(SHOP, args).output().unwrap().into()
    }

    /// Runs a command of the shop, which must succeed. Returns its JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.shop(&[args, &["--json"]].concat()).ok().json()
    }

    /// Runs a command of the shop with this standard input.
    pub(crate) fn shop_reading(&self, args: &[&str], input: &str) -> Answer {
        let mut child = self
            .program(SHOP, args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }

    /// Sends a call and returns its id.
    pub(crate) fn call(&self, args: &[&str]) -> String {
        self.shop(&[&["call"], args].concat()).ok().out.trim().to_owned()
    }

    /// Waits until a call or a batch is in this state.
    #[track_caller]
    pub(crate) fn becomes(&self, id: &str, state: &str) {
        let states = (0..1_000).map(|_| self.json(&["status", id])["state"].take());
        assert!(states.into_iter().any(|now| now == state), "{id} has not become {state}");
    }

    /// Waits until nothing of a queue is in flight: a call ends a moment before its parcel does.
    #[track_caller]
    pub(crate) fn settles(&self, queue: &str) {
        let in_flight = (0..1_000).map(|_| self.json(&["queue", "list", queue])["queues"][0]["in_flight"].take());
        assert!(in_flight.into_iter().any(|parcels| parcels == 0), "{queue} has not settled");
    }

    /// Starts a role of the shop. It ends with the test at the latest.
    pub(crate) fn role(&self, args: &[&str]) -> Role {
        Role::new(&mut self.program(SHOP, args))
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Answer {
    /// Asserts that it succeeded.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self
    }

    /// Asserts that it failed with this code and this standard error, and with nothing on standard output.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, err: &str) {
        assert_eq!((self.code, self.err.trim_end(), self.out.as_str()), (Some(code), err, ""));
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }

    /// Its lines of words, without ages. Times and ids are made the same.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.out.lines().map(words).collect()
    }
}

fn words(line: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in line.split_whitespace() {
        let is_time = word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
        let is_id = word.len() >= 26 && word[..26].bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        words.push(match word {
            _ if is_time => "TIME",
            _ if is_id => "ID",
            "ago)" => {
                let age = words.iter().rposition(|word| word.starts_with('(')).unwrap();
                words.truncate(age);
                continue;
            }
            word => word,
        });
    }
    words.join(" ")
}

/// A running role.
pub(crate) struct Role {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
    /// The part of its log that has been read.
    log: String,
}

impl Role {
    pub(crate) fn new(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        Self { child, out, err, log: String::new() }
    }

    /// Waits until the role, or one of its tasks, has printed this line.
    pub(crate) fn prints(&mut self, wanted: &str) {
        let mut line = String::new();
        while self.out.read_line(&mut line).unwrap() > 0 {
            if line.trim_end() == wanted {
                return;
            }
            line.clear();
        }
        self.err.read_to_string(&mut self.log).unwrap();
        panic!("it ended without printing `{wanted}`: {}", self.log);
    }

    /// Waits until it has logged a line that contains these words.
    pub(crate) fn logs(&mut self, wanted: &str) {
        loop {
            let read = self.log.len();
            assert!(
                self.err.read_line(&mut self.log).unwrap() > 0,
                "it ended without a log of `{wanted}`: {}",
                self.log
            );
            if self.log[read..].contains(wanted) {
                return;
            }
        }
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    /// The number of its process.
    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended. Returns its exit code, its output since the last read, and its log.
    pub(crate) fn ended(mut self) -> Answer {
        let mut out = String::new();
        self.out.read_to_string(&mut out).unwrap();
        self.err.read_to_string(&mut self.log).unwrap();
        let code = self.child.wait().unwrap().code();
        Answer { code, out, err: std::mem::take(&mut self.log) }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
