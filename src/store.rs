//! Where messages and ledger are.

#[cfg(feature = "embedded")]
use std::path::PathBuf;
use std::{fmt, sync::Arc};

use dispatcher::DispatcherOptions;
#[cfg(feature = "aws")]
use task_core::aws::{Backend, Settings};
use task_core::ports::Ports;

use crate::StartError;

/// How long a dispatcher waits for messages of a stack, in milliseconds. Less than a stop has after its grace.
const WAIT_MS: u64 = 4_000;

/// Where messages and ledger are.
#[derive(Clone, Debug, Default)]
pub(crate) enum Store {
    /// Where the environment says: the stack that `CELERIAC_STACK` names, else the file that `CELERIAC_DATABASE` names,
    /// else `celeriac.db`.
    #[default]
    Environment,
    /// A file.
    #[cfg(feature = "embedded")]
    File(PathBuf),
    /// A stack, by its name.
    #[cfg(feature = "aws")]
    Stack(String),
    /// It is open already.
    Open(Box<Opened>),
}

/// A store that is open.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) ports: Ports,
    /// The stack, if it is one.
    #[cfg(feature = "aws")]
    pub(crate) backend: Option<Backend>,
}

impl Store {
    /// The same, or what the environment says.
    pub(crate) fn resolve(self) -> Self {
        let Self::Environment = self else { return self };
        #[cfg(feature = "aws")]
        if let Some(stack) = std::env::var(Settings::STACK).ok().filter(|stack| !stack.is_empty()) {
            return Self::Stack(stack);
        }
        #[cfg(feature = "embedded")]
        return Self::File(task_core::embedded::default_file());
        #[cfg(not(feature = "embedded"))]
        self
    }

    /// Opens it.
    pub(crate) fn open(self) -> Result<Opened, StartError> {
        match self.resolve() {
            Self::Open(opened) => Ok(*opened),
            #[cfg(feature = "embedded")]
            Self::File(file) => Ok(task_core::embedded::open(&file)?.into()),
            #[cfg(feature = "aws")]
            Self::Stack(name) => {
                let settings = Settings::of(name.parse()?)?;
                let backend = Backend::new(settings, task_core::aws::Options::default())?;
                Ok(Opened { ports: backend.ports(), backend: Some(backend) })
            }
            Self::Environment => Err(StartError::NoStore),
        }
    }
}

impl Opened {
    /// Whether it is a stack.
    #[cfg_attr(not(feature = "aws"), allow(clippy::unused_self, reason = "there are no stacks"))]
    pub(crate) fn is_stack(&self) -> bool {
        #[cfg(feature = "aws")]
        let is_stack = self.backend.is_some();
        #[cfg(not(feature = "aws"))]
        let is_stack = false;
        is_stack
    }

    /// How a dispatcher receives from these queues. On a stack each question is a request, so it is asked for longer.
    pub(crate) fn dispatching(&self, queues: impl IntoIterator<Item = impl Into<Arc<str>>>) -> DispatcherOptions {
        let options = DispatcherOptions::new(queues);
        if self.is_stack() { DispatcherOptions { wait_ms: WAIT_MS, ..options } } else { options }
    }

    /// Whether it can have queues of these names.
    pub(crate) fn check<'a>(&self, mut queues: impl Iterator<Item = &'a String>) -> Result<(), StartError> {
        queues.try_for_each(|queue| self.check_queue(queue))
    }

    #[cfg_attr(
        not(feature = "aws"),
        allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "a file can have any")
    )]
    fn check_queue(&self, queue: &str) -> Result<(), StartError> {
        #[cfg(feature = "aws")]
        if let Some(backend) = &self.backend {
            backend.settings().stack.check_queue(queue)?;
        }
        #[cfg(not(feature = "aws"))]
        let _ = queue;
        Ok(())
    }
}

impl From<Ports> for Opened {
    fn from(ports: Ports) -> Self {
        Self {
            ports,
            #[cfg(feature = "aws")]
            backend: None,
        }
    }
}

/// For log lines.
impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("none"),
            #[cfg(feature = "embedded")]
            Self::File(file) => file.display().fmt(f),
            #[cfg(feature = "aws")]
            Self::Stack(name) => write!(f, "stack {name}"),
            Self::Open(_) => f.write_str("given"),
        }
    }
}
