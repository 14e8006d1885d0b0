//! Virtual time and its events. A simulation has one list of events: the next one is taken, time is set to it, and the
//! hosts it concerns run until they wait again. While they run, time stands still.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use super::{Deed, Dice, HostId, Observer, Sim, Weather, store::Services};

/// When simulations begin, in milliseconds since 1970.
pub const BEGIN_MS: u64 = 1_700_000_000_000;

/// The state that hosts share.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<World>>);

/// Everything except the programs of the hosts.
pub(super) struct World {
    pub(super) now_us: u64,
    pub(super) dice: Dice,
    pub(super) weather: Weather,
    pub(super) store: Services,
    pub(super) lives: Vec<Life>,
    /// Hosts with runnable tasks.
    pub(super) ready: BTreeSet<HostId>,
    pub(super) observer: Option<Box<dyn Observer>>,
    /// One line for each event, if enabled.
    pub(super) trace: Option<String>,
    events: BTreeMap<(u64, u64), Event>,
    numbers: u64,
    /// Receivers that wait for messages.
    waiting: Vec<Wake>,
}

/// The data about a host that the host does not know.
pub(super) struct Life {
    pub(super) alive: bool,
    pub(super) frozen: bool,
    /// How far its clock is ahead.
    pub(super) skew_ms: i64,
    /// The number of further requests after which it dies.
    pub(super) dies_after: Option<u32>,
    /// Work for its threads.
    pub(super) jobs: Vec<Box<dyn FnOnce() + Send>>,
}

pub(super) enum Event {
    /// A waiting task continues.
    Wake(Wake),
    /// A request arrives at a service, or an answer at a host.
    Arrive(Box<dyn FnOnce(&mut World) + Send>),
    /// A change to hosts.
    Act(Box<dyn FnOnce(&mut Sim) + Send>),
}

/// A waiting task on a host, or on none if only the services are simulated.
pub(super) struct Wake {
    pub(super) host: Option<HostId>,
    pub(super) wake: oneshot::Sender<()>,
}

impl Shared {
    pub(super) fn new(dice: Dice, weather: Weather) -> Self {
        Self(Arc::new(Mutex::new(World {
            now_us: 0,
            dice,
            weather,
            store: Services::default(),
            lives: Vec::new(),
            ready: BTreeSet::new(),
            observer: None,
            trace: None,
            events: BTreeMap::new(),
            numbers: 0,
            waiting: Vec::new(),
        })))
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    pub(super) fn now_ms(&self) -> u64 {
        BEGIN_MS + self.now_us / 1000
    }

    pub(super) fn at(&mut self, at_us: u64, event: Event) {
        self.numbers += 1;
        self.events.insert((at_us.max(self.now_us), self.numbers), event);
    }

    /// A number that is higher than all before.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Takes the next event, and sets time to it.
    pub(super) fn next(&mut self) -> Option<Event> {
        let ((at_us, _), event) = self.events.pop_first()?;
        self.now_us = self.now_us.max(at_us);
        Some(event)
    }

    /// The time of the next event.
    pub(super) fn next_us(&self) -> Option<u64> {
        self.events.first_key_value().map(|((at_us, _), _)| *at_us)
    }

    /// The parts that refer to this world.
    pub(super) fn take_rest(&mut self) -> impl Sized + use<> {
        (std::mem::take(&mut self.events), self.observer.take())
    }

    /// Wakes a waiting task.
    pub(super) fn wake(&mut self, Wake { host, wake }: Wake) {
        // The waiting task may have been dropped.
        if wake.send(()).is_ok() {
            self.ready.extend(host);
        }
    }

    /// Brings an answer to a host at that time.
    pub(super) fn answer<T: Send + 'static>(&mut self, at_us: u64, host: HostId, reply: oneshot::Sender<T>, answer: T) {
        let arrive = move |world: &mut Self| {
            if reply.send(answer).is_ok() {
                world.ready.insert(host);
            }
        };
        self.at(at_us, Event::Arrive(Box::new(arrive)));
    }

    /// Waits until a message is stored or shown, in whichever queue.
    pub(super) fn wait_for_messages(&mut self, host: Option<HostId>) -> oneshot::Receiver<()> {
        let (wake, woken) = oneshot::channel();
        self.waiting.retain(|waiting| !waiting.wake.is_closed());
        self.waiting.push(Wake { host, wake });
        woken
    }

    /// A message was stored or shown: waiting receivers may look.
    pub(super) fn wake_receivers(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for wake in waiting {
            self.wake(wake);
        }
    }

    pub(super) fn is_alive(&self, host: HostId) -> bool {
        self.lives.get(host).is_some_and(|life| life.alive)
    }

    /// From now on a host has no effect.
    pub(super) fn kill(&mut self, host: HostId) {
        if self.is_alive(host) {
            self.lives[host].alive = false;
            self.lives[host].jobs.clear();
            self.ready.insert(host);
            self.see(host, &Deed::Died);
        }
    }

    pub(super) fn see(&mut self, host: HostId, deed: &Deed<'_>) {
        if let Some(trace) = &mut self.trace {
            let (now_us, ms) = (self.now_us, self.now_us / 1000);
            writeln!(trace, "{ms:>9}.{:03} ms  host {host:<3} {deed}", now_us % 1000).expect("a text takes all");
        }
        if let Some(observer) = &mut self.observer {
            observer.see(self.now_us, host, deed);
        }
    }

    /// The latency of a request or an answer.
    pub(super) fn latency_us(&mut self) -> u64 {
        let (least, most) = self.weather.latency_us;
        let latency_us = self.dice.between(least, most);
        let late = self.weather.late;
        if self.dice.happens(late) { latency_us + self.dice.between(0, 2_000_000) } else { latency_us }
    }
}
