//! `health`: whether the role of this machine or container is alive, and its store answers.

use std::{collections::BTreeSet, time::Duration};

use celeriac_core::{id::ParcelId, ports::Ports, task::parse_duration};
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::{
    exit::Failure,
    print,
    pulse::{self, Found, Sign},
    session::Session,
};

/// Checks that a role of this store runs here and works, and that the store answers: exit code 0, or 1 with the reason
///
/// For the health checks of containers, inside of the container. It writes nothing. A role is alive if its runtime, in
/// which it receives, answers; it is found from when it logs `started` until its process ends, also while it stops.
#[derive(Debug, Args)]
pub(super) struct Health {
    /// Ask only the role, not the store: a restart does not mend a store that is down
    #[arg(long)]
    live: bool,

    /// Give up after this long. Less than the limit of the check that runs this
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "4s")]
    timeout: Duration,
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
}

#[derive(Serialize)]
struct Answer {
    healthy: bool,
    store: String,
    /// How long the store took to answer. `None` if it was not asked.
    store_ms: Option<u64>,
    roles: Vec<Sign>,
}

impl Health {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        // 1 is what the check of a container must see: Docker reserves 2, and 3 says nothing to it.
        self.check(&session).await.map_err(|failure| Failure::Failed(failure.to_string()))
    }

    async fn check(&self, session: &Session) -> Result<(), Failure> {
        let began = Instant::now();
        let ports = session.ports()?;
        let store = ports.url.as_deref().unwrap_or_default().to_owned();
        let roles = alive(&store, began + self.timeout)?;
        let store_ms = if self.live { None } else { Some(self.ask(&ports, &store, began).await?) };
        if session.json() {
            return print::write_json(&Answer { healthy: true, store, store_ms, roles });
        }
        let alive = |sign: Sign| {
            let Sign { role, process, running_calls, blocked_threads, .. } = sign;
            let calls = print::count(running_calls as u64, "call");
            let blocked = match blocked_threads {
                0 => String::new(),
                blocked => format!(", {} blocked for ever", print::count(blocked as u64, "thread")),
            };
            format!("{role} {process} is alive: {calls} running{blocked}\n")
        };
        let mut text: String = roles.into_iter().map(alive).collect();
        text.extend(store_ms.map(|ms| format!("{store} answers in {ms} ms\n")));
        print::write(&text)
    }

    /// One read of a row that is not there: a stack bills half a unit of a read.
    async fn ask(&self, ports: &Ports, store: &str, began: Instant) -> Result<u64, Failure> {
        let asked = Instant::now();
        let read = ports.ledger.rows(vec![ParcelId::from_bytes([0; 16])]);
        let answer = tokio::time::timeout(self.timeout.saturating_sub(began.elapsed()), read).await;
        let late = || Failure::Failed(format!("{store} has not answered within {:?}", self.timeout));
        answer.map_err(|_| late())??;
        Ok(asked.elapsed().as_millis() as u64)
    }
}

/// The roles of this store that run here, all of which must be alive.
fn alive(store: &str, until: Instant) -> Result<Vec<Sign>, Failure> {
    let found =
        pulse::find().map_err(|error| Failure::Failed(format!("it cannot be seen which roles run here: {error}")))?;
    let (own, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| found.is_of(store));
    if own.is_empty() {
        let other = other_stores(others, until);
        return Err(Failure::Failed(if other.is_empty() {
            format!("no role of {store} runs here; one is found once it has logged `started`, in the same container")
        } else {
            format!(
                "no role of {store} runs here; there is one of {other}: name its store with --store or CELERIAC_STORE"
            )
        }));
    }
    let alive = own.into_iter().map(|found| {
        let dead = |why| Failure::Failed(format!("process {} is not alive: {why}", found.process));
        found.ask(until).map_err(dead)
    });
    alive.collect()
}

/// The stores of these roles.
fn other_stores(others: Vec<Found>, until: Instant) -> String {
    let stores: BTreeSet<String> = others.into_iter().filter_map(|other| other.ask(until).ok()?.store).collect();
    stores.into_iter().collect::<Vec<_>>().join(", ")
}
