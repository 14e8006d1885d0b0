//! A function, as Lambda scales it: environments that handle one event at a time, a thousand at once and a thousand more
//! every ten seconds, and events that wait out of sight, for longer each time, when they find no room.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use task_core::sim::{Fate, Host, Sim};

use crate::{aws::Aws, bucket::Bucket, limits};

/// What an environment does with an event.
pub(crate) type Handler<E> = Arc<dyn Fn(E) -> BoxFuture<'static, ()> + Send + Sync>;

/// What becomes of a new environment.
pub(crate) type Boot<E> = Arc<dyn Fn(&Host) -> Handler<E> + Send + Sync>;

/// A function and its environments.
pub(crate) struct Function<E>(Arc<Inner<E>>);

struct Inner<E> {
    name: &'static str,
    concurrency: usize,
    boot: Boot<E>,
    fate: Fate,
    aws: Aws,
    state: Mutex<State<E>>,
}

struct State<E> {
    idle: Vec<(Host, Handler<E>)>,
    scaling: Bucket,
    seen: Seen,
}

/// What there was of a function.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Environments that were started.
    pub(crate) environments: usize,
    /// Those that handle something now, and the most that ever did.
    pub(crate) busy: usize,
    pub(crate) most_busy: usize,
    /// How often an event found no room.
    pub(crate) throttled: u64,
    /// When it was last that more were busy than ever before, since the beginning.
    pub(crate) full_at: Duration,
}

impl<E> Clone for Function<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Send + 'static> Function<E> {
    pub(crate) fn new(name: &'static str, concurrency: usize, sim: &Sim, aws: Aws, boot: Boot<E>) -> Self {
        let scaling = Bucket::new(limits::SCALING_STEP / limits::SCALING.as_secs_f64(), limits::SCALING_STEP);
        let state = Mutex::new(State { idle: Vec::new(), scaling, seen: Seen::default() });
        Self(Arc::new(Inner { name, concurrency, boot, fate: sim.fate(), aws, state }))
    }

    pub(crate) fn seen(&self) -> Seen {
        self.state().seen
    }

    /// An event was accepted: it starts a little later, if there is room.
    pub(crate) fn accept(&self, event: E) {
        let (function, soon) = (self.clone(), self.0.aws.state().upto(limits::EVENT));
        self.0.fate.after(soon, move |sim| function.start(sim, event, 0));
    }

    /// An event whose caller waits: it starts at once, if there is room.
    pub(crate) fn call(&self, event: E) {
        let function = self.clone();
        self.0.fate.after(Duration::ZERO, move |sim| function.start(sim, event, 0));
    }

    fn start(&self, sim: &mut Sim, event: E, refusals: u32) {
        let idle = self.state().idle.pop();
        if let Some((host, handler)) = idle {
            return self.handle(&host, handler, event, Duration::ZERO);
        }
        if self.may_grow(sim) {
            let host = sim.boot(self.0.name, 0);
            let handler = (self.0.boot)(&host);
            let function = self.clone();
            self.0.fate.after(limits::COLD_START, move |_| function.handle(&host, handler, event, limits::COLD_START));
            return;
        }
        self.state().seen.throttled += 1;
        let pause = limits::BACKOFF.saturating_mul(1 << refusals.min(16)).min(limits::BACKOFF_MOST);
        let function = self.clone();
        self.0.fate.after(pause, move |sim| function.start(sim, event, refusals + 1));
    }

    fn may_grow(&self, sim: &Sim) -> bool {
        let mut state = self.state();
        let grows =
            state.seen.environments < self.0.concurrency && state.scaling.take(1.0, sim.now().as_micros() as u64);
        state.seen.environments += usize::from(grows);
        grows
    }

    fn handle(&self, host: &Host, handler: Handler<E>, event: E, billed_before: Duration) {
        {
            let seen = &mut self.state().seen;
            seen.busy += 1;
            if seen.busy > seen.most_busy {
                (seen.most_busy, seen.full_at) = (seen.busy, Duration::from_micros(self.0.fate.now_us()));
            }
        }
        let (function, clock, handled) = (self.clone(), host.clock(), handler(event));
        let environment = host.clone();
        host.spawn(async move {
            let began_us = clock.monotonic_us();
            handled.await;
            let took = Duration::from_micros(clock.monotonic_us() - began_us);
            function.0.aws.ran(took + billed_before);
            let mut state = function.state();
            state.seen.busy -= 1;
            state.idle.push((environment, handler));
        });
    }

    fn state(&self) -> MutexGuard<'_, State<E>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
