//! What calls and producers write down of themselves, outside of the database: a line for each thing before or after
//! it happens, appended to a file of the process's own. What is written is the kernel's: a process that is killed does
//! not take it along.

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

/// An attempt that is under way.
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
    /// That of a life, in `folder`.
    pub fn new(folder: &Path, life: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = OpenOptions::new().append(true).create(true).open(folder.join(life))?;
        let witness = Self { life: life.into(), file };
        witness.say("begun");
        Ok(witness)
    }

    /// The same once more.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self { life: Arc::clone(&self.life), file: self.file.try_clone()? })
    }

    /// The process has opened the file and goes to work.
    pub fn ready(&self) {
        self.say("ready");
    }

    /// It ends because it was asked to.
    pub fn stopped(&self) {
        self.say("stopped");
    }

    /// A call starts.
    pub fn starts(&self, cx: &Context, number: u64) -> Attempt<'_> {
        let (call, attempt) = (cx.id(), cx.attempt());
        self.say(format_args!("starts {call} {attempt} {} {number}", cx.task()));
        Attempt { witness: self, call, number: attempt, over: false }
    }

    /// Something is about to be asked for.
    pub fn asks(&self, request: &Request) {
        self.say(format_args!("asks {request}"));
    }

    /// It is accepted, under this id.
    pub fn accepted(&self, number: u64, id: &dyn Display) {
        self.say(format_args!("accepted {number} {id}"));
    }

    /// It will not run.
    pub fn rejected(&self, number: u64, why: &dyn Display) {
        self.say(format_args!("rejected {number} {why}"));
    }

    /// It may run.
    pub fn doubtful(&self, number: u64, why: &dyn Display) {
        self.say(format_args!("doubtful {number} {why}"));
    }

    /// It was told that a call has ended.
    pub fn told(&self, call: TaskId) {
        self.say(format_args!("told {call}"));
    }

    fn say(&self, what: impl Display) {
        let line = format!("{} {what}\n", now_us());
        (&self.file).write_all(line.as_bytes()).expect("the witness's file can be written");
    }
}

impl Attempt<'_> {
    /// It ends well; answers where it ran.
    pub fn succeeds(mut self) -> String {
        self.tell("ends");
        self.witness.life.to_string()
    }

    /// It fails.
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
