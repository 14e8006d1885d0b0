//! What the lanes of a queue cost each other, in virtual time: how long lone calls wait behind a bulk backlog, and how
//! fast bulk calls run beside interactive ones. Nothing goes wrong.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    Lane, PerLane,
    client::{Call, Client, FanOut},
    planner,
    ports::{Clock, Lanes, Profile},
    task::States,
};
use celeriac_dispatcher::{Dispatcher, DispatcherOptions};
use celeriac_sim::{Host, Sim, Steps, Weather};
use celeriac_worker::{Pool, Worker, WorkerOptions};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::tasks::{self, Args, Paced, Script};

/// How many calls the backlog has. It lasts longer than the run.
const BACKLOG: u32 = 30_000;

/// How long a run is.
const LASTS: Duration = Duration::from_secs(30);

/// The numbers of interactive calls begin here.
const INTERACTIVE: u32 = 1_000_000;

/// A run with one worker process on a queue that has a bulk backlog.
#[derive(Clone, Copy, Debug)]
pub struct Contest {
    /// Whether the queue keeps its lanes apart.
    pub lanes: Lanes,
    /// The most calls that the worker runs at a time.
    pub concurrency: Option<usize>,
    /// The interactive calls beside the backlog.
    pub load: Load,
    /// Whether there is a backlog.
    pub backlog: bool,
}

/// Interactive calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// None.
    None,
    /// A lone call twice a second.
    Lone,
    /// From this many senders, each of which sends a call every 50 ms.
    Endless(u32),
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Shares {
    /// How long each interactive call that has started waited from when it was accepted, in milliseconds. A call may
    /// start before its sender knows that it is accepted.
    pub waits_ms: Vec<u64>,
    /// How many interactive calls were accepted.
    pub accepted: usize,
    /// How many bulk calls have started.
    pub bulk: u64,
}

/// Observes calls of [`Paced`].
pub(crate) struct Pace {
    clock: Arc<dyn Clock>,
    bulk: AtomicU64,
    /// When each interactive call started, and when it was accepted.
    started: Mutex<BTreeMap<u32, u64>>,
    accepted: Mutex<BTreeMap<u32, u64>>,
}

impl Pace {
    /// A call starts. Returns the clock by which it takes its time.
    pub(crate) fn starts(&self, number: u32) -> &dyn Clock {
        if number < INTERACTIVE {
            self.bulk.fetch_add(1, Ordering::Relaxed);
        } else {
            note(&self.started, number, self.clock.now_ms());
        }
        &*self.clock
    }
}

fn note(times: &Mutex<BTreeMap<u32, u64>>, number: u32, now_ms: u64) {
    times.lock().unwrap_or_else(PoisonError::into_inner).insert(number, now_ms);
}

/// Runs a contest.
///
/// # Panics
/// Never: no holder of its locks panics.
pub fn contest(contest: &Contest) -> Shares {
    let mut sim = Sim::new(1, Weather { latency_us: (200, 2_000), ..Weather::calm() });
    if contest.lanes == Lanes::Together {
        sim.keep_lanes_together();
    }
    let profile = Profile { lanes: contest.lanes, ..planner::PROFILE };
    let server = sim.boot("a server", 0);
    let pace = Arc::new(Pace {
        clock: server.clock(),
        bulk: AtomicU64::new(0),
        started: Mutex::default(),
        accepted: Mutex::default(),
    });
    serve(&server, profile, contest, &pace);
    let host = sim.boot("a client", 0);
    let client = Client::in_background(host.ports(profile, Steps::InOneWrite), host.background());
    if contest.backlog {
        let client = client.clone();
        host.spawn(async move {
            let args = (1..=BACKLOG).map(|number| Args { script: Script::Takes(50), number });
            drop(FanOut::<Paced>::new(args).on(&client).send().await);
        });
    }
    send(&host, &client, contest.load, &pace);
    sim.run_until(LASTS);
    let accepted = pace.accepted.lock().unwrap_or_else(PoisonError::into_inner);
    let started = pace.started.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = |(number, accepted_ms): (&u32, &u64)| Some(started.get(number)?.saturating_sub(*accepted_ms));
    let waits_ms = accepted.iter().filter_map(wait).collect();
    Shares { waits_ms, accepted: accepted.len(), bulk: pace.bulk.load(Ordering::Relaxed) }
}

fn serve(host: &Host, profile: Profile, contest: &Contest, pace: &Arc<Pace>) {
    let ports = host.ports(profile, Steps::InOneWrite);
    let mut states = States::default();
    states.insert(Arc::clone(pace));
    let options = WorkerOptions {
        name: "worker".into(),
        isolate: false,
        threads: 1,
        concurrency: contest.concurrency,
        ..WorkerOptions::default()
    };
    let worker = Worker::new(tasks::registry(false), ports.clone(), states, options);
    let dispatcher = Dispatcher::new(ports, Pool::new(worker, PerLane::new(|_| 2)), DispatcherOptions::new(["lanes"]));
    host.spawn(async move { drop(dispatcher.run(CancellationToken::new()).await) });
}

fn send(host: &Host, client: &Client, load: Load, pace: &Arc<Pace>) {
    let (senders, pause) = match load {
        Load::None => return,
        Load::Lone => (1, Duration::from_millis(500)),
        Load::Endless(senders) => (senders, Duration::from_millis(50)),
    };
    let (client, clock, pace) = (client.clone(), host.clock(), Arc::clone(pace));
    host.spawn(async move {
        let (client, clock, pace) = (&client, &*clock, &*pace);
        let sends = (0..senders).map(|sender| async move {
            // The backlog is there first.
            clock.sleep(Duration::from_secs(5)).await;
            for at in 0.. {
                let number = INTERACTIVE + at * senders + sender;
                let args = Args { script: Script::Takes(50), number };
                let call = Call::<Paced>::new(args).lane(Lane::Interactive).on(client);
                if call.send().await.is_ok() {
                    note(&pace.accepted, number, clock.now_ms());
                }
                clock.sleep(pause).await;
            }
        });
        join_all(sends).await;
    });
}
