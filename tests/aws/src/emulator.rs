//! The local AWS that a test runs on, by the choice of whoever runs it. A fault of one implementation could be taken for
//! AWS's behaviour; those of independent ones differ.

use std::{env, process::Command};

use libtest_mimic::{Failed, Trial};

use crate::{
    ministack,
    server::Server,
    unable::{self, Unable},
};

/// The variable that chooses: `ministack`, `moto` or `npm`. Defaults to `ministack`.
pub const EMULATOR_VARIABLE: &str = "CELERIAC_EMULATOR";

/// An implementation of AWS's services on one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulator {
    /// ministack (PyPI): all services, with functions that run.
    Ministack,
    /// moto (PyPI): SQS, DynamoDB, S3, and a Scheduler that fires nothing.
    Moto,
    /// dynalite for DynamoDB and fauxqs for SQS and S3 (npm).
    Npm,
}

/// An empty local AWS of the chosen implementation. It ends when it is dropped, or with this process.
#[derive(Debug)]
pub struct LocalAws(Server);

impl Emulator {
    /// The one that this test program runs on.
    pub fn chosen() -> Self {
        match env::var(EMULATOR_VARIABLE).as_deref() {
            Err(_) | Ok("" | "ministack") => Self::Ministack,
            Ok("moto") => Self::Moto,
            Ok("npm") => Self::Npm,
            Ok(other) => panic!("{EMULATOR_VARIABLE} is `{other}`: write `ministack`, `moto` or `npm`"),
        }
    }

    fn program(self) -> Command {
        match self {
            Self::Ministack => ministack::program(),
            Self::Moto => {
                let mut program = Command::new(ministack::python_of("moto"));
                program.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/moto_server.py"));
                program
            }
            Self::Npm => {
                let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/emulators");
                let mut program = Command::new("node");
                program.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/npm_server.mjs")).args(["--modules", modules]);
                program
            }
        }
    }
}

impl LocalAws {
    /// Starts a server whose time is the machine's.
    pub fn start() -> Self {
        Self(Server::launch(Emulator::chosen().program()))
    }

    /// Starts a server whose time stands still until [`LocalAws::set_time`].
    pub fn with_virtual_time() -> Self {
        let mut program = Emulator::chosen().program();
        program.arg("--virtual");
        Self(Server::launch(program))
    }

    /// The URL of all its services.
    pub fn endpoint(&self) -> &str {
        self.0.endpoint()
    }

    /// Sets virtual time, in milliseconds since 1970, forwards or back.
    pub fn set_time(&self, now_ms: u64) {
        self.0.set_time(now_ms);
    }
}

/// A test of this suite. On an implementation that cannot run it, it is skipped, and its kind says why.
pub fn trial(suite: &str, name: &str, test: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    match unable::why(Emulator::chosen(), suite, name) {
        Some(Unable { why, .. }) => Trial::test(name, test).with_kind(*why).with_ignored_flag(true),
        None => Trial::test(name, test),
    }
}
