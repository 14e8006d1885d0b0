//! Writes log lines to standard error, filtered by `RUST_LOG`. A subscriber that the program has installed stays in
//! place.

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

/// The variable that sets levels, also for single targets, like `warn,mail=debug`. Levels only: patterns for spans and
/// fields would bring a regular-expression engine into every function.
const VARIABLE: &str = "RUST_LOG";

/// The form of a log line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// For people at a terminal.
    Text,
    /// For programs.
    Json,
    /// For `CloudWatch` Logs, which adds the time and has no colours.
    #[cfg(feature = "lambda")]
    CloudText,
    /// For Lambda, which reads a line's level, and for queries.
    #[cfg(feature = "lambda")]
    CloudJson,
}

/// The log of this process until the program installs its own.
pub(crate) struct Logging {
    dispatch: Dispatch,
}

impl Logging {
    /// A log from this level on, unless `RUST_LOG` says otherwise.
    pub(crate) fn new(level: LevelFilter, form: Form) -> Self {
        let targets = wanted().unwrap_or_else(|| Targets::new().with_default(level));
        Self { dispatch: Dispatch::new(Registry::default().with(targets).with(form.layer())) }
    }

    /// Logs this thread until the guard is dropped: a set-up may still install another subscriber for the whole
    /// process.
    pub(crate) fn provisional(&self) -> dispatcher::DefaultGuard {
        dispatcher::set_default(&self.dispatch)
    }

    /// Logs all threads, unless the program has installed another subscriber.
    pub(crate) fn install(&self) {
        // An error means that there is one.
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

/// The value of `RUST_LOG`, if it is set.
fn wanted() -> Option<Targets> {
    let wanted = env::var(VARIABLE).ok().filter(|wanted| !wanted.is_empty())?;
    let targets = wanted.parse::<Targets>();
    let ignored = |error: &_| stderr::say(format_args!("warning: {VARIABLE} is `{wanted}`, which is ignored: {error}"));
    targets.inspect_err(ignored).ok()
}
