//! The store in memory, `memory:`, for tests and first tries. It is the simulated backend without faults and on the
//! real clock.
//!
//! It cannot be shared between processes: it ends with its process, and so do its calls. Within one process, all code
//! that opens `memory:` gets the same store, and `memory:NAME` is another one.

mod attended;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use celeriac_core::{
    planner,
    ports::{BoxError, Clock, Entropy as _, Ports, SystemClock, SystemEntropy, Threads},
    store::{Existence, Hosting, Launching, Opener, Store, StoreUrl, Workers},
    task::Registry,
};
use celeriac_sim::Steps;
use futures::future::BoxFuture;

use attended::Attended;

/// The scheme of a URL in memory.
pub const SCHEME: &str = "memory";

inventory::submit! {
    Opener { scheme: SCHEME, example: "memory:", default: None, open, workers }
}

/// The stores of this process, by their names.
static OPEN: Mutex<BTreeMap<String, Memory>> = Mutex::new(BTreeMap::new());

/// A store in memory.
#[derive(Clone)]
struct Memory {
    ports: Ports,
    received: Arc<AtomicBool>,
}

#[allow(clippy::unnecessary_wraps, reason = "an opener may fail")]
fn open(url: &StoreUrl, _: Existence) -> Result<Box<dyn Store>, BoxError> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let memory = open.entry(url.rest().to_owned()).or_insert_with(|| Memory::new(url));
    Ok(Box::new(memory.clone()))
}

/// Counts this process, if it has received from the store.
fn workers(url: &StoreUrl) -> Workers {
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let received = open.get(url.rest()).is_some_and(|memory| memory.received.load(Ordering::Relaxed));
    Workers::Known(usize::from(received))
}

impl Memory {
    fn new(url: &StoreUrl) -> Self {
        let (bare, received) = (ports(Arc::new(SystemClock::new())), Arc::default());
        let queue = Arc::new(Attended { queue: Arc::clone(&bare.queue), received: Arc::clone(&received) });
        Self { ports: Ports { queue, url: Some(url.as_str().into()), ..bare }, received }
    }
}

/// The ports of a store of its own, which ends when they are dropped.
pub fn ports(clock: Arc<dyn Clock>) -> Ports {
    celeriac_sim::in_memory(clock, Arc::new(Threads), SystemEntropy.next_u64(), planner::PROFILE, Steps::InOneWrite)
}

impl Store for Memory {
    fn ports(&self) -> Ports {
        self.ports.clone()
    }

    fn hosting(&self) -> Hosting {
        Hosting::ThisProcess
    }

    fn launching(&self, _: &Registry) -> Option<Launching> {
        None
    }

    fn check_queue(&self, _: &str) -> Result<(), BoxError> {
        Ok(())
    }

    fn connect<'a>(&'a self, queues: &'a [String]) -> BoxFuture<'a, ()> {
        self.ports.connect(queues)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
