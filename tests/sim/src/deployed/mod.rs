//! Simulates a deployment on AWS: queues are mapped onto the production handlers of dispatcher and worker, with events
//! and answers as JSON. Environments are killed at their time limit, failed invocations are reported to a queue,
//! dead-letter queues are drained, and sweeps run from time to time. The launcher of workers and its count are the
//! production ones too.
//!
//! | file | what it is |
//! | --- | --- |
//! | `event` | the JSON of events, reports and answers |
//! | `function` | environments, and the fate of events |
//! | `mapping` | the pollers of a queue |
//! | `platform` | the targets of a launcher: the function, and the counting item |
//! | `launches` | the invocations that are really outstanding |
//! | `health` | whether workers begin, as the table says |
//! | `sqs` | the queues as a program sees them |

mod event;
mod function;
mod health;
mod launches;
mod mapping;
mod platform;
mod sqs;

use std::{sync::Arc, time::Duration};

use celeriac_aws::{Backend, Platform, Settings};
use celeriac_core::{planner, ports::Ports, task::States, wire::Header};
use celeriac_dispatcher::DispatcherOptions;
use celeriac_sim::{Dice, Host, HostId, Sim, Steps};
use celeriac_worker::WorkerOptions;

pub use self::function::Broken;
pub(crate) use self::sqs::{Reasons, Sqs};
use self::{
    function::{Boot, Deployment, Function},
    health::Healths,
    launches::Launches,
    mapping::Mapping,
    platform::{Link, Remote},
};
use crate::{site::Site, tasks, witness::Insider};

/// How much longer than the workers' time limit a dispatcher hides a message.
const HIDDEN_AFTER: Duration = Duration::from_secs(30);

/// How long SQS keeps a message: the most that can be set.
const RETENTION: Duration = Duration::from_hours(14 * 24);

/// How long a dispatcher may take.
const DISPATCHER_LIMIT: Duration = Duration::from_mins(1);

/// How long the event of a sweep may wait.
const SWEEP_AGE: Duration = Duration::from_mins(1);

/// The time between two sweeps.
const SWEEP: Duration = Duration::from_mins(1);

/// The event of a sweep.
const SWEEP_EVENT: &str = r#"{"celeriac":"sweep"}"#;

/// The most bytes of a parcel on AWS.
const MESSAGE_BYTES: usize = 190 << 10;

/// The least concurrency that a mapping can have.
const LEAST: usize = 2;

/// The random settings of a deployment.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The most dispatchers.
    dispatchers: usize,
    /// How many more environments each function may have than its mappings use at once. If negative, some are
    /// throttled.
    spare: isize,
    /// Whether invocations are counted.
    counted: bool,
}

impl Options {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        Self {
            dispatchers: dice.between(1, 3) as usize,
            spare: dice.one_of(&[-2, 0, 4]),
            counted: !dice.happens(100_000),
        }
    }

    /// Those of a deployment by the book.
    pub(crate) fn plain(dispatchers: usize) -> Self {
        Self { dispatchers, spare: 4, counted: true }
    }
}

/// A deployed stack.
#[derive(Clone)]
pub(crate) struct Stack {
    dispatcher: Function,
    worker: Function,
}

impl Stack {
    /// Deploys it: from now on queues are polled.
    pub(crate) fn new(sim: &mut Sim, site: &Site) -> Self {
        sim.have_dead_queues();
        sim.keep_lanes_together();
        sim.keep_messages_for(RETENTION);
        let (scenario, launches) = (&site.scenario, Launches::default());
        let functions = &scenario.functions;
        let options = &scenario.deployed;
        let pollers_of_dispatcher = options.dispatchers * 2 + LEAST * 3;
        let with_spare = |pollers: usize| pollers.saturating_add_signed(options.spare).max(1);
        let hidden = functions.time_limit + HIDDEN_AFTER;
        let deployment = |name: &str, works| Deployment {
            name: format!("{}-{name}", event::STACK),
            concurrency: if works { functions.concurrency } else { with_spare(pollers_of_dispatcher) },
            time_limit: if works { functions.time_limit } else { DISPATCHER_LIMIT },
            cold_start: functions.cold_start,
            event_age: if works { hidden } else { SWEEP_AGE },
            works,
            skew_ms: functions.skew_ms,
        };
        let known = || (site.fate.clone(), site.facts.clone());
        let cap = if options.counted { functions.cap } else { 0 };
        let remote = Remote {
            launches: launches.clone(),
            healths: Healths::default(),
            facts: site.facts.clone(),
            fate: site.fate.clone(),
            mutation: site.mutation,
            cap,
            skew_ms: scenario.skew_ms,
            message_bytes: scenario.profile.message_bytes.min(MESSAGE_BYTES),
        };
        let function = |deployment, boot| Function::new(deployment, boot, known(), launches.clone(), site.mutation);
        let worker = function(deployment("worker", true), worker(site, remote.clone()));
        let dispatcher = dispatcher(site, remote, worker.clone(), hidden);
        let dispatcher = function(deployment("dispatcher", false), dispatcher);
        let host = sim.boot("the platform", 0);
        let map = |queue: &str, function: &Function, limit: Duration, pollers| {
            let mapping = Mapping {
                queue: queue.into(),
                function: function.clone(),
                hide_ms: 6 * limit.as_millis() as u64,
                host: host.clone(),
                ports: host.ports(planner::PROFILE, Steps::OneByOne),
                fate: site.fate.clone(),
                facts: site.facts.clone(),
                launches: launches.clone(),
                reasons: site.reasons.clone(),
                mutation: site.mutation,
            };
            mapping.start(pollers);
        };
        map("mail", &dispatcher, DISPATCHER_LIMIT, options.dispatchers);
        if scenario.narrow {
            map("bulk", &worker, functions.time_limit, functions.concurrency.clamp(2, 8));
        } else {
            map("bulk", &dispatcher, DISPATCHER_LIMIT, options.dispatchers);
        }
        for queue in ["mail-dead", "bulk-dead", "failures"] {
            map(queue, &dispatcher, DISPATCHER_LIMIT, LEAST);
        }
        let stack = Self { dispatcher, worker };
        stack.sweep(site);
        stack
    }

    /// The environments that are handling an event.
    pub(crate) fn busy(&self) -> Vec<HostId> {
        [&self.worker, &self.dispatcher].into_iter().flat_map(Function::busy).collect()
    }

    /// A fault is about to freeze an environment without its knowledge.
    pub(crate) fn meddle(&self, host: HostId) {
        self.worker.meddle(host);
    }

    /// From now on workers handle no event, or all are again.
    pub(crate) fn set_broken(&self, sim: &mut Sim, broken: Option<Broken>) {
        self.worker.set_broken(sim, broken);
    }

    /// How many invocations of workers there were.
    pub(crate) fn invocations(&self) -> u64 {
        self.worker.begun()
    }

    /// Deploys another program.
    pub(crate) fn renew(&self, sim: &mut Sim) {
        self.worker.renew(sim);
        self.dispatcher.renew(sim);
    }

    /// Whether only unreadable messages are left.
    pub(crate) fn is_quiet(sim: &Sim) -> bool {
        sim.is_quiet_but_for(|queue, body| queue.ends_with("-dead") && Header::peek(body).is_err())
    }

    /// A schedule triggers a sweep from time to time.
    fn sweep(&self, site: &Site) {
        let (stack, again) = (self.clone(), site.clone());
        site.fate.after(SWEEP, move |_| {
            stack.dispatcher.accept(&stack.dispatcher.number(), &SWEEP_EVENT.into());
            stack.sweep(&again);
        });
    }
}

/// The ports of a program on this host.
fn ports(site: &Site, host: &Host, lease: Duration) -> Ports {
    let mut ports = site.ports(host);
    ports.profile.message_bytes = ports.profile.message_bytes.min(MESSAGE_BYTES);
    ports.profile.lease_ms = lease.as_millis() as u64;
    ports
}

fn backend(host: &Host, remote: &Remote, settings: Settings, launches: Option<Function>) -> Backend {
    let platform: Arc<dyn Platform> = Arc::new(Link { remote: remote.clone(), host: host.clone(), worker: launches });
    let Ports { entropy, .. } = host.ports(planner::PROFILE, Steps::OneByOne);
    let options = celeriac_aws::Options::default().clock(host.clock()).entropy(entropy).platform(platform);
    Backend::new(settings, options).expect("nothing is asked of AWS yet")
}

fn settings(lease: Duration, cap: usize) -> Settings {
    Settings { lease, cap, ..Settings::new(event::STACK.parse().expect("it is a stack's name")) }
}

fn dispatcher(site: &Site, remote: Remote, worker: Function, hidden: Duration) -> Boot {
    let site = site.clone();
    Arc::new(move |host| {
        site.facts.lock().relievers.insert(host.id());
        let mut ports = ports(&site, host, hidden);
        if let Some(mutation) = site.mutation {
            ports = mutation.twist_dispatcher(ports);
        }
        let backend = backend(host, &remote, settings(hidden, remote.cap), Some(worker.clone()));
        let launcher = Arc::new(backend.functions(&tasks::registry(false)));
        let options = DispatcherOptions::new(["mail", "bulk"]);
        Arc::new(celeriac_lambda::dispatcher::Handler::on(ports, backend, launcher, options))
            as Arc<dyn celeriac_lambda::Function>
    })
}

fn worker(site: &Site, remote: Remote) -> Boot {
    let site = site.clone();
    Arc::new(move |host| {
        let lease = Duration::from_millis(site.scenario.profile.lease_ms);
        let backend = backend(host, &remote, settings(lease, remote.cap), None);
        let mut states = States::default();
        states.insert(Insider::new(host, site.facts.clone(), site.fate.clone(), Arc::default()));
        let options = WorkerOptions { isolate: false, threads: 1, ..WorkerOptions::default() };
        let (ports, registry) = (ports(&site, host, lease), tasks::registry(site.is_old()));
        Arc::new(celeriac_lambda::worker::Handler::on(ports, backend, registry, states, options))
            as Arc<dyn celeriac_lambda::Function>
    })
}
