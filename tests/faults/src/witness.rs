//! The notes of calls and producers about themselves, outside of the database: a line before or after each event,
//! appended to a file of each process. The kernel has what was written, so a killed process does not take it along.

use std::{
    fmt::Display,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use celeriac::{Context, TaskId};
use rustix::time::{ClockId, clock_gettime};

use crate::requests::Request;

/// One life of one process, and where it writes.
#[derive(Debug)]
pub struct Witness {
    life: Arc<str>,
    file: File,
}

/// A running attempt.
#[derive(Debug)]
pub struct Attempt<'a> {
    witness: &'a Witness,
    call: TaskId,
    number: u32,
    over: bool,
}

/// The machine's monotonic time, which all processes share and which no fault touches.
pub fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}

impl Witness {
    /// The witness of a life, in `folder`.
    pub fn new(folder: &Path, life: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = OpenOptions::new().append(true).create(true).open(folder.join(life))?;
        let witness = Self { life: life.into(), file };
        witness.say("begun");
        Ok(witness)
    }

    /// Another handle of the same witness.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self { life: Arc::clone(&self.life), file: self.file.try_clone()? })
    }

    /// Notes that the process has opened the file and begins to work.
    pub fn ready(&self) {
        self.say("ready");
    }

    /// Notes that it ends on request.
    pub fn stopped(&self) {
        self.say("stopped");
    }

    /// A call starts.
    pub fn starts(&self, cx: &Context, number: u64) -> Attempt<'_> {
        let (call, attempt) = (cx.id(), cx.attempt());
        self.say(format_args!("starts {call} {attempt} {} {number}", cx.task()));
        Attempt { witness: self, call, number: attempt, over: false }
    }

    /// Notes that a request is about to be sent.
    pub fn asks(&self, request: &Request) {
        self.say(format_args!("asks {request}"));
    }

    /// Notes that it is accepted, under this id.
    pub fn accepted(&self, number: u64, id: &dyn Display) {
        self.say(format_args!("accepted {number} {id}"));
    }

    /// Notes that it will not run.
    pub fn rejected(&self, number: u64, why: &dyn Display) {
        self.say(format_args!("rejected {number} {why}"));
    }

    /// Notes that it may run.
    pub fn doubtful(&self, number: u64, why: &dyn Display) {
        self.say(format_args!("doubtful {number} {why}"));
    }

    /// Notes that it saw a call's end.
    pub fn told(&self, call: TaskId) {
        self.say(format_args!("told {call}"));
    }

    fn say(&self, what: impl Display) {
        let line = format!("{} {what}\n", now_us());
        (&self.file).write_all(line.as_bytes()).expect("the witness's file can be written");
    }
}

impl Attempt<'_> {
    /// Notes its success; returns where it ran.
    pub fn succeeds(mut self) -> String {
        self.tell("ends");
        self.witness.life.to_string()
    }

    /// Notes its failure.
    pub fn fails(mut self) {
        self.tell("fails");
    }

    fn tell(&mut self, how: &str) {
        self.over = true;
        self.witness.say(format_args!("{how} {} {}", self.call, self.number));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.tell("dropped");
        }
    }
}
