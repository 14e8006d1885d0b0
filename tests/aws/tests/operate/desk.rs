//! A desk from which a stack is deployed: a local AWS, a program with a task, and settings.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Output},
};

use aws_config::SdkConfig;
use aws_tests::{CREDENTIALS, Ministack, example};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The arguments of `deploy apply` with the program of the desk, whatever C library this machine has.
pub(crate) const APPLY: [&str; 5] = ["apply", "--binary", "bootstrap", "--glibc", "9.99"];

/// Buckets of the local AWS.
pub(crate) fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build())
}

/// A local AWS, and a folder with the settings of stack `prod`.
pub(crate) struct Desk {
    pub(crate) aws: Ministack,
    folder: TempDir,
    runtime: Runtime,
}

/// What a command has printed.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    pub(crate) fn new(settings: &str) -> Self {
        let desk = Self {
            aws: Ministack::start(),
            folder: TempDir::new().expect("a temporary folder"),
            runtime: Runtime::new().expect("a runtime"),
        };
        desk.settings(settings);
        fs::write(desk.path("none"), "").expect("the folder can be written to");
        // What becomes of a function's program is another test's part: a small one is packed and sent sooner.
        desk.program("true");
        desk
    }

    /// Replaces the settings.
    pub(crate) fn settings(&self, settings: &str) {
        let architecture = if env::consts::ARCH == "aarch64" { "arm64" } else { env::consts::ARCH };
        let text = format!("architecture = \"{architecture}\"\n{settings}");
        fs::write(self.path("stack.toml"), text).expect("the folder can be written to");
    }

    /// Replaces the program that becomes the functions by one of this machine.
    pub(crate) fn program(&self, name: &str) {
        fs::copy(format!("/bin/{name}"), self.path("bootstrap")).expect("this machine has it");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of the example `web_signup`, whose queue is `mail`.
    pub(crate) fn command(&self, endpoint: &str, args: &[&str]) -> Command {
        let mut command = Command::new(example("web_signup"));
        command.arg("deploy").args(args).args(["--store", "aws:prod"]);
        // Functions step back whatever the settings are.
        if args.first() != Some(&"rollback") {
            command.args(["--settings", "stack.toml"]);
        }
        command.current_dir(self.folder.path()).env_remove("RUST_LOG").envs(CREDENTIALS);
        command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", Ministack::REGION);
        // Only the credentials of the test.
        command.env("AWS_CONFIG_FILE", self.path("none")).env("AWS_SHARED_CREDENTIALS_FILE", self.path("none"));
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        Said::of(self.command(self.aws.endpoint(), args))
    }

    /// `deploy apply` with the program of the desk.
    pub(crate) fn apply(&self, args: &[&str]) -> Said {
        self.run(&[&APPLY[..], args].concat())
    }

    /// `deploy check`.
    pub(crate) fn check(&self, args: &[&str]) -> Said {
        self.run(&[&["check"], args].concat())
    }

    /// Deletes an alarm. There is no other use for the SDK of `CloudWatch`.
    pub(crate) fn delete_alarm(&self, name: &str) {
        let address = self.aws.endpoint().trim_start_matches("http://");
        let form = format!("Action=DeleteAlarms&Version=2010-08-01&AlarmNames.member.1={name}");
        let signed = "AWS4-HMAC-SHA256 Credential=test/20261130/eu-central-1/monitoring/aws4_request, Signature=none";
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: {address}\r\nAuthorization: {signed}\r\nContent-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{form}",
            form.len()
        )
        .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// Does something at the local AWS.
    pub(crate) fn aws<T>(&self, work: impl AsyncFnOnce(&SdkConfig) -> T) -> T {
        self.runtime.block_on(async { work(&aws_tests::config(self.aws.endpoint()).await).await })
    }
}

impl Said {
    pub(crate) fn of(mut command: Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("it prints text");
        Self { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Asserts that it failed with this code, and said this.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, says: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for part in says {
            assert!(self.err.contains(part), "`{part}`: {}", self.err);
        }
        self
    }

    /// Asserts that it has a line that begins like this on standard error.
    #[track_caller]
    pub(crate) fn notes(&self, start: &str) {
        assert!(self.err.lines().any(|line| line.starts_with(start)), "`{start}`: {}", self.err);
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
