//! Runs the local AWS in a separate process.

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

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::Credentials;

use crate::CREDENTIALS;

/// An empty local AWS on a port of its own. It ends when it is dropped, or with this process.
#[derive(Debug)]
pub struct Ministack {
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

impl Ministack {
    /// The region of its resources.
    pub const REGION: &str = "eu-central-1";

    /// Starts a server whose time is the machine's.
    pub fn start() -> Self {
        Self::launch(&[])
    }

    /// Starts a server whose time stands still until [`Ministack::set_time`].
    pub fn with_virtual_time() -> Self {
        Self::launch(&["--virtual"])
    }

    fn launch(args: &[&str]) -> Self {
        let log = log();
        let mut process = Command::new(python())
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/server.py"))
            .arg("--log")
            .arg(&log)
            .args(args)
            // The server ends when its standard input is closed.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let asks = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().expect("it is piped"));
        let line = line(&mut answers, &log);
        let address = line.strip_prefix("listening ").unwrap_or_else(|| panic!("the server said `{line}`"));
        let endpoint = format!("http://{address}");
        Self { endpoint, process, pipes: Mutex::new(Pipes { asks, answers }), log }
    }

    /// The URL of all its services.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The log so far, of the server and of the functions in it.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("it has a log")
    }

    /// Sets virtual time, in milliseconds since 1970, forwards or back. Everything that is due by then has happened
    /// when this returns.
    pub fn set_time(&self, now_ms: u64) {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let Pipes { asks, answers } = &mut *pipes;
        let asks = asks.as_mut().expect("it is told to end when it is dropped");
        writeln!(asks, "now {now_ms}").unwrap_or_else(|error| panic!("{error}; see {}", self.log.display()));
        assert_eq!(line(answers, &self.log), format!("now {now_ms}"));
    }
}

/// The interpreter of the Python environment that ministack is in.
pub(crate) fn python() -> PathBuf {
    let python = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv-aws/bin/python"));
    assert!(python.exists(), "{} is not there: `tests/run` sets it up, or `tests/python aws`", python.display());
    python.to_owned()
}

/// Configures clients for a local endpoint, such as a proxy's. Any credentials will do.
pub async fn config(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(Ministack::REGION))
        .credentials_provider(Credentials::new(CREDENTIALS[0].1, CREDENTIALS[1].1, None, None, "tests"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await
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
    let folder = this.ancestors().nth(2).expect("a test lies in target/PROFILE/deps").join("ministack");
    fs::create_dir_all(&folder).expect("the target folder can be written to");
    let name = this.file_name().expect("a test has a name").to_string_lossy();
    folder.join(format!("{name}.{}.log", STARTED.fetch_add(1, Ordering::Relaxed)))
}

impl Drop for Ministack {
    fn drop(&mut self) {
        self.pipes.get_mut().unwrap_or_else(PoisonError::into_inner).asks = None;
        // It may have ended by itself.
        let _ = self.process.wait();
    }
}
