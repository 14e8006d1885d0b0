//! Measures the speed of the simulation: production client, dispatcher and worker on one simulated site without an
//! audit, in real time on one processor.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    PerLane,
    client::{Client, FanOut},
    planner,
    ports::{Clock, SystemClock},
    task::States,
};
use celeriac_dispatcher::{Dispatcher, DispatcherOptions};
use celeriac_sim::{Sim, Steps, Weather};
use celeriac_worker::{Pool, Worker, WorkerOptions};
use tokio_util::sync::CancellationToken;

use crate::tasks::{self, Args, Plain, Script, Single};

/// How many calls run, each in its own parcel, and thousands to a parcel.
const SINGLE: u64 = 20_000;
const PACKED: u64 = 2_000_000;

/// Prints how many calls are simulated in a second, in large parcels and one by one.
pub fn figures() {
    let (calls, took) = site(PACKED, false);
    println!("{{\"calls_in_large_parcels_per_second\": {:.0}, \"calls\": {calls}}}", calls as f64 / took.as_secs_f64());
    let (calls, took) = site(SINGLE, true);
    println!("{{\"parcels_of_one_call_per_second\": {:.0}, \"calls\": {calls}}}", calls as f64 / took.as_secs_f64());
}

/// Counts the calls that have run.
#[derive(Debug, Default)]
pub(crate) struct Ran(pub(crate) AtomicU64);

fn site(calls: u64, single: bool) -> (u64, Duration) {
    let real = SystemClock::new();
    let began_us = real.monotonic_us();
    let ran = Arc::<Ran>::default();
    // A thousandth of all requests fails, as under faults.
    let weather = Weather { refused: 1000, unanswered: 1000, delivered_twice: 1000, ..Weather::calm() };
    let mut sim = Sim::new(1, weather);
    for _ in 0..4 {
        let host = sim.boot("a server", 0);
        let ports = host.ports(planner::PROFILE, Steps::OneByOne);
        let mut states = States::default();
        states.insert(Arc::clone(&ran));
        let options = WorkerOptions { name: "worker".into(), isolate: false, threads: 1, ..WorkerOptions::default() };
        let worker = Worker::new(tasks::registry(false), ports.clone(), states, options);
        let dispatcher =
            Dispatcher::new(ports, Pool::new(worker, PerLane::new(|_| 64)), DispatcherOptions::new(["figures"]));
        host.spawn(async move { drop(dispatcher.run(CancellationToken::new()).await) });
    }
    let host = sim.boot("a client", 0);
    let client = Client::in_background(host.ports(planner::PROFILE, Steps::OneByOne), host.background());
    host.spawn(async move {
        let args = (0..calls).map(|number| Args { script: Script::Succeeds, number: number as u32 });
        // The calls show the outcome.
        drop(if single {
            FanOut::<Single>::new(args).on(&client).send().await.map(drop)
        } else {
            FanOut::<Plain>::new(args).on(&client).send().await.map(drop)
        });
    });
    while !sim.is_quiet() || ran.0.load(Ordering::Relaxed) == 0 {
        sim.run_until(sim.now() + Duration::from_secs(1));
    }
    (ran.0.load(Ordering::Relaxed), Duration::from_micros(real.monotonic_us() - began_us))
}
