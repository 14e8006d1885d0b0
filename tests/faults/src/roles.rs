//! The work of the processes: workers run calls, producers send them. Each ends when its standard input is closed,
//! which happens when the process that started it closes it or ends.

use std::{
    collections::VecDeque,
    env,
    io::Read as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use celeriac::{App, Client, Error, Road, TaskId, embedded};
use celeriac_core::ports::Ports;
use futures::future::join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::oneshot;

use crate::{
    record::{Event, What, lines},
    requests::{Request, Shape},
    tasks::{Kind, block, once, quick, shaky, slow},
    witness::Witness,
};

/// The variable with the lease in milliseconds, if not the backend's default.
pub const LEASE: &str = "FAULTS_LEASE_MS";

/// The variable with the number of requests after which a producer ends.
pub const REQUESTS: &str = "FAULTS_REQUESTS";

/// The variable with the longest pause of a producer between two requests, in milliseconds.
pub const PAUSE: &str = "FAULTS_PAUSE_MS";

/// The variable that makes a producer look up its calls and note when they have ended.
pub const FOLLOWS: &str = "FAULTS_FOLLOWS";

/// How many times a producer repeats a request that was not accepted because the store could not be written.
const TRIES: u32 = 2000;

/// Runs calls.
pub async fn work(file: &Path, log: &Path, life: &str) -> Result<()> {
    let witness = Witness::new(log, life)?;
    let ready = witness.again()?;
    let app = App::default().ports(open(file)?).state(witness).queue("narrow", Road::Narrow);
    let running = app.grace(Duration::from_secs(10)).slots(8).start().await?;
    ready.ready();
    asked_to_end().await;
    running.stop().await;
    ready.stopped();
    Ok(())
}

/// Sends calls. Begins with those that earlier runs of this producer had logged but may not have sent.
pub async fn produce(file: &Path, log: &Path, life: &str, seed: u64) -> Result<()> {
    let (slot, number) = life.split_once('.').context("a life is SLOT.NUMBER")?;
    let number: u64 = number.parse()?;
    let left = left((0..number).map(|before| log.join(format!("{slot}.{before}"))));
    let producer: u64 = slot.trim_start_matches(char::is_alphabetic).parse()?;
    let mut rng = StdRng::seed_from_u64(seed ^ (producer << 32) ^ number);
    let witness = Witness::new(log, life)?;
    let client = Client::new(open(file)?);
    witness.ready();
    let most: usize = setting(REQUESTS).unwrap_or(usize::MAX);
    let asking = async {
        for request in left {
            ask(request, &client, &witness).await;
        }
        let mut next = Request::first(producer, number);
        let (mut asked, follows, mut followed) = (0, setting::<u32>(FOLLOWS).is_some(), VecDeque::new());
        while asked < most {
            // Some at once, so that they share a parcel.
            let together = if rng.random_range(0..4) == 0 { rng.random_range(2..12) } else { 1 };
            let requests: Vec<_> = (0..together)
                .map(|_| {
                    let request = Request::draw(next, &mut rng);
                    next = request.end();
                    request
                })
                .collect();
            asked += requests.len();
            let accepted = join_all(requests.into_iter().map(|request| ask(request, &client, &witness))).await;
            if follows {
                let new = accepted.into_iter().flatten().filter(|id| id.contains('-'));
                followed.extend(new.filter_map(|id| id.parse::<TaskId>().ok()));
                follow(&mut followed, &client, &witness).await;
            }
            let pause = setting(PAUSE).unwrap_or(40);
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..=pause))).await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = asked_to_end() => {}
    }
    witness.stopped();
    Ok(())
}

/// Ends with the standard input. On a separate thread, since a runtime waits for its blocking threads.
async fn asked_to_end() {
    let (ended, ends) = oneshot::channel::<()>();
    thread::spawn(move || {
        // An error ends it too.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(ended);
    });
    // The channel carries no value.
    let _ = ends.await;
}

/// Opens the file with the options in the environment.
fn open(file: &Path) -> Result<Ports> {
    let mut ports = embedded::open(file)?;
    ports.profile.lease_ms = setting(LEASE).unwrap_or(ports.profile.lease_ms);
    Ok(ports)
}

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

/// The requests with a key of earlier lives, without those known to be accepted.
fn left(logs: impl Iterator<Item = PathBuf>) -> Vec<Request> {
    let mut left: Vec<Request> = Vec::new();
    for Event { what, .. } in logs.flat_map(|log| lines(&log)) {
        match what {
            What::Asked(request) if request.key().is_some() && !left.contains(&request) => left.push(request),
            What::Accepted { number, .. } => left.retain(|request| request.number != number),
            _ => {}
        }
    }
    left
}

/// Sends a request and notes the answer. A request with a key is repeated until it is accepted. Returns the id.
async fn ask(request: Request, client: &Client, witness: &Witness) -> Option<String> {
    for _ in 0..TRIES {
        witness.asks(&request);
        let number = request.number;
        match send(&request, client).await {
            Ok(id) => {
                witness.accepted(number, &id);
                return Some(id);
            }
            Err(error @ Error::Rejected { .. }) => witness.rejected(number, &error),
            Err(error) => witness.doubtful(number, &error),
        }
        request.key()?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

/// Looks up some calls, and notes those that have ended.
async fn follow(calls: &mut VecDeque<TaskId>, client: &Client, witness: &Witness) {
    for _ in 0..calls.len().min(8) {
        let Some(call) = calls.pop_front() else { return };
        match client.status(call).await {
            Ok(status) if status.is_final() => witness.told(call),
            _ => calls.push_back(call),
        }
    }
}

/// Sends calls of a task, which is a name and a type. Returns the id of the call, or of the batch.
macro_rules! send {
    ($task:ident, $request:ident, $client:ident) => {{
        let key = $request.key();
        if let Shape::Batch(calls) = $request.shape {
            let numbers = $request.number..$request.number + calls;
            let batch = $task.fan_out(numbers).countdown($request.countdown).on($client);
            let batch = batch.unique(key.unwrap_or_default()).send().await?;
            return Ok(batch.id().to_string());
        }
        let call = $task.apply($request.number).countdown($request.countdown).on($client);
        let call = if let Some(key) = key { call.unique(key) } else { call };
        Ok(call.send().await?.id().to_string())
    }};
}

async fn send(request: &Request, client: &Client) -> Result<String, Error> {
    match request.kind {
        Kind::Quick => send!(quick, request, client),
        Kind::Slow => send!(slow, request, client),
        Kind::Block => send!(block, request, client),
        Kind::Shaky => send!(shaky, request, client),
        Kind::Once => send!(once, request, client),
    }
}
