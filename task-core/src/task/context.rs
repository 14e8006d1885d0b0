//! The context of a running call: its id, its attempt, its remaining time, and the states.

use std::{any::type_name, sync::Arc, time::Duration};

use super::{State, States};
use crate::{id::TaskId, ports::Clock};

/// The context of a running call. A task asks for it with a parameter `cx: &Context`.
#[derive(Clone)]
pub struct Context {
    id: TaskId,
    task: &'static str,
    attempt: u32,
    deadline_us: u64,
    shared: Arc<Shared>,
}

/// The part that all calls of a worker share.
pub struct Shared {
    /// The states provided at start-up.
    pub states: States,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Context {
    /// The context of one attempt. `timeout` counts from now.
    pub fn new(id: TaskId, task: &'static str, attempt: u32, timeout: Duration, shared: &Arc<Shared>) -> Self {
        let deadline_us = shared.clock.monotonic_us().saturating_add(timeout.as_micros() as u64);
        Self::until(id, task, attempt, deadline_us, shared)
    }

    /// The context of one attempt that ends when the clock's monotonic time is `deadline_us`, for a worker that has
    /// already read the clock.
    pub fn until(id: TaskId, task: &'static str, attempt: u32, deadline_us: u64, shared: &Arc<Shared>) -> Self {
        Self { id, task, attempt, deadline_us, shared: Arc::clone(shared) }
    }

    /// The call's id, the same over all attempts. Celery: `self.request.id`.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The task's name.
    pub fn task(&self) -> &'static str {
        self.task
    }

    /// Which attempt this is, from 1. Celery: `self.request.retries + 1`.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// A text that is the same for every attempt of this call and for no other call. Pass it on to payment and mail
    /// services, so that a call that runs twice acts once.
    pub fn idempotency_key(&self) -> String {
        self.id.to_string()
    }

    /// How much time this attempt has left.
    pub fn remaining(&self) -> Duration {
        Duration::from_micros(self.deadline_us.saturating_sub(self.shared.clock.monotonic_us()))
    }

    /// The state of this type, provided at start-up.
    ///
    /// # Panics
    /// If there is none, which fails this attempt only. `#[task(state(T))]` makes that an error at start-up instead.
    pub fn state<T: Send + Sync + 'static>(&self) -> State<T> {
        self.shared.states.get().unwrap_or_else(|| {
            let (task, state) = (self.task, type_name::<T>());
            panic!(
                "task `{task}` asks for State<{state}>, which was not provided: write `#[task(state({state}))]` on it, \
                 and `app.state(..)` in the set-up given to celeriac::main!"
            )
        })
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("task", &self.task)
            .field("id", &self.id)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("states", &self.states).finish_non_exhaustive()
    }
}
