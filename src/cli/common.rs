//! The options of all commands: the store, and the form of the output.

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::exit::Failure;
use crate::{
    logging::{Form, Logging},
    store::StoreChoice,
};

/// The heading of the options of all commands.
const COMMON: &str = "Options of all commands";

/// The options of all commands.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// The store of messages and ledger, such as sqlite:celeriac.db or aws:shop. Defaults to the environment variable
    /// CELERIAC_STORE; if that is not set, to sqlite:celeriac.db
    #[allow(clippy::doc_markdown, reason = "people read it in a terminal")]
    #[arg(long, global = true, value_name = "URL", help_heading = COMMON)]
    store: Option<String>,

    /// Print one JSON document on standard output; roles write their log lines as JSON
    #[arg(long, global = true, help_heading = COMMON)]
    pub(super) json: bool,
}

impl Common {
    /// The log, from this level on.
    pub(super) fn logging(&self, level: LevelFilter) -> Logging {
        Logging::new(level, if self.json { Form::Json } else { Form::Text })
    }

    /// The store. The option takes precedence over the environment.
    pub(super) fn store(&self) -> Result<StoreChoice, Failure> {
        let Some(url) = &self.store else { return Ok(StoreChoice::Environment) };
        let url = url.parse().map_err(|error| Failure::Usage(format!("--store: {error}")))?;
        Ok(StoreChoice::Url(Ok(url)))
    }

    /// The stack on AWS, from the option, else from the environment.
    #[cfg(feature = "deploy")]
    pub(super) fn stack(&self) -> Result<celeriac_aws::Stack, Failure> {
        match self.store()?.url().map_err(Failure::usage)? {
            Some(url) if url.scheme() == celeriac_aws::SCHEME => url.rest().parse().map_err(Failure::usage),
            _ => Err(Failure::Usage("no stack is named: pass --store aws:NAME, or set CELERIAC_STORE".to_owned())),
        }
    }
}
