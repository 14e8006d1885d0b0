//! Log lines of a function, in the form and from the level that its settings name. A subscriber that the program has
//! installed itself stays in place.

use std::{env, io};

use tracing::{Dispatch, Level, dispatcher};
use tracing_subscriber::{EnvFilter, fmt};

/// The log of this process until the program may have installed its own.
pub(super) struct Logging {
    dispatch: Dispatch,
}

impl Logging {
    /// In the form that Lambda's `AWS_LAMBDA_LOG_FORMAT` names; as much as `RUST_LOG` says, or from the level on that
    /// Lambda's `AWS_LAMBDA_LOG_LEVEL` names. The template sets that one for all functions: who sets the other means it.
    pub(super) fn new() -> Self {
        let json = env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
        let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level_of(&level));
        let lines = fmt().with_writer(io::stderr).with_ansi(false);
        // A filter of targets is made of patterns, which take a third of the time that a start has.
        let dispatch = match (json, filter()) {
            (true, Some(filter)) => {
                Dispatch::new(lines.with_env_filter(filter).json().flatten_event(true).with_span_list(false).finish())
            }
            (false, Some(filter)) => Dispatch::new(lines.with_env_filter(filter).without_time().finish()),
            (true, None) => {
                let lines = lines.with_max_level(level.unwrap_or(Level::INFO));
                Dispatch::new(lines.json().flatten_event(true).with_span_list(false).finish())
            }
            (false, None) => Dispatch::new(lines.with_max_level(level.unwrap_or(Level::INFO)).without_time().finish()),
        };
        Self { dispatch }
    }

    /// Logs what this thread does until the guard is dropped: a set-up may still install another for good.
    pub(super) fn provisional(&self) -> dispatcher::DefaultGuard {
        dispatcher::set_default(&self.dispatch)
    }

    /// Logs what all threads do, unless the program has installed another.
    pub(super) fn install(&self) {
        // An error says that there is one.
        let _ = dispatcher::set_global_default(self.dispatch.clone());
    }
}

/// What `RUST_LOG` says, if it says something.
fn filter() -> Option<EnvFilter> {
    let wanted = env::var(EnvFilter::DEFAULT_ENV).ok().filter(|wanted| !wanted.is_empty())?;
    let filter = EnvFilter::try_new(&wanted);
    filter.inspect_err(|error| eprintln!("warning: RUST_LOG is `{wanted}`, which is ignored: {error}")).ok()
}

/// Lambda's names for levels.
fn level_of(name: &str) -> Option<Level> {
    if name.eq_ignore_ascii_case("fatal") { Some(Level::ERROR) } else { name.parse().ok() }
}
