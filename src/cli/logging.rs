//! Log lines go to standard error, as much as `RUST_LOG` says. A subscriber that the program has installed itself
//! stays in place.

use std::io;

use tracing::{Dispatch, dispatcher};
use tracing_subscriber::{EnvFilter, fmt};

/// The log of this process until the program may have installed its own.
pub(super) struct Logging {
    dispatch: Dispatch,
}

fn filter(level: &str) -> EnvFilter {
    match std::env::var(EnvFilter::DEFAULT_ENV).as_deref() {
        Err(_) | Ok("") => EnvFilter::new(level),
        Ok(wanted) => EnvFilter::try_new(wanted).unwrap_or_else(|error| {
            eprintln!("warning: RUST_LOG is `{wanted}`, which is ignored: {error}");
            EnvFilter::new(level)
        }),
    }
}

impl Logging {
    /// Unless `RUST_LOG` says otherwise, from this level on.
    pub(super) fn new(level: &str, json: bool) -> Self {
        let filter = filter(level);
        let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
        let dispatch = if json { Dispatch::new(lines.json().finish()) } else { Dispatch::new(lines.finish()) };
        Self { dispatch }
    }

    /// Logs what this thread does until the guard is dropped: a set-up may still install another for good.
    pub(super) fn provisional(&self) -> dispatcher::DefaultGuard {
        dispatcher::set_default(&self.dispatch)
    }

    /// Logs what all threads do, unless the program has installed another.
    pub(super) fn install(self) {
        // An error says that there is one.
        let _ = dispatcher::set_global_default(self.dispatch);
    }
}
