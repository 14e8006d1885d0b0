//! A server in a separate process, as long as a test needs it.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A program that says `listening ADDRESS` once it answers. It ends when its standard input is closed: when this is
/// dropped, or with this process.
#[derive(Debug)]
pub(crate) struct Server {
    endpoint: String,
    process: Child,
    pipes: Mutex<Pipes>,
    log: PathBuf,
}

#[derive(Debug)]
struct Pipes {
    /// `None` once it was told to end.
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Starts this program, and tells it where its log goes.
    pub(crate) fn launch(mut program: Command) -> Self {
        let log = log();
        program.arg("--log").arg(&log).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = program.spawn().unwrap_or_else(|error| panic!("{program:?}: {error}"));
        let asks = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().expect("it is piped"));
        let line = line(&mut answers, &log);
        let address = line.strip_prefix("listening ").unwrap_or_else(|| panic!("the server said `{line}`"));
        let endpoint = format!("http://{address}");
        Self { endpoint, process, pipes: Mutex::new(Pipes { asks, answers }), log }
    }

    /// The URL of all its services.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("it has a log")
    }

    /// Sets its virtual time, in milliseconds since 1970.
    pub(crate) fn set_time(&self, now_ms: u64) {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let Pipes { asks, answers } = &mut *pipes;
        let asks = asks.as_mut().expect("it is told to end when it is dropped");
        writeln!(asks, "now {now_ms}").unwrap_or_else(|error| panic!("{error}; see {}", self.log.display()));
        assert_eq!(line(answers, &self.log), format!("now {now_ms}"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pipes = self.pipes.get_mut().unwrap_or_else(PoisonError::into_inner);
        pipes.asks = None;
        // It may have ended already.
        let _ = self.process.wait();
    }
}

/// A line of the server's output.
fn line(answers: &mut BufReader<ChildStdout>, log: &Path) -> String {
    let mut line = String::new();
    let read = answers.read_line(&mut line);
    assert!(matches!(read, Ok(bytes) if bytes > 0), "the local AWS has ended; {} says why", log.display());
    line.trim_end().to_owned()
}

/// A log for each server that a test program starts, next to the programs, so that it can be read after the test.
fn log() -> PathBuf {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let this = env::current_exe().expect("a test knows its own path");
    let folder = this.ancestors().nth(2).expect("a test lies in target/PROFILE/deps").join("emulators");
    fs::create_dir_all(&folder).expect("the target folder can be written to");
    let name = this.file_name().expect("a test has a name").to_string_lossy();
    folder.join(format!("{name}.{}.log", STARTED.fetch_add(1, Ordering::Relaxed)))
}
