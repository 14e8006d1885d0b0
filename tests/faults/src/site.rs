//! Manages the processes on one file: starts, kills, freezes and restarts them.

use std::{
    env,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::witness::now_us;

/// After this time an action counts as hung.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// The processes on one file, in a folder that has their records too.
#[derive(Debug)]
pub struct Site {
    program: PathBuf,
    /// Where the file is, and the records if they are nowhere else.
    pub folder: PathBuf,
    log: PathBuf,
    seed: u64,
    settings: Vec<(String, String)>,
    slots: Vec<Slot>,
    /// The blows to processes.
    pub blows: Vec<Blow>,
}

/// A place for a succession of processes.
#[derive(Debug)]
pub struct Slot {
    role: Role,
    name: String,
    lives: u64,
    child: Option<Child>,
    frozen_us: Option<u64>,
}

/// The role of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It runs calls.
    Worker,
    /// It asks for them.
    Producer,
}

/// A blow to a process: a kill or a freeze.
#[derive(Clone, Debug)]
pub struct Blow {
    /// The life that was hit.
    pub life: Arc<str>,
    /// A time before the blow.
    pub from_us: u64,
    /// A time after it: the process was dead, or running again.
    pub upto_us: u64,
    /// Whether it was killed; if not, it was frozen.
    pub killed: bool,
}

impl Site {
    /// Processes of `program` on a file in `folder`, none of them started.
    pub fn new(program: impl Into<PathBuf>, folder: impl Into<PathBuf>, seed: u64) -> Self {
        let (program, folder) = (program.into(), folder.into());
        let log = folder.join("log");
        Self { program, folder, log, seed, settings: Vec::new(), slots: Vec::new(), blows: Vec::new() }
    }

    /// Puts the notes in another folder than the file's.
    #[must_use]
    pub fn log_to(mut self, log: impl Into<PathBuf>) -> Self {
        self.log = log.into();
        self
    }

    /// An environment variable of all that start from now on.
    pub fn set(&mut self, name: &str, value: &impl ToString) {
        self.settings.retain(|(other, _)| other != name);
        self.settings.push((name.to_owned(), value.to_string()));
    }

    /// A place for a process. Producers have numbers from 1.
    pub fn add(&mut self, role: Role) -> usize {
        let number = 1 + self.slots.iter().filter(|slot| slot.role == role).count();
        let name = if role == Role::Worker { format!("w{number}") } else { format!("p{number}") };
        self.slots.push(Slot { role, name, lives: 0, child: None, frozen_us: None });
        self.slots.len() - 1
    }

    /// The places of a role.
    pub fn of(&self, role: Role) -> Vec<usize> {
        (0..self.slots.len()).filter(|slot| self.slots[*slot].role == role).collect()
    }

    /// Where the record of witnesses is.
    pub fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// The file.
    pub fn database(&self) -> PathBuf {
        self.folder.join("celeriac.db")
    }

    /// Starts the next life of a place.
    pub fn start(&mut self, slot: usize) -> Arc<str> {
        let (folder, seed) = (self.folder.clone(), self.seed.to_string());
        let log = self.log.clone();
        fs::create_dir_all(&log).expect("the folder can be written to");
        let Slot { role, name, lives, child, .. } = &mut self.slots[slot];
        assert!(child.is_none(), "{name} runs already");
        let life = format!("{name}.{lives}");
        *lives += 1;
        let errors = File::create(log.join(format!("{life}.err"))).expect("the folder can be written to");
        let mut command = Command::new(&self.program);
        command.arg(if *role == Role::Worker { "work" } else { "produce" });
        command.arg(folder.join("celeriac.db")).arg(&log).arg(&life).arg(seed);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CELERIAC_")) {
            command.env_remove(name);
        }
        command.envs(self.settings.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(errors);
        *child = Some(command.spawn().expect("the program starts"));
        life.into()
    }

    /// Whether there is a process in a place.
    pub fn runs(&self, slot: usize) -> bool {
        self.slots[slot].child.is_some()
    }

    /// The current or last life of a place.
    pub fn life(&self, slot: usize) -> Arc<str> {
        let Slot { name, lives, .. } = &self.slots[slot];
        format!("{name}.{}", lives.saturating_sub(1)).into()
    }

    /// Ends these processes at once.
    ///
    /// # Panics
    /// If one had ended by itself.
    pub fn kill(&mut self, slots: &[usize]) {
        let from_us = now_us();
        for slot in slots {
            let early = self.ended(*slot);
            assert!(early.is_none(), "{} ended by itself: {}", self.life(*slot), early.unwrap_or_default());
            self.child(*slot).kill().expect("it is our child");
        }
        for slot in slots {
            self.child(*slot).wait().expect("it is our child");
            let upto_us = now_us();
            let frozen_us = self.slots[*slot].frozen_us.take();
            let from_us = frozen_us.unwrap_or(from_us);
            self.blows.push(Blow { life: self.life(*slot), from_us, upto_us, killed: true });
            self.slots[*slot].child = None;
        }
    }

    /// Freezes a process in the middle of its work. All its threads are stopped when this returns; the signal alone
    /// lets running threads continue for a moment.
    pub fn freeze(&mut self, slot: usize) {
        assert!(self.slots[slot].frozen_us.is_none(), "it is frozen already");
        self.slots[slot].frozen_us = Some(now_us());
        let pid = self.pid(slot);
        kill_process(pid, Signal::STOP).expect("it is our child");
        until("a process to stand still", || stands_still(pid).then_some(()));
    }

    /// Thaws it, and notes how long it was frozen.
    pub fn thaw(&mut self, slot: usize) {
        let from_us = self.slots[slot].frozen_us.take().expect("it is frozen");
        kill_process(self.pid(slot), Signal::CONT).expect("it is our child");
        self.blows.push(Blow { life: self.life(slot), from_us, upto_us: now_us(), killed: false });
    }

    /// The same, for a freeze too short to matter.
    pub fn go_on(&mut self, slot: usize) {
        self.thaw(slot);
        self.blows.pop();
    }

    /// Whether it stands still.
    pub fn is_frozen(&self, slot: usize) -> bool {
        self.slots[slot].frozen_us.is_some()
    }

    /// Asks processes to end, and waits until they have.
    ///
    /// # Panics
    /// If one fails, or does not end.
    pub fn stop(&mut self, slots: &[usize]) {
        for slot in slots {
            drop(self.child(*slot).stdin.take());
        }
        for slot in slots {
            let life = self.life(*slot);
            let ended = until(&format!("{life} to end"), || self.ended(*slot));
            assert!(ended.is_empty(), "{life} failed: {ended}");
        }
    }

    /// How a process ended by itself, if it did: an empty text, or the error.
    pub fn ended(&mut self, slot: usize) -> Option<String> {
        let status = self.child(slot).try_wait().expect("it is our child")?;
        let errors = self.errors(slot);
        self.slots[slot].child = None;
        Some(if status.success() { String::new() } else { format!("{status}: {errors}") })
    }

    /// The output of the current or last life of a place.
    pub fn errors(&self, slot: usize) -> String {
        fs::read_to_string(self.log.join(format!("{}.err", self.life(slot)))).unwrap_or_default()
    }

    /// The number of a process.
    pub fn pid(&mut self, slot: usize) -> Pid {
        Pid::from_child(self.child(slot))
    }

    fn child(&mut self, slot: usize) -> &mut Child {
        let Slot { child, name, .. } = &mut self.slots[slot];
        child.as_mut().unwrap_or_else(|| panic!("{name} does not run"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for child in self.slots.iter_mut().filter_map(|slot| slot.child.as_mut()) {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether all threads of a process are stopped or have ended.
fn stands_still(pid: Pid) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())) else { return true };
    threads.flatten().all(|thread| {
        // `NUMBER (NAME) STATE ..`: a name may have any characters.
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['T', 't', 'Z', 'X']))
    })
}

/// Waits until something holds.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
pub fn until<T>(what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
    let give_up_us = now_us() + PATIENCE.as_micros() as u64;
    loop {
        if let Some(value) = holds() {
            return value;
        }
        assert!(now_us() < give_up_us, "waited {PATIENCE:?} for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
