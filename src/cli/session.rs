//! The environment of a command: the store, the tasks of this program, and the form of the output.

use std::future::Future;

use celeriac_core::{
    client::Client,
    ports::Ports,
    store::{Existence, StoreError},
    task::Registry,
};
use tracing::level_filters::LevelFilter;

use super::{common::Common, exit::Failure};
use crate::{StartError, store::StoreChoice};

/// The environment of a command. Each part is opened when it is needed: `tasks` needs no store, `queue` no tasks.
pub(super) struct Session {
    store: StoreChoice,
    json: bool,
}

impl Session {
    /// Runs a command to its end.
    pub(super) fn run<F: Future<Output = Result<(), Failure>>>(
        common: &Common,
        command: impl FnOnce(Session) -> F,
    ) -> Result<(), Failure> {
        let store = common.store()?;
        common.logging(LevelFilter::WARN).install();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::start(format!("no runtime: {error}")))?;
        runtime.block_on(command(Self { store, json: common.json }))
    }

    /// Whether the answer is to be JSON.
    pub(super) fn json(&self) -> bool {
        self.json
    }

    /// The store, which must exist: a query creates no file.
    pub(super) fn ports(&self) -> Result<Ports, Failure> {
        open(&self.store, Existence::Required)
    }

    /// A client on the store, which must exist.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        self.ports().map(Client::new)
    }

    /// A client on the store, which is created if it is missing.
    pub(super) fn client_of_new(&self) -> Result<Client, Failure> {
        open(&self.store, Existence::Created).map(Client::new)
    }
}

fn open(store: &StoreChoice, existence: Existence) -> Result<Ports, Failure> {
    let opened = store.open(existence)?;
    opened.shared()?;
    tracing::debug!(store = %opened, "opened");
    Ok(opened.ports)
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Start(error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(celeriac_core::task::chain(&error))
    }
}

/// The tasks of this program.
pub(super) fn registry() -> Result<Registry, Failure> {
    Registry::linked().map_err(Failure::start)
}
