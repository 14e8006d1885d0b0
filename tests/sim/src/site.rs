//! The simulated site: hosts with programs on them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    PerLane,
    client::Client,
    ports::{Invoker, Ports, Profile},
    protocol,
    scheduler::Scheduler,
    task::States,
};
use celeriac_dispatcher::{Dispatcher, DispatcherOptions};
use celeriac_sim::{Boot, Dice, Fate, Handler, Host, HostId, Sim, SimulatedFunctions};
use celeriac_worker::{Pool, Worker, WorkerOptions};
use futures::{FutureExt as _, future};
use tokio_util::sync::CancellationToken;

use crate::{
    deployed::{Reasons, Sqs, Stack},
    facts,
    hands::{Dispatching, Hands},
    mutation::Mutation,
    newer,
    scenario::{Blow, Scenario, Shape},
    tasks,
    witness::Insider,
};

/// How often to look for dead processes.
const LOOK: Duration = Duration::from_millis(500);

/// The time between two sweeps.
const SWEEP: Duration = Duration::from_secs(30);

/// How long a stopped process lets its calls run.
const GRACE: Duration = Duration::from_secs(3);

/// The simulated site: hosts with programs on them.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) facts: facts::Shared,
    pub(crate) fate: Fate,
    pub(crate) mutation: Option<Mutation>,
    /// Why messages were buried.
    pub(crate) reasons: Reasons,
    functions: Option<SimulatedFunctions>,
    stack: Option<Stack>,
    state: Arc<Mutex<State>>,
}

struct State {
    dice: Dice,
    servers: Vec<Option<Server>>,
    clients: Vec<HostId>,
    /// Whether new programs lack some tasks.
    old: bool,
}

/// A process that serves queues.
#[derive(Clone)]
struct Server {
    host: Host,
    stop: CancellationToken,
    stops: Arc<AtomicBool>,
    worker: Arc<Worker>,
}

impl Site {
    pub(crate) fn new(
        sim: &mut Sim,
        scenario: Scenario,
        facts: facts::Shared,
        mutation: Option<Mutation>,
        dice: Dice,
    ) -> Self {
        let (servers, old) = (vec![None; scenario.servers], scenario.old);
        let state = State { dice, servers, clients: Vec::new(), old };
        let (scenario, fate) = (Arc::new(scenario), sim.fate());
        let (functions, stack, reasons, state) = (None, None, Reasons::default(), Arc::new(Mutex::new(state)));
        let mut site = Self { scenario, facts, fate, mutation, reasons, functions, stack, state };
        match site.scenario.shape {
            Shape::Functions => {
                site.functions =
                    Some(SimulatedFunctions::new(sim, site.scenario.functions.clone(), site.environment()));
            }
            Shape::Deployed => site.stack = Some(Stack::new(sim, &site)),
            Shape::Pool => {}
        }
        if site.stack.is_none() {
            (0..site.scenario.servers).for_each(|number| site.serve(sim, number));
            site.supervise();
        }
        site
    }

    /// The deployed stack.
    pub(crate) fn stack(&self) -> Option<Stack> {
        self.stack.clone()
    }

    /// A client on its own host.
    pub(crate) fn client(&self, sim: &mut Sim) -> (Host, Client, Arc<Hands>) {
        let host = self.boot(sim, "a client");
        self.state().clients.push(host.id());
        let hands = Hands::new(self.facts.clone(), self.scenario.profile);
        let mut ports = hands.watch(self.ports(&host));
        ports.batches = Arc::new(crate::work::Owing(ports.batches));
        let client = Client::in_background(ports, host.background());
        (host, client, hands)
    }

    /// Starts the faults of the scenario.
    pub(crate) fn trouble(&self) {
        for _ in 0..self.scenario.rubbish {
            let at_ms = self.draw(|dice| dice.between(0, self.scenario.trouble.as_millis() as u64));
            let queue = self.draw(|dice| dice.one_of(&["mail", "bulk"]));
            self.fate.after(Duration::from_millis(at_ms), move |sim| sim.drop_in(queue, &b"rubbish"[..]));
        }
        for number in 0..self.scenario.newer {
            // While servers still run the old program.
            let at_ms = self.draw(|dice| dice.between(0, self.scenario.trouble.as_millis() as u64 / 2));
            let facts = self.facts.clone();
            self.fate.after(Duration::from_millis(at_ms), move |sim| newer::send(sim, &facts, number));
        }
        for _ in 0..self.scenario.blows {
            let at_ms = self.draw(|dice| dice.between(0, self.scenario.trouble.as_millis() as u64));
            let site = self.clone();
            self.fate.after(Duration::from_millis(at_ms), move |sim| site.strike(sim));
        }
        if self.scenario.old {
            let site = self.clone();
            self.fate.after(self.scenario.trouble / 2, move |sim| {
                site.state().old = false;
                site.functions.iter().for_each(|functions| functions.renew(sim));
                site.stack.iter().for_each(|stack| stack.renew(sim));
                let servers = site.state().servers.clone();
                servers.into_iter().flatten().for_each(|server| server.restart());
            });
        }
    }

    /// Ends all faults.
    pub(crate) fn clear_up(&self, sim: &mut Sim) {
        sim.set_weather(self.scenario.weather.clearing());
        sim.thaw_all();
    }

    fn strike(&self, sim: &mut Sim) {
        if self.scenario.kinds.is_empty() {
            return;
        }
        let blow = self.draw(|dice| dice.one_of(&self.scenario.kinds));
        let server = {
            let number = self.draw(|dice| dice.between(0, self.scenario.servers as u64 - 1)) as usize;
            self.state().servers[number].clone()
        };
        let environments = match (&self.functions, &self.stack) {
            (Some(functions), _) => functions.busy(),
            (None, Some(stack)) => stack.busy(),
            (None, None) => Vec::new(),
        };
        let environment = (!environments.is_empty()).then(|| self.draw(|dice| dice.one_of(&environments)));
        // A host that runs calls, or one that dispatches them.
        let target = match &server {
            Some(server) => {
                Some(environment.filter(|_| self.draw(|dice| dice.happens(700_000))).unwrap_or(server.host.id()))
            }
            None => environment.filter(|_| self.stack.is_some()),
        };
        let Some(target) = target else { return };
        let requests = self.draw(|dice| dice.between(0, 12)) as u32;
        match blow {
            Blow::Crash => sim.crash(target),
            Blow::CrashAtRequest => sim.crash_after(target, requests),
            Blow::Freeze => {
                let lease_ms = self.scenario.profile.lease_ms;
                let for_ms = self.draw(|dice| dice.between(500, 3 * lease_ms));
                self.stack.iter().for_each(|stack| stack.meddle(target));
                sim.freeze(target);
                self.fate.after(Duration::from_millis(for_ms), move |sim| sim.thaw(target));
            }
            Blow::Restart => server.iter().for_each(Server::restart),
            Blow::Clock => {
                let skew_ms = self.draw(|dice| dice.around_zero(self.scenario.skew_ms));
                sim.set_clock(target, skew_ms);
            }
            Blow::Client => {
                let clients = self.state().clients.clone();
                let client = self.draw(|dice| dice.one_of(&clients));
                sim.crash_after(client, requests);
            }
        }
    }

    /// Restarts dead processes a little later.
    fn supervise(&self) {
        let site = self.clone();
        self.fate.after(LOOK, move |sim| {
            for number in 0..site.scenario.servers {
                let dead = |server: &Server| !sim.is_alive(server.host.id());
                if site.state().servers[number].as_ref().is_some_and(dead) {
                    site.state().servers[number] = None;
                    let (again, in_ms) = (site.clone(), site.draw(|dice| dice.between(100, 20_000)));
                    site.fate.after(Duration::from_millis(in_ms), move |sim| again.serve(sim, number));
                }
            }
            site.supervise();
        });
    }

    /// Starts a process that serves queues.
    fn serve(&self, sim: &mut Sim, number: usize) {
        let host = self.boot(sim, "a server");
        let (ports, stop, stops) = (self.ports(&host), CancellationToken::new(), Arc::<AtomicBool>::default());
        let worker = self.worker(&host, &ports, &stops);
        let queues = |narrow: bool| -> Vec<Arc<str>> {
            let bulk_is_narrow = self.scenario.narrow && self.scenario.shape == Shape::Pool;
            [("mail", false), ("bulk", bulk_is_narrow)]
                .into_iter()
                .filter(|(_, is_narrow)| *is_narrow == narrow)
                .map(|(queue, _)| queue.into())
                .collect()
        };
        let slots = self.scenario.slots;
        let invoker: Arc<dyn Invoker> = match &self.functions {
            Some(functions) => functions.launcher(&host),
            None => {
                Pool::new(Arc::clone(&worker), PerLane::new(|_| self.twist(Mutation::SlotsIgnored, slots, 4 * slots)))
            }
        };
        let dispatcher = self.dispatcher(&ports, invoker, queues(false));
        let stopped = stop.clone();
        host.spawn(async move { drop(dispatcher.run(stopped).await) });
        if !queues(true).is_empty() {
            let narrow =
                celeriac_worker::narrow(Arc::clone(&worker), queues(true), PerLane::new(|_| slots), stop.clone());
            host.spawn(async move { drop(narrow.await) });
        }
        host.spawn(async move {
            loop {
                // After an error the next sweep tries again.
                drop(protocol::pay_owed(&ports).await);
                ports.clock.sleep(SWEEP).await;
            }
        });
        if let Some(left) = self.scenario.trouble.checked_sub(sim.now()).filter(|_| self.scenario.scheduled) {
            self.schedule(&host, left);
        }
        self.state().servers[number] = Some(Server { host, stop, stops, worker });
    }

    fn dispatcher(&self, ports: &Ports, invoker: Arc<dyn Invoker>, queues: Vec<Arc<str>>) -> Dispatcher {
        let (limits, message_bytes) = (self.scenario.limits, self.scenario.profile.message_bytes);
        let (queue, facts, in_hand) = (Arc::clone(&ports.queue), self.facts.clone(), Mutex::default());
        let watched = Arc::new(Dispatching { queue, invoker, facts, limits, message_bytes, in_hand });
        let mut options = limits.of_dispatcher(DispatcherOptions::new(queues));
        options.bytes = self.twist(Mutation::LaunchesUnbounded, options.bytes, usize::MAX);
        Dispatcher::new(Ports { queue: watched.clone(), ..ports.clone() }, watched, options)
    }

    /// The right setting, or the wrong one under this mutation.
    fn twist<T>(&self, mutation: Mutation, right: T, wrong: T) -> T {
        if self.mutation == Some(mutation) { wrong } else { right }
    }

    /// Sends the runs of scheduled tasks for this long.
    fn schedule(&self, host: &Host, left: Duration) {
        let scheduler =
            Scheduler::new(self.ports(host), &tasks::registry(false)).expect("the schedule can be followed");
        let (stop, clock) = (CancellationToken::new(), host.clock());
        let schedules = scheduler.run(stop.clone());
        host.spawn(async move { drop(schedules.await) });
        host.spawn(async move {
            clock.sleep(left).await;
            stop.cancel();
        });
    }

    /// Sets up a new environment of the function.
    fn environment(&self) -> Boot {
        let site = self.clone();
        Arc::new(move |host| {
            let ports = site.ports(host);
            let worker = site.worker(host, &ports, &Arc::default());
            let handler: Handler = Arc::new(move |invocation, deadline_ms| {
                let worker = Arc::clone(&worker);
                async move {
                    worker.run(invocation, Some(deadline_ms)).await;
                }
                .boxed()
            });
            handler
        })
    }

    fn worker(&self, host: &Host, ports: &Ports, stops: &Arc<AtomicBool>) -> Arc<Worker> {
        let mut states = States::default();
        states.insert(Insider::new(host, self.facts.clone(), self.fate.clone(), Arc::clone(stops)));
        let options = WorkerOptions {
            name: format!("host {}", host.id()).into(),
            isolate: false,
            threads: 1,
            ..WorkerOptions::default()
        };
        Worker::new(tasks::registry(self.state().old), ports.clone(), states, options)
    }

    fn boot(&self, sim: &mut Sim, name: &str) -> Host {
        let skew_ms = self.draw(|dice| dice.around_zero(self.scenario.skew_ms));
        sim.boot(name, skew_ms)
    }

    pub(crate) fn ports(&self, host: &Host) -> Ports {
        let profile: Profile = self.scenario.profile;
        let mut ports = host.ports(profile, self.scenario.steps);
        if self.scenario.shape == Shape::Deployed {
            ports.queue = Arc::new(Sqs { queue: ports.queue, clock: host.clock(), reasons: self.reasons.clone() });
        }
        if !self.state().old {
            ports.queue = Arc::new(newer::Reads(ports.queue));
        }
        match self.mutation {
            Some(mutation) => mutation.twist(ports),
            None => ports,
        }
    }

    /// Whether all has come to an end.
    pub(crate) fn is_quiet(&self, sim: &Sim) -> bool {
        if self.stack.is_some() { Stack::is_quiet(sim) } else { sim.is_quiet() }
    }

    /// Whether new programs lack some tasks.
    pub(crate) fn is_old(&self) -> bool {
        self.state().old
    }

    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut Dice) -> T) -> T {
        draw(&mut self.state().dice)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Stops the process as an operator does. It is restarted once it has ended.
    fn restart(&self) {
        let Self { host, stop, stops, worker } = self.clone();
        let ended = host.clone();
        host.spawn(async move {
            stop.cancel();
            stops.store(true, Ordering::Relaxed);
            future::join(worker.stop(GRACE), future::ready(())).await;
            ended.die();
        });
    }
}
