//! Simulates how Lambda scales a function: environments handle one event at a time, a thousand at once and a thousand
//! more every ten seconds. Events without a free environment wait out of sight, longer each time.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use celeriac_aws::Answer;
use celeriac_lambda::Request;
use celeriac_sim::{Fate, Host, Sim};
use tokio::sync::oneshot;

use crate::{aws::Aws, bucket::Bucket, limits};

/// Handles the events of an environment.
type Handler = Arc<dyn celeriac_lambda::Function>;

/// Sets up a new environment.
pub(crate) type Boot = Arc<dyn Fn(&Host) -> Handler + Send + Sync>;

/// An event of a function.
pub(crate) struct Event {
    /// The JSON.
    pub(crate) text: String,
    /// Receives the answer; `None` for an asynchronous event.
    pub(crate) caller: Option<Caller>,
    /// When it was accepted, since the beginning.
    pub(crate) accepted_us: u64,
}

/// Waits for an answer, `None` if there is none.
pub(crate) struct Caller {
    pub(crate) answer: oneshot::Sender<Option<Answer>>,
    pub(crate) host: Host,
}

/// How a function is deployed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deployment {
    pub(crate) name: &'static str,
    /// How many environments there may be.
    pub(crate) concurrency: usize,
    pub(crate) time_limit: Duration,
}

/// A function and its environments.
#[derive(Clone)]
pub(crate) struct Function(Arc<Inner>);

struct Inner {
    deployment: Deployment,
    boot: Boot,
    fate: Fate,
    aws: Aws,
    state: Mutex<State>,
}

struct State {
    idle: Vec<(Host, Handler)>,
    scaling: Bucket,
    /// How many events were handled.
    requests: u64,
    seen: Seen,
}

/// What was observed of a function.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Environments that were started.
    pub(crate) environments: usize,
    /// Environments that handle an event now, and the most that ever did at a time.
    pub(crate) busy: usize,
    pub(crate) most_busy: usize,
    /// How often an event found no room.
    pub(crate) throttled: u64,
    /// When the number of busy environments last reached a new maximum, since the beginning.
    pub(crate) full_at: Duration,
}

impl Caller {
    fn told(self, answer: Option<Answer>) {
        // If no one waits, the simulation has ended.
        drop(self.answer.send(answer));
        // A host runs only when something of its own happens.
        self.host.spawn(std::future::ready(()));
    }
}

impl Function {
    pub(crate) fn new(deployment: Deployment, sim: &Sim, aws: Aws, boot: Boot) -> Self {
        let scaling = Bucket::new(limits::SCALING_STEP / limits::SCALING.as_secs_f64(), limits::SCALING_STEP);
        let state = Mutex::new(State { idle: Vec::new(), scaling, requests: 0, seen: Seen::default() });
        Self(Arc::new(Inner { deployment, boot, fate: sim.fate(), aws, state }))
    }

    pub(crate) fn seen(&self) -> Seen {
        self.state().seen
    }

    /// Accepts an event. It starts a little later, if there is room.
    pub(crate) fn accept(&self, event: Event) {
        let (function, soon) = (self.clone(), self.0.aws.state().upto(limits::EVENT));
        self.0.fate.after(soon, move |sim| function.start(sim, event, 0));
    }

    /// Starts an event whose caller waits, at once if there is room.
    pub(crate) fn call(&self, event: Event) {
        let function = self.clone();
        self.0.fate.after(Duration::ZERO, move |sim| function.start(sim, event, 0));
    }

    fn start(&self, sim: &mut Sim, event: Event, refusals: u32) {
        if self.enters() {
            let idle = self.state().idle.pop();
            if let Some((host, handler)) = idle {
                self.note_wait(&event, refusals);
                return self.handle(&host, handler, event, Duration::ZERO);
            }
            if self.may_grow(sim) {
                self.note_wait(&event, refusals);
                return self.boot(sim, event);
            }
            self.leaves();
        }
        self.state().seen.throttled += 1;
        let pause = limits::BACKOFF.saturating_mul(1 << refusals.min(16)).min(limits::BACKOFF_MOST);
        // A poller of a queue does not wait for longer each time. Assumed.
        let pause = if event.caller.is_some() { limits::BACKOFF } else { pause };
        let function = self.clone();
        self.0.fate.after(pause, move |sim| function.start(sim, event, refusals + 1));
    }

    /// Takes a place of the account's concurrency, which all functions share.
    fn enters(&self) -> bool {
        let mut state = self.0.aws.state();
        let enters = state.account.is_none_or(|account| state.running < account);
        state.running += usize::from(enters);
        enters
    }

    fn leaves(&self) {
        self.0.aws.state().running -= 1;
    }

    fn note_wait(&self, event: &Event, refusals: u32) {
        if refusals > 0 && event.caller.is_none() {
            let waited = Duration::from_micros(self.0.fate.now_us() - event.accepted_us);
            let mut state = self.0.aws.state();
            state.throttled_for = state.throttled_for.max(waited);
        }
    }

    fn boot(&self, sim: &mut Sim, event: Event) {
        let host = sim.boot(self.0.deployment.name, 0);
        let handler = (self.0.boot)(&host);
        let function = self.clone();
        self.0.fate.after(limits::COLD_START, move |_| function.handle(&host, handler, event, limits::COLD_START));
    }

    fn may_grow(&self, sim: &Sim) -> bool {
        let mut state = self.state();
        let grows = state.seen.environments < self.0.deployment.concurrency
            && state.scaling.take(1.0, sim.now().as_micros() as u64);
        state.seen.environments += usize::from(grows);
        grows
    }

    fn handle(&self, host: &Host, handler: Handler, event: Event, billed_before: Duration) {
        let number = {
            let state = &mut *self.state();
            let seen = &mut state.seen;
            seen.busy += 1;
            if seen.busy > seen.most_busy {
                (seen.most_busy, seen.full_at) = (seen.busy, Duration::from_micros(self.0.fate.now_us()));
            }
            state.requests += 1;
            state.requests
        };
        let (function, environment, clock) = (self.clone(), host.clone(), host.clock());
        let Deployment { name, time_limit, .. } = self.0.deployment;
        let request = Request {
            id: format!("{name}-{number}"),
            function: name.to_owned(),
            log_stream: format!("environment {}", host.id()),
            deadline_ms: clock.now_ms() + time_limit.as_millis() as u64,
        };
        host.spawn(async move {
            let (began_us, Event { text, caller, .. }) = (clock.monotonic_us(), event);
            let answer = handler.handle(&text, &request).await;
            let took = Duration::from_micros(clock.monotonic_us() - began_us);
            function.0.aws.ran(took + billed_before);
            function.handled(environment, handler);
            function.0.aws.state().failed += u64::from(answer.is_err());
            if let Some(caller) = caller {
                caller.told(answer.ok().map(Option::unwrap_or_default));
            }
        });
    }

    /// Frees an environment that is done with an event, unless it says that it cannot take another.
    fn handled(&self, environment: Host, handler: Handler) {
        self.leaves();
        let mut state = self.state();
        state.seen.busy -= 1;
        if handler.is_worn() {
            state.seen.environments -= 1;
        } else {
            state.idle.push((environment, handler));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
