//! Simulates functions as Lambda runs them. An asynchronous invocation is accepted even without free concurrency, waits
//! in an invisible queue, runs in an environment that handles one at a time, may run twice or never, and is killed at
//! its time limit.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Fate, Host, HostId, Service, Sim, link::Link};
use celeriac_core::Lane;
use celeriac_core::ports::{Invocation, InvokeError, Invoker, PortError};
use futures::future::{BoxFuture, FutureExt as _};

/// Handles an event until a deadline, in milliseconds since 1970 by the host's own clock.
pub type Handler = Arc<dyn Fn(Invocation, u64) -> BoxFuture<'static, ()> + Send + Sync>;

/// Sets up a new environment, and returns its handler.
pub type Boot = Arc<dyn Fn(&Host) -> Handler + Send + Sync>;

/// How much longer than its time limit an invocation may hold a lease.
const LEASE_MARGIN: Duration = Duration::from_secs(10);

/// The options of a function.
#[derive(Clone, Debug)]
pub struct FunctionOptions {
    /// The most environments.
    pub concurrency: usize,
    /// The most outstanding invocations. Launchers keep to it.
    pub cap: usize,
    /// How long an event may be handled.
    pub time_limit: Duration,
    /// How long an environment takes to start.
    pub cold_start: Duration,
    /// How wrong the clocks of environments may be, in milliseconds.
    pub skew_ms: u64,
}

/// A function and its environments.
#[derive(Clone)]
pub struct SimulatedFunctions {
    state: Arc<Mutex<State>>,
    options: FunctionOptions,
    boot: Boot,
    fate: Fate,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Launch, Invocation)>,
    idle: Vec<(Host, Handler)>,
    environments: usize,
    /// Launched invocations that have not ended, as launchers count them. Lost ones are forgotten when their lease
    /// would end.
    outstanding: BTreeSet<Launch>,
    launches: Launch,
    most: usize,
    busy: Vec<HostId>,
    starting: Vec<HostId>,
    /// Environments of a program that is no longer deployed. Each ends with its current event.
    old: Vec<HostId>,
}

/// Identifies a launch.
type Launch = u64;

impl SimulatedFunctions {
    /// A function whose environments are set up by `boot`.
    pub fn new(sim: &Sim, options: FunctionOptions, boot: Boot) -> Self {
        Self { state: Arc::default(), options, boot, fate: sim.fate() }
    }

    /// The launcher of a program on this host.
    pub fn launcher(&self, host: &Host) -> Arc<dyn Invoker> {
        let link = Link { shared: host.shared.clone(), host: Some(host.id), clock: host.clock() };
        Arc::new(Launcher { functions: self.clone(), link, host: host.clone() })
    }

    /// The highest number of outstanding invocations so far.
    pub fn most_outstanding(&self) -> usize {
        self.state().most
    }

    /// The environments that are handling an event.
    pub fn busy(&self) -> Vec<HostId> {
        self.state().busy.clone()
    }

    /// Deploys another program: environments started before now handle no further event.
    pub fn renew(&self, sim: &mut Sim) {
        let idle = {
            let mut state = self.state();
            state.old = state.busy.iter().chain(&state.starting).copied().collect();
            let idle = std::mem::take(&mut state.idle);
            state.environments -= idle.len();
            idle
        };
        for (host, _) in idle {
            sim.crash(host.id);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event arrives in the invisible queue.
    fn accept(&self, launch: Launch, invocation: &Invocation) {
        let (copies, delay_ms) = self.fate.draw(|dice, weather| {
            let copies = if dice.happens(weather.event_lost) {
                0
            } else if dice.happens(weather.event_twice) {
                2
            } else {
                1
            };
            (copies, dice.between(1, 40))
        });
        if copies == 0 {
            self.fate.say(0, || "an event of a function was dropped".to_owned());
        }
        for _ in 0..copies {
            let (functions, invocation) = (self.clone(), invocation.clone());
            self.fate.after(Duration::from_millis(delay_ms), move |sim| {
                functions.state().waiting.push_back((launch, invocation));
                functions.start(sim);
            });
        }
    }

    /// Counts a launch, if the cap allows it.
    fn count(&self) -> Option<Launch> {
        let launch = {
            let mut state = self.state();
            if state.outstanding.len() >= self.options.cap {
                return None;
            }
            state.launches += 1;
            let launch = state.launches;
            state.outstanding.insert(launch);
            state.most = state.most.max(state.outstanding.len());
            launch
        };
        let functions = self.clone();
        self.fate.after(self.options.time_limit + LEASE_MARGIN, move |_| functions.release(launch));
        Some(launch)
    }

    fn release(&self, launch: Launch) {
        self.state().outstanding.remove(&launch);
    }

    /// Gives waiting events to environments, as far as concurrency allows.
    fn start(&self, sim: &mut Sim) {
        loop {
            let idle = {
                let mut state = self.state();
                state.idle.retain(|(host, _)| sim.is_alive(host.id));
                if state.waiting.is_empty() {
                    return;
                }
                state.idle.pop()
            };
            if let Some((host, handler)) = idle {
                self.handle(&host, &handler);
                continue;
            }
            if self.state().environments >= self.options.concurrency {
                return;
            }
            self.state().environments += 1;
            let skew_ms = self.options.skew_ms;
            let skew_ms = self.fate.draw(|dice, _| dice.around_zero(skew_ms));
            let host = sim.boot("an environment of the function", skew_ms);
            let handler = (self.boot)(&host);
            let functions = self.clone();
            self.state().starting.push(host.id);
            self.fate.after(self.options.cold_start, move |sim| {
                functions.started(host, handler);
                functions.start(sim);
            });
            // It takes the next waiting event when it has started.
            if self.state().is_served() {
                return;
            }
        }
    }

    fn started(&self, host: Host, handler: Handler) {
        let mut state = self.state();
        state.starting.retain(|starting| *starting != host.id);
        if state.old.contains(&host.id) {
            state.environments -= 1;
        } else {
            state.idle.push((host, handler));
        }
    }

    fn handle(&self, host: &Host, handler: &Handler) {
        let Some((launch, invocation)) = self.state().waiting.pop_front() else { return };
        self.state().busy.push(host.id);
        let limit = self.options.time_limit;
        let deadline_ms = host.clock().now_ms() + limit.as_millis() as u64;
        let handled = handler(invocation, deadline_ms);
        let (functions, id, again) = (self.clone(), host.id, (host.clone(), Arc::clone(handler)));
        let ended = Arc::new(Mutex::new(false));
        let said = Arc::clone(&ended);
        host.spawn(async move {
            handled.await;
            *said.lock().unwrap_or_else(PoisonError::into_inner) = true;
            functions.ended(id, launch, Some(again));
        });
        self.end_by(limit, id, launch, ended);
    }

    /// Kills an environment at its time limit, unless it has answered. A dead one is found by then.
    fn end_by(&self, limit: Duration, host: HostId, launch: Launch, ended: Arc<Mutex<bool>>) {
        let functions = self.clone();
        let step = Duration::from_secs(1).min(limit);
        self.fate.after(step, move |sim| {
            if *ended.lock().unwrap_or_else(PoisonError::into_inner) {
                return;
            }
            if sim.is_alive(host) && limit > step {
                return functions.end_by(limit.saturating_sub(step), host, launch, ended);
            }
            sim.crash(host);
            functions.ended(host, launch, None);
        });
    }

    fn ended(&self, host: HostId, launch: Launch, again: Option<(Host, Handler)>) {
        {
            let mut state = self.state();
            state.busy.retain(|busy| *busy != host);
            let again = again.filter(|_| !state.old.contains(&host));
            if again.is_none() {
                state.environments -= 1;
            }
            state.idle.extend(again);
        }
        self.release(launch);
        let functions = self.clone();
        self.fate.after(Duration::ZERO, move |sim| functions.start(sim));
    }
}

impl State {
    /// Whether an environment is starting for each waiting event.
    fn is_served(&self) -> bool {
        self.waiting.len() <= self.starting.len()
    }
}

impl fmt::Debug for SimulatedFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedFunctions").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The launcher of one host.
struct Launcher {
    functions: SimulatedFunctions,
    link: Link,
    host: Host,
}

/// How long a launcher waits when the cap is reached.
const FULL: Duration = Duration::from_secs(1);

impl Invoker for Launcher {
    fn room(&self, _: Lane) -> BoxFuture<'_, usize> {
        async {
            loop {
                let room = self.functions.options.cap.saturating_sub(self.functions.state().outstanding.len());
                if room > 0 {
                    return room;
                }
                self.host.clock().sleep(FULL).await;
            }
        }
        .boxed()
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        async move {
            // Counted at once, so that the next request for capacity sees it.
            let launch = self.functions.count().ok_or(InvokeError::Throttled)?;
            let functions = self.functions.clone();
            let launched = self.link.call(Service::Functions, move |site| {
                let (functions, invocation) = (functions.clone(), invocation.clone());
                site.act(move |_| functions.accept(launch, &invocation));
            });
            match launched.await {
                Ok(()) => Ok(()),
                Err(error @ PortError::Unknown { .. }) => Err(InvokeError::Unknown(error)),
                Err(error) => {
                    self.functions.release(launch);
                    Err(InvokeError::Failed(error))
                }
            }
        }
        .boxed()
    }
}
