//! Runs the local AWS that has all services: ministack.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::Credentials;

use crate::{CREDENTIALS, server::Server};

/// An empty local AWS on a port of its own. It ends when it is dropped, or with this process.
#[derive(Debug)]
pub struct Ministack(Server);

impl Ministack {
    /// The region of its resources.
    pub const REGION: &str = "eu-central-1";

    /// Starts a server whose time is the machine's.
    pub fn start() -> Self {
        Self(Server::launch(program()))
    }

    /// Starts a server whose time stands still until [`Ministack::set_time`].
    pub fn with_virtual_time() -> Self {
        let mut program = program();
        program.arg("--virtual");
        Self(Server::launch(program))
    }

    /// The URL of all its services.
    pub fn endpoint(&self) -> &str {
        self.0.endpoint()
    }

    /// The log so far, of the server and of the functions in it.
    pub fn log(&self) -> String {
        self.0.log()
    }

    /// Sets virtual time, in milliseconds since 1970, forwards or back. Everything that is due by then has happened
    /// when this returns.
    pub fn set_time(&self, now_ms: u64) {
        self.0.set_time(now_ms);
    }
}

pub(crate) fn program() -> Command {
    let mut program = Command::new(python());
    program.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/server.py"));
    program
}

/// The interpreter of the Python environment that ministack is in.
pub(crate) fn python() -> PathBuf {
    python_of("aws")
}

/// The interpreter of the Python environment of `tests/requirements-NAME.txt`.
pub(crate) fn python_of(name: &str) -> PathBuf {
    let python = format!("{}/../../.venv-{name}/bin/python", env!("CARGO_MANIFEST_DIR"));
    assert!(Path::new(&python).exists(), "{python} is not there: `tests/python {name}` sets it up");
    python.into()
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
