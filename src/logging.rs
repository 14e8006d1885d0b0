//! Log lines go to standard error, as much as `RUST_LOG` says. A subscriber that the program has installed itself stays
//! in place.

use std::env;

use tracing::{Dispatch, Subscriber, dispatcher, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt,
    layer::SubscriberExt as _,
    registry::{LookupSpan, Registry},
};

use crate::stderr::{self, Log};

/// Says for single targets how much they log, like `warn,mail=debug`. By levels only: patterns for spans and fields would
/// bring an engine for regular expressions into every function.
const VARIABLE: &str = "RUST_LOG";

/// What a log line looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// For people at a terminal.
    Text,
    /// For programs.
    Json,
    /// For `CloudWatch` Logs, which knows the time and no colours.
    #[cfg(feature = "lambda")]
    CloudText,
    /// For Lambda, which reads the level in a line, and for queries.
    #[cfg(feature = "lambda")]
    CloudJson,
}

/// The log of this process until the program may have installed its own.
pub(crate) struct Logging {
    dispatch: Dispatch,
}

impl Logging {
    /// From this level on, unless `RUST_LOG` says otherwise.
    pub(crate) fn new(level: LevelFilter, form: Form) -> Self {
        let targets = wanted().unwrap_or_else(|| Targets::new().with_default(level));
        Self { dispatch: Dispatch::new(Registry::default().with(targets).with(form.layer())) }
    }

    /// Logs what this thread does until the guard is dropped: a set-up may still install another for good.
    pub(crate) fn provisional(&self) -> dispatcher::DefaultGuard {
        dispatcher::set_default(&self.dispatch)
    }

    /// Logs what all threads do, unless the program has installed another.
    pub(crate) fn install(&self) {
        // An error says that there is one.
        let _ = dispatcher::set_global_default(self.dispatch.clone());
    }
}

impl Form {
    fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(self) -> Box<dyn Layer<S> + Send + Sync> {
        // Colours would be escaped with the rest.
        let lines = fmt::layer().with_ansi(false);
        match self {
            Self::Text => lines.with_writer(Log::Text).boxed(),
            Self::Json => lines.with_writer(Log::Json).json().boxed(),
            #[cfg(feature = "lambda")]
            Self::CloudText => lines.with_writer(Log::Text).without_time().boxed(),
            #[cfg(feature = "lambda")]
            Self::CloudJson => lines.with_writer(Log::Json).json().flatten_event(true).with_span_list(false).boxed(),
        }
    }
}

/// What `RUST_LOG` says, if it says something.
fn wanted() -> Option<Targets> {
    let wanted = env::var(VARIABLE).ok().filter(|wanted| !wanted.is_empty())?;
    let targets = wanted.parse::<Targets>();
    let ignored = |error: &_| stderr::say(format_args!("warning: {VARIABLE} is `{wanted}`, which is ignored: {error}"));
    targets.inspect_err(ignored).ok()
}
