//! What a program is made of besides its tasks: the state they share, how its queues are served, where its store is.

use std::{collections::BTreeMap, time::Duration};

use celeriac_core::{name::queue_name, ports::Ports, task::States};

use crate::store::StoreChoice;

/// A program: what its tasks share, how its queues are served, and where its store is. Each setting has a default;
/// `App::default()` runs.
///
/// ```no_run
/// # struct Mailer;
/// # use celeriac::{App, Road};
/// let app = App::default().state(Mailer).slots(8).queue("webhooks", Road::Narrow);
/// ```
#[derive(Clone, Debug, Default)]
pub struct App {
    pub(crate) states: States,
    pub(crate) roads: BTreeMap<String, Road>,
    pub(crate) slots: Option<usize>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) grace: Option<Duration>,
    /// The queues that this process serves, if not all.
    pub(crate) only: Option<Vec<String>>,
    pub(crate) store: StoreChoice,
}

/// How the calls of a queue come to a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Road {
    /// Through the dispatcher, which invokes as many workers in parallel as may run: for many calls at a time.
    #[default]
    Wide,
    /// Straight to a worker: one hop less, for a steady trickle of single calls.
    Narrow,
}

impl App {
    /// The most parcels that run at a time in one process.
    pub const MAX_SLOTS: usize = 1024;

    /// The most calls that [`App::concurrency`] lets run at a time in one process.
    pub const MAX_CONCURRENCY: usize = 1_000_000;

    /// Provides something that tasks ask for with a parameter `State<T>`. A second value of one type replaces the
    /// first.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// How a queue is served. Defaults to [`Road::Wide`] for each queue that a linked task names. Naming a queue
    /// here that no task names serves it too: calls may be sent to it with `.queue(..)`.
    ///
    /// # Panics
    /// If no queue may have this name.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>, road: Road) -> Self {
        let name = name.into();
        assert!(queue_name(&name), "queue `{name}`: 1 to 80 letters, digits, `_` or `-`");
        self.roads.insert(name, road);
        self
    }

    /// How many parcels run at a time in this process; within each, as many calls as the task's `concurrency` says.
    /// 1 to [`App::MAX_SLOTS`]; a number beyond counts as the nearest. Defaults to 64: most tasks wait for others, and a
    /// parcel may be a single call. Celery has none: its `worker_concurrency` is [`App::concurrency`].
    #[must_use]
    pub fn slots(mut self, parcels: usize) -> Self {
        self.slots = Some(parcels.clamp(1, Self::MAX_SLOTS));
        self
    }

    /// How many calls run at a time in this process, over all parcels and tasks. 1 to [`App::MAX_CONCURRENCY`]; a number
    /// beyond counts as the nearest. Defaults to no limit: each of the parcels that run ([`App::slots`]) has as many as its
    /// task's `concurrency`. Calls of plain functions have a limit of their own without this, the number of processors,
    /// over all tasks that set no `concurrency`. Celery: `worker_concurrency`, `-c`.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = Some(calls.clamp(1, Self::MAX_CONCURRENCY));
        self
    }

    /// How long a stop waits for calls that run; what has not ended by then runs again elsewhere. Defaults to 30
    /// seconds. Celery: `worker_soft_shutdown_timeout`.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// The store that holds messages and ledger, by its URL: `sqlite:celeriac.db` for a file, which is created if it is not
    /// there, `aws:shop` for a stack on AWS, `memory:` for tests. Defaults to the one that the environment variable
    /// `CELERIAC_STORE` names, else to `sqlite:celeriac.db`. Celery: `broker_url` and `result_backend` in one.
    ///
    /// For programs that call [`App::start`] themselves. A set-up given to [`main!`](crate::main!) is refused if it
    /// names a store: commands do not run the set-up and would look into another one. There the option `--store` or the
    /// environment names it.
    #[must_use]
    pub fn store(mut self, url: impl AsRef<str>) -> Self {
        self.store = StoreChoice::Url(url.as_ref().parse());
        self
    }

    /// Another backend, or one that is open already. As [`App::start`] takes it, not [`main!`](crate::main!).
    #[must_use]
    pub fn ports(mut self, ports: Ports) -> Self {
        self.store = StoreChoice::Open(ports.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "queue `a queue`: 1 to 80 letters, digits, `_` or `-`")]
    fn a_queue_that_is_none_is_refused() {
        let _ = App::default().queue("a queue", Road::Wide);
    }

    #[test]
    fn slots_are_within_their_limits() {
        assert_eq!(App::default().slots(0).slots, Some(1));
        assert_eq!(App::default().slots(usize::MAX).slots, Some(App::MAX_SLOTS));
        assert_eq!(App::default().concurrency(0).concurrency, Some(1));
        assert_eq!(App::default().concurrency(usize::MAX).concurrency, Some(App::MAX_CONCURRENCY));
    }

    #[test]
    fn a_second_state_of_one_type_replaces_the_first() {
        let app = App::default().state("first").state("second");
        assert_eq!(app.states.get::<&str>().map(|state| *state), Some("second"));
    }
}
