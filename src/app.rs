//! The parts of a program besides its tasks: the states they share, how its queues are served, where its store is.

use std::{collections::BTreeMap, time::Duration};

use celeriac_core::{name::queue_name, ports::Ports, task::States};

use crate::store::StoreChoice;

/// A program: the states that its tasks share, how its queues are served, and where its store is. Each setting has a
/// default; `App::default()` runs.
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
    /// The queues that this process serves; `None` for all.
    pub(crate) only: Option<Vec<String>>,
    pub(crate) store: StoreChoice,
}

/// How the calls of a queue reach a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Road {
    /// Through the dispatcher, which invokes many workers in parallel, up to a cap: for many calls at a time.
    #[default]
    Wide,
    /// Straight to a worker: one hop less, for a steady trickle of single calls.
    Narrow,
}

impl App {
    /// The most parcels of a lane that run at a time in one process.
    pub const MAX_SLOTS: usize = 1024;

    /// The most calls that [`App::concurrency`] lets run at a time in one process.
    pub const MAX_CONCURRENCY: usize = 1_000_000;

    /// Provides a state that tasks ask for with a parameter `State<T>`. A second value of the same type replaces the
    /// first.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// How a queue is served. Defaults to [`Road::Wide`] for each queue that a linked task names. A queue that no task
    /// names is served too once it is named here: calls may be sent to it with `.queue(..)`.
    ///
    /// # Panics
    /// If this is not a valid name of a queue.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>, road: Road) -> Self {
        let name = name.into();
        assert!(queue_name(&name), "queue `{name}`: 1 to 80 letters, digits, `_` or `-`");
        self.roads.insert(name, road);
        self
    }

    /// How many parcels run at a time in this process, in each [lane](celeriac_core::Lane) of its queues. Within each,
    /// the task's `concurrency` limits the calls. 1 to [`App::MAX_SLOTS`]; other numbers count as the nearest bound.
    /// Defaults to 256 interactive parcels, which are most often single calls, and 64 bulk ones; to 64 of each in a
    /// program with plain functions. Celery has none: its `worker_concurrency` is [`App::concurrency`].
    #[must_use]
    pub fn slots(mut self, parcels: usize) -> Self {
        self.slots = Some(parcels.clamp(1, Self::MAX_SLOTS));
        self
    }

    /// How many calls run at a time in this process, over all parcels, tasks and lanes. Interactive calls come first;
    /// while bulk calls wait they have a fifth of the places. Of twenty places and more they leave a twentieth to
    /// interactive calls. 1 to [`App::MAX_CONCURRENCY`]; other
    /// numbers count as the nearest bound. Defaults to no limit: each running parcel ([`App::slots`]) runs as many
    /// calls as its task's `concurrency`. Calls of plain functions always have their own limit: the number of
    /// processors in each lane, over all tasks without `concurrency`. Celery: `worker_concurrency`, `-c`.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = Some(calls.clamp(1, Self::MAX_CONCURRENCY));
        self
    }

    /// How long a stop waits for running calls. Calls that have not ended by then run again elsewhere. Defaults to 30
    /// seconds. Celery: `worker_soft_shutdown_timeout`.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// The store of messages and ledger, by its URL: `sqlite:celeriac.db` for a file, which is created if it is
    /// missing, `aws:shop` for a stack on AWS, `memory:` for tests. Defaults to the environment variable
    /// `CELERIAC_STORE`, else to `sqlite:celeriac.db`. Celery: `broker_url` and `result_backend` in one.
    ///
    /// For programs that call [`App::start`] themselves. A set-up given to [`main!`](crate::main!) is refused if it
    /// names a store: commands do not run the set-up and would use another store. There, use the option `--store` or
    /// the environment.
    #[must_use]
    pub fn store(mut self, url: impl AsRef<str>) -> Self {
        self.store = StoreChoice::Url(url.as_ref().parse());
        self
    }

    /// Another backend, or one that is already open. For [`App::start`], not for [`main!`](crate::main!).
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
    fn an_invalid_queue_name_is_refused() {
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
