//! The program's store: how it is named, and its ports once it is open.

use std::{fmt, sync::Arc};

use celeriac_core::{
    ports::{BoxError, Ports},
    store::{self, Existence, Hosting, StoreError, StoreUrl, Workers},
};
#[cfg(feature = "cli")]
use celeriac_core::{store::Launching, task::Registry};
use celeriac_dispatcher::DispatcherOptions;

use crate::StartError;

/// How a program names its store.
#[derive(Clone, Debug, Default)]
pub(crate) enum StoreChoice {
    /// By the environment, else the default of a backend.
    #[default]
    Environment,
    /// By a URL, if it is valid.
    Url(Result<StoreUrl, StoreError>),
    /// By ports that are already open.
    Open(OpenStore),
}

impl StoreChoice {
    /// The URL of the store; `None` if it was passed open.
    #[cfg(feature = "cli")]
    pub(crate) fn url(&self) -> Result<Option<StoreUrl>, StoreError> {
        match self {
            Self::Environment => store::default_url().map(Some),
            Self::Url(url) => url.clone().map(Some),
            Self::Open(opened) => Ok(opened.url()),
        }
    }

    /// Opens it.
    pub(crate) fn open(&self, existence: Existence) -> Result<OpenStore, StoreError> {
        if let Self::Open(opened) = self {
            return Ok(opened.clone());
        }
        let url = match self {
            Self::Url(url) => url.clone()?,
            _ => store::default_url()?,
        };
        let store = store::open(&url, existence)?;
        Ok(OpenStore { ports: store.ports(), store: store.into() })
    }
}

/// An open store.
#[derive(Clone, Debug)]
pub(crate) struct OpenStore {
    pub(crate) ports: Ports,
    store: Arc<dyn store::Store>,
}

impl OpenStore {
    /// Who runs dispatchers and schedulers.
    pub(crate) fn hosting(&self) -> Hosting {
        self.store.hosting()
    }

    /// Refuses a store that no other process sees: a command's calls would end with the command.
    #[cfg(feature = "cli")]
    pub(crate) fn shared(&self) -> Result<(), StartError> {
        match self.hosting() {
            Hosting::ThisProcess => Err(StartError::NotShared(self.to_string())),
            Hosting::Processes | Hosting::Functions => Ok(()),
        }
    }

    /// The ports for a dispatcher in this process that launches workers outside of it, if there are any.
    #[cfg(feature = "cli")]
    pub(crate) fn launching(&self, registry: &Registry) -> Option<Launching> {
        self.store.launching(registry)
    }

    /// Opens the connections that calls to these queues need.
    pub(crate) async fn connect(&self, queues: &[String]) {
        self.store.connect(queues).await;
    }

    /// Its URL, if it has one: a file has its absolute path.
    fn url(&self) -> Option<StoreUrl> {
        self.ports.url.as_deref()?.parse().ok()
    }

    /// How many workers are alive on it, as far as that is known.
    pub(crate) fn workers(&self) -> Option<usize> {
        match store::workers(&self.url()?) {
            Workers::Known(workers) => Some(workers),
            Workers::Unknown => None,
        }
    }

    /// How a dispatcher receives from these queues.
    pub(crate) fn dispatching(&self, queues: impl IntoIterator<Item = impl Into<Arc<str>>>) -> DispatcherOptions {
        DispatcherOptions { wait_ms: self.ports.profile.wait_ms, ..DispatcherOptions::new(queues) }
    }

    /// Checks that it can have queues with these names.
    pub(crate) fn check<'a>(&self, mut queues: impl Iterator<Item = &'a String>) -> Result<(), StartError> {
        queues.try_for_each(|queue| self.store.check_queue(queue).map_err(|why| StartError::Queue(self.explain(&why))))
    }

    fn explain(&self, why: &BoxError) -> String {
        match &self.ports.url {
            Some(url) => format!("store `{url}`: {why}"),
            None => why.to_string(),
        }
    }
}

impl From<Ports> for OpenStore {
    fn from(ports: Ports) -> Self {
        Self { store: Arc::new(ports.clone()), ports }
    }
}

/// For log lines: a file with its absolute path.
impl fmt::Display for OpenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ports.url.as_deref().unwrap_or("given"))
    }
}
