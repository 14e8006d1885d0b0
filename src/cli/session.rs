//! What a command works with: the store, the tasks of this program, and where its answer goes.

use std::future::Future;

use task_core::{client::Client, ports::Ports, task::Registry};
use tracing::level_filters::LevelFilter;

use super::{args::Common, exit::Failure};
use crate::{StartError, store::Store};

/// What a command works with. Opened as it is asked for: `tasks` needs no store, `queue` no tasks.
pub(super) struct Session {
    store: Store,
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

    /// The store, which has to be there: a question creates no file.
    pub(super) fn ports(&self) -> Result<Ports, Failure> {
        #[cfg(feature = "embedded")]
        if let Store::File(file) = &self.store
            // What is there and cannot be looked at is for `open` to explain.
            && let Ok(false) = file.try_exists()
        {
            return Err(Failure::Start(format!(
                "there is no database `{}`: name the one that your program uses with --database or \
                 CELERIAC_DATABASE; it is created by the first role or call",
                file.display()
            )));
        }
        open(&self.store)
    }

    /// A client on the store, which has to be there.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        self.ports().map(Client::new)
    }

    /// A client on the store, which is created if it is not there.
    pub(super) fn client_of_new(&self) -> Result<Client, Failure> {
        open(&self.store).map(Client::new)
    }
}

/// Opens a store; a file is created if it is not there.
fn open(store: &Store) -> Result<Ports, Failure> {
    Ok(store.clone().open()?.ports)
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Start(task_core::task::chain(&error))
    }
}

/// The tasks of this program.
pub(super) fn registry() -> Result<Registry, Failure> {
    Registry::linked().map_err(Failure::start)
}
