//! One run: the real client, mapping, dispatchers and workers in the simulated world of `limits`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use celeriac_aws::{Backend, Bill, Options, Platform, Settings};
use celeriac_core::{
    client::{Client, FanOut},
    planner,
    ports::{Clock, Ports, Profile, SystemClock},
    task::{Options as TaskOptions, States, Task},
};
use celeriac_dispatcher::DispatcherOptions;
use celeriac_sim::{Dice, Host, Sim, Steps, Weather};
use celeriac_worker::WorkerOptions;

use crate::{
    aws::{Aws, Way},
    event::STACK,
    function::{Boot, Deployment, Function},
    ledger::Table,
    limits,
    mail::{self, Book, Long, Post, QUEUE, Quick, Slow, Source, Started, Usual},
    mapping::Mapping,
    platform::{Item, Link},
    queue::Sqs,
};

/// How often to check how far a run is.
const LOOK: Duration = Duration::from_millis(100);

/// The step of the sums.
const STEP_S: f64 = 0.01;

/// When a run is given up. To reach it would be a bug of the product.
const GIVEN_UP: Duration = Duration::from_hours(48);

/// How long a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// A millisecond.
    Quick,
    /// 50 ms, as a mail does.
    Usual,
    /// A second.
    Slow,
    /// Half a minute.
    Long,
}

/// The setup of a run.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Everything random follows from it.
    pub seed: u64,
    /// How many calls.
    pub calls: u64,
    /// How long each takes.
    pub length: Length,
    /// How many workers may run at a time: the cap on outstanding invocations, and the concurrency of their function.
    pub workers: usize,
    /// How many dispatchers may run at a time: the mapping's `MaximumConcurrency`.
    pub dispatchers: usize,
    /// The capacity of the table, in write units a second.
    pub table_writes: f64,
    /// How many calls a parcel has, if not the planner's number: a multiple of the task's concurrency.
    pub calls_per_parcel: Option<u32>,
    /// The most parcels of an invocation.
    pub parcels: usize,
    /// How many environments the account may use at a time, over all functions; `None` for as many as they want.
    pub account: Option<usize>,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was run.
    pub setup: Setup,
    /// When calls started.
    pub started: Started,
    /// When the last parcel was finished.
    pub done: Duration,
    /// When the client was told that all calls are accepted.
    pub accepted: Duration,
    /// How many parcels there were, and the most calls of one.
    pub parcels: u64,
    /// See `parcels`.
    pub calls_per_parcel: u32,
    /// How many workers ran at a time at most, and when that was reached.
    pub most_workers: usize,
    /// See `most_workers`.
    pub most_workers_at: Duration,
    /// How many environments of workers were started.
    pub environments: usize,
    /// How many dispatchers ran at a time at most.
    pub most_dispatchers: usize,
    /// The most bytes of parcels that a dispatcher held.
    pub dispatcher_bytes: usize,
    /// The most messages in flight.
    pub in_flight: usize,
    /// How often an event found no free environment, the table was throttled, transactions conflicted, and requests
    /// finally failed.
    pub throttled_events: u64,
    /// See `throttled_events`.
    pub throttled_writes: u64,
    /// See `throttled_events`.
    pub conflicts: u64,
    /// See `throttled_events`.
    pub failed: u64,
    /// The most that an asynchronous event has waited that found no free environment.
    pub throttled_for: Duration,
    /// What AWS bills.
    pub bill: Bill,
    /// How long the simulation itself took.
    pub took: Duration,
}

impl Length {
    /// All lengths.
    pub const ALL: [Self; 4] = [Self::Quick, Self::Usual, Self::Slow, Self::Long];

    /// The duration of a call of this length.
    pub fn takes(self) -> Duration {
        planner::expected(self.options())
    }

    /// The options of a task whose calls take this long.
    pub fn options(self) -> &'static TaskOptions {
        match self {
            Self::Quick => const { &Quick::OPTIONS },
            Self::Usual => const { &Usual::OPTIONS },
            Self::Slow => const { &Slow::OPTIONS },
            Self::Long => const { &Long::OPTIONS },
        }
    }
}

impl Setup {
    /// The defaults of a deployment, except the cap.
    pub fn new(calls: u64, length: Length, workers: usize) -> Self {
        Self {
            seed: 1,
            calls,
            length,
            workers,
            dispatchers: 10,
            table_writes: limits::TABLE_WRITES,
            calls_per_parcel: None,
            parcels: planner::MAX_PARCELS as usize,
            account: None,
        }
    }

    /// A deployment that fits an account with so much concurrency: the cap leaves room for the dispatchers, which are a
    /// thirtieth of it, and two at least. Each parcel has two rounds of calls, and an invocation of its own.
    pub fn in_account(parcels: u64, length: Length, concurrency: usize) -> Self {
        let dispatchers = (concurrency / 30).max(2);
        let calls = 2 * length.options().concurrency;
        Self {
            dispatchers,
            calls_per_parcel: Some(calls),
            parcels: 1,
            account: Some(concurrency),
            ..Self::new(parcels * u64::from(calls), length, concurrency - dispatchers)
        }
    }

    /// The least time for the work in any distribution: limited only by the number of workers and how fast Lambda
    /// starts them. In a small account all of its concurrency would be workers.
    pub fn bound(&self) -> Duration {
        let options = self.length.options();
        let rate = f64::from(options.concurrency) / self.length.takes().as_secs_f64();
        let workers = self.account.unwrap_or(self.workers);
        let (mut left, mut passed_s) = (self.calls as f64, 0.0);
        while passed_s < limits::growth_s(workers) && left > 0.0 {
            left -= limits::environments(workers, passed_s) * rate * STEP_S;
            passed_s += STEP_S;
        }
        let rest_s = left.max(0.0) / (rate * workers as f64);
        Duration::from_secs_f64(passed_s + rest_s).max(self.length.takes())
    }
}

/// The profile of a stack on AWS.
///
/// # Panics
/// Never: nothing is asked of AWS.
pub(crate) fn profile() -> Profile {
    Backend::new(settings(), Options::default()).expect("nothing is asked of AWS").ports().profile
}

fn settings() -> Settings {
    Settings::new(STACK.parse().expect("it is a stack's name"))
}

/// The parts that all programs of a run are made from.
#[derive(Clone)]
struct World {
    aws: Aws,
    book: Book,
    item: Item,
    /// The most invocations that may be outstanding.
    cap: usize,
    parcels: usize,
}

/// Runs it.
pub fn run(setup: &Setup) -> Outcome {
    let real = SystemClock::new();
    let began_us = real.monotonic_us();
    let mut dice = Dice::new(setup.seed);
    let weather = Weather { latency_us: (0, 0), in_flight: limits::IN_FLIGHT, ..Weather::calm() };
    let mut sim = Sim::new(dice.next_u64(), weather);
    let world = World {
        aws: Aws::new(dice.split(), setup.table_writes),
        book: Book::new(setup.calls),
        item: Item::default(),
        cap: setup.workers,
        parcels: setup.parcels,
    };
    world.aws.state().account = setup.account;
    let function = |name, concurrency, time_limit, boot| {
        Function::new(Deployment { name, concurrency, time_limit }, &sim, world.aws.clone(), boot)
    };
    let workers = function("worker", setup.workers, limits::WORKER_LIMIT, world.worker());
    let boot = world.dispatcher(workers.clone());
    let dispatchers = function("dispatcher", setup.dispatchers, limits::DISPATCHER_LIMIT, boot);
    let queue = |host: &Host| world.ports(host).queue;
    Mapping::start(&mut sim, QUEUE, queue, dispatchers.clone(), world.aws.clone(), setup.dispatchers);
    let accepted = world.client(&mut sim, setup);
    let mut in_flight = 0;
    while sim.now() < GIVEN_UP {
        sim.run_until(sim.now() + LOOK);
        in_flight = in_flight.max(sim.in_flight());
        let is_accepted = accepted.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if is_accepted && sim.is_quiet() && world.book.calls() == setup.calls {
            break;
        }
    }
    let (usage, invocations, gb_seconds) = world.aws.used();
    let parcels = usage.get(&("SQS".into(), "DeleteMessageBatch".into())).map_or(0, |usage| usage.requests);
    let (of_workers, of_dispatchers, state) = (workers.seen(), dispatchers.seen(), world.aws.state());
    Outcome {
        setup: setup.clone(),
        started: world.book.read(),
        done: state.ended,
        accepted: accepted.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_default(),
        parcels,
        calls_per_parcel: state.calls_per_parcel,
        most_workers: of_workers.most_busy,
        most_workers_at: of_workers.full_at,
        environments: of_workers.environments,
        most_dispatchers: of_dispatchers.most_busy,
        dispatcher_bytes: state.in_hand,
        in_flight,
        throttled_events: of_workers.throttled + of_dispatchers.throttled,
        throttled_for: state.throttled_for,
        throttled_writes: state.throttled,
        conflicts: state.conflicts,
        failed: state.failed,
        bill: Bill::new(&usage, setup.calls).with_compute(invocations, gb_seconds),
        took: Duration::from_micros(real.monotonic_us() - began_us),
    }
}

impl World {
    fn way(&self, host: &Host) -> Way {
        Way { aws: self.aws.clone(), clock: host.clock() }
    }

    fn ports(&self, host: &Host) -> Ports {
        let (ports, way) = (
            host.ports(Profile { lease_ms: limits::LEASE.as_millis() as u64, ..profile() }, Steps::OneByOne),
            self.way(host),
        );
        Ports {
            queue: Arc::new(Sqs::new(ports.queue, way.clone())),
            ledger: Arc::new(Table::new(ports.ledger, way.clone())),
            batches: Arc::new(Table::new(ports.batches, way)),
            ..ports
        }
    }

    /// The stack as a program on this host opens it.
    ///
    /// # Panics
    /// Never: nothing is asked of AWS.
    fn backend(&self, host: &Host, workers: Option<Function>) -> Backend {
        let platform = Link { way: self.way(host), item: self.item.clone(), workers };
        let platform: Arc<dyn Platform> = Arc::new(platform);
        let Ports { entropy, .. } = host.ports(profile(), Steps::OneByOne);
        let options = Options::default().clock(host.clock()).entropy(entropy).platform(platform);
        let settings = Settings { lease: limits::LEASE, cap: self.cap, ..settings() };
        Backend::new(settings, options).expect("nothing is asked of AWS")
    }

    /// Sets up an environment of the worker's function.
    fn worker(&self) -> Boot {
        let world = self.clone();
        let registry = mail::registry();
        Arc::new(move |host| {
            let mut states = States::default();
            states.insert(Post::new(host, world.book.clone()));
            let options = WorkerOptions { isolate: false, threads: 1, ..WorkerOptions::default() };
            let (ports, backend, registry) = (world.ports(host), world.backend(host, None), Arc::clone(&registry));
            Arc::new(celeriac_lambda::worker::Handler::on(ports, backend, registry, states, options))
                as Arc<dyn celeriac_lambda::Function>
        })
    }

    /// Sets up an environment of the dispatcher's function.
    fn dispatcher(&self, workers: Function) -> Boot {
        let world = self.clone();
        let registry = mail::registry();
        Arc::new(move |host| {
            let backend = world.backend(host, Some(workers.clone()));
            let launcher = Arc::new(backend.functions(&registry));
            let options = DispatcherOptions { parcels: world.parcels, ..DispatcherOptions::new([QUEUE]) };
            Arc::new(celeriac_lambda::dispatcher::Handler::on(world.ports(host), backend, launcher, options))
                as Arc<dyn celeriac_lambda::Function>
        })
    }

    /// Sends all calls. Returns when they are accepted.
    fn client(&self, sim: &mut Sim, setup: &Setup) -> Arc<Mutex<Option<Duration>>> {
        let host = sim.boot("the client", 0);
        let mut ports = self.ports(&host);
        // A client has the default lease, which bounds the work of a parcel. So does one that asks for other parcels.
        ports.profile = profile();
        if let Some(calls) = setup.calls_per_parcel {
            let rounds = u64::from(calls.div_ceil(setup.length.options().concurrency));
            ports.profile.lease_ms = 2 * rounds * setup.length.takes().as_millis() as u64;
        }
        let (clock, accepted) = (host.clock(), Arc::<Mutex<Option<Duration>>>::default());
        let told = Arc::clone(&accepted);
        let client = Client::in_background(ports, host.background());
        let source = Source::new(setup.calls, host.clock(), setup.calls_per_parcel.is_none());
        let length = setup.length;
        host.spawn(async move {
            let sent = match length {
                Length::Quick => FanOut::<Quick>::new(source).on(&client).send().await.map(drop),
                Length::Usual => FanOut::<Usual>::new(source).on(&client).send().await.map(drop),
                Length::Slow => FanOut::<Slow>::new(source).on(&client).send().await.map(drop),
                Length::Long => FanOut::<Long>::new(source).on(&client).send().await.map(drop),
            };
            sent.expect("the simulated services take what they are sent");
            let now = Duration::from_micros(clock.monotonic_us());
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        });
        accepted
    }
}
