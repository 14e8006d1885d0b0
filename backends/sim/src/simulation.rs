//! A simulation: hosts and virtual time.

use std::{sync::Arc, time::Duration};

use super::{
    Deed, Dice, Host, HostId, Observer, Weather,
    host::{Machine, Seeded, Steps, ports},
    link::Link,
    world::{Event, Life, Shared},
};
use celeriac_core::ports::{BatchRecord, Blocking, Clock, Failure, Outgoing, Ports, Profile};

/// A simulation: hosts and virtual time.
pub struct Sim {
    shared: Shared,
    machines: Vec<Option<Machine>>,
}

/// Schedules events in a simulation, from any place.
#[derive(Clone)]
pub struct Fate(Shared);

impl Sim {
    /// A simulation whose randomness all follows from `seed`.
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self { shared: Shared::new(Dice::new(seed), weather), machines: Vec::new() }
    }

    /// Passes every event to an observer.
    pub fn watch(&mut self, observer: impl Observer + 'static) {
        self.shared.world().observer = Some(Box::new(observer));
    }

    /// Writes a line for every event.
    pub fn trace(&mut self) {
        self.shared.world().trace = Some(String::new());
    }

    /// The trace so far.
    pub fn take_trace(&mut self) -> String {
        self.shared.world().trace.replace(String::new()).unwrap_or_default()
    }

    /// Makes things happen later.
    pub fn fate(&self) -> Fate {
        Fate(self.shared.clone())
    }

    /// Starts a host whose clock is ahead by this much.
    pub fn boot(&mut self, name: &str, skew_ms: i64) -> Host {
        let machine = Machine::new();
        let handle = machine.handle();
        let id = self.machines.len();
        self.machines.push(Some(machine));
        let mut world = self.shared.world();
        let life = Life { alive: true, frozen: false, skew_ms, dies_after: None, jobs: Vec::new() };
        world.lives.push(life);
        world.see(id, &Deed::Booted(name));
        let dice = world.dice.split();
        drop(world);
        Host::new(id, self.shared.clone(), handle, dice)
    }

    /// Kills a host.
    pub fn crash(&mut self, host: HostId) {
        self.shared.world().kill(host);
        self.bury(host);
    }

    /// Lets a host die at one of its next requests: before it if `after` is 0.
    pub fn crash_after(&mut self, host: HostId, after: u32) {
        let mut world = self.shared.world();
        if world.is_alive(host) {
            world.lives[host].dies_after = Some(after);
        }
    }

    /// Freezes a host. It continues later as if nothing had happened.
    pub fn freeze(&mut self, host: HostId) {
        self.set_frozen(host, true);
    }

    /// Thaws all hosts.
    pub fn thaw_all(&mut self) {
        (0..self.machines.len()).for_each(|host| self.thaw(host));
    }

    /// Thaws a host.
    pub fn thaw(&mut self, host: HostId) {
        self.set_frozen(host, false);
    }

    fn set_frozen(&mut self, host: HostId, frozen: bool) {
        let mut world = self.shared.world();
        if world.is_alive(host) && world.lives[host].frozen != frozen {
            world.lives[host].frozen = frozen;
            world.see(host, if frozen { &Deed::Froze } else { &Deed::Thawed });
        }
    }

    /// Whether a host is alive.
    pub fn is_alive(&self, host: HostId) -> bool {
        self.shared.world().is_alive(host)
    }

    /// Sets a host's clock ahead, or back.
    pub fn set_clock(&mut self, host: HostId, skew_ms: i64) {
        if let Some(life) = self.shared.world().lives.get_mut(host) {
            life.skew_ms = skew_ms;
        }
    }

    /// Changes the faults from now on.
    pub fn set_weather(&mut self, weather: Weather) {
        self.shared.world().weather = weather;
    }

    /// The time since the start.
    pub fn now(&self) -> Duration {
        Duration::from_micros(self.shared.world().now_us)
    }

    /// Lets this much time pass while every host is frozen. Events in that time happen after it, and the ledger has
    /// forgotten expired rows. Returns how many rows that is.
    pub fn skip(&mut self, by: Duration) -> usize {
        let mut world = self.shared.world();
        world.now_us += by.as_micros() as u64;
        let now_ms = world.now_ms();
        world.store.rows.forget(now_ms)
    }

    /// Runs until that time, or until no events are left.
    pub fn run_until(&mut self, until: Duration) {
        let until_us = until.as_micros() as u64;
        loop {
            self.settle();
            let event = {
                let mut world = self.shared.world();
                match world.next_us() {
                    Some(at_us) if at_us <= until_us => world.next(),
                    _ => {
                        world.now_us = world.now_us.max(until_us);
                        return;
                    }
                }
            };
            match event {
                Some(Event::Wake(wake)) => self.shared.world().wake(wake),
                Some(Event::Arrive(arrive)) => arrive(&mut self.shared.world()),
                Some(Event::Act(act)) => act(self),
                None => {}
            }
        }
    }

    /// Runs hosts until all of them wait.
    fn settle(&mut self) {
        loop {
            let (host, jobs, alive) = {
                let mut world = self.shared.world();
                let next = world.ready.iter().copied().find(|host| !world.lives[*host].frozen);
                let Some(host) = next else { return };
                world.ready.remove(&host);
                let life = &mut world.lives[host];
                (host, std::mem::take(&mut life.jobs), life.alive)
            };
            if let (true, Some(machine)) = (alive, &self.machines[host]) {
                machine.run(jobs);
            }
            if !self.is_alive(host) {
                self.bury(host);
            }
        }
    }

    /// Drops a dead host. Whatever its tasks do then has no effect.
    fn bury(&mut self, host: HostId) {
        drop(self.machines[host].take());
        self.shared.world().ready.remove(&host);
    }

    /// Moves messages that were received too often back to their queues, as an operator does. Returns how many.
    pub fn redrive(&mut self) -> usize {
        let mut world = self.shared.world();
        let now_ms = world.now_ms();
        let moved = world.store.queues.redrive(now_ms);
        world.wake_receivers();
        moved
    }

    /// From now on messages that were received too often move to the queue `..-dead` of their queue, as in SQS. Those
    /// queues have no such limit.
    pub fn have_dead_queues(&mut self) {
        self.shared.world().store.queues.keeps_dead = true;
    }

    /// From now on both lanes of a queue are one, as on SQS.
    pub fn keep_lanes_together(&mut self) {
        self.shared.world().store.queues.lanes_together = true;
    }

    /// From now on messages are deleted this long after they were first sent, without a word, also in dead-letter queues:
    /// "the expiration of a message is always based on its original enqueue timestamp" (SQS's guide, "Setting-up
    /// dead-letter queue retention").
    pub fn keep_messages_for(&mut self, time: Duration) {
        self.shared.world().store.queues.keeps_ms = time.as_millis() as u64;
    }

    /// Forgets the rows of parcels that have expired, and returns how many.
    pub fn forget(&mut self) -> usize {
        self.skip(Duration::ZERO)
    }

    /// Puts a message into a queue, as anyone can who knows its name.
    pub fn drop_in(&mut self, queue: &str, body: impl Into<bytes::Bytes>) {
        let mut world = self.shared.world();
        let now_ms = world.now_ms();
        world.store.queues.put(&Outgoing::of(queue, body, 0), now_ms);
        world.wake_receivers();
    }

    /// How many messages exist.
    pub fn messages(&self) -> usize {
        self.shared.world().store.queues.len()
    }

    /// How many messages are received and hidden now.
    pub fn in_flight(&self) -> usize {
        let mut world = self.shared.world();
        let now_ms = world.now_ms();
        world.store.queues.in_flight(now_ms)
    }

    /// Whether a batch owes its callback.
    pub fn owes(&self) -> bool {
        self.shared.world().store.batches.owes()
    }

    /// Whether no message is left and nothing is owed.
    pub fn is_quiet(&self) -> bool {
        let world = self.shared.world();
        world.store.queues.is_empty() && !world.store.batches.owes()
    }

    /// The same, ignoring messages that will stay, by their queues and bodies.
    pub fn is_quiet_but_for(&self, stays: impl Fn(&str, &[u8]) -> bool) -> bool {
        let world = self.shared.world();
        world.store.queues.messages().all(|(queue, body)| stays(queue, body)) && !world.store.batches.owes()
    }

    /// The record of a batch.
    pub fn batch(&self, id: celeriac_core::id::BatchId) -> Option<BatchRecord> {
        self.shared.world().store.batch(id)
    }

    /// The result of a call.
    pub fn result_of(&self, call: celeriac_core::id::TaskId) -> Option<bytes::Bytes> {
        self.shared.world().store.rows.result_of(call)
    }

    /// The history of a call.
    pub fn history(&self, call: celeriac_core::id::TaskId) -> Vec<Failure> {
        self.shared.world().store.rows.history(call)
    }

    /// The dead letter of a call.
    pub fn letter(&self, call: celeriac_core::id::TaskId) -> Option<celeriac_core::ports::DeadLetter> {
        self.shared.world().store.letters.get(call).cloned()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        for host in 0..self.machines.len() {
            self.shared.world().kill(host);
            self.bury(host);
        }
        // They refer to the world that contains them.
        let rest = self.shared.world().take_rest();
        drop(rest);
    }
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("now", &self.now()).field("hosts", &self.machines.len()).finish_non_exhaustive()
    }
}

impl Fate {
    /// Runs `act` after a delay.
    pub fn after(&self, delay: Duration, act: impl FnOnce(&mut Sim) + Send + 'static) {
        let mut world = self.0.world();
        let at_us = world.now_us + delay.as_micros() as u64;
        world.at(at_us, Event::Act(Box::new(act)));
    }

    /// Adds a remark to the trace.
    pub fn say(&self, host: HostId, what: impl FnOnce() -> String) {
        let mut world = self.0.world();
        if world.trace.is_some() {
            world.see(host, &Deed::Said(&what()));
        }
    }

    /// The microseconds since the start.
    pub fn now_us(&self) -> u64 {
        self.0.world().now_us
    }

    /// Draws from the simulation's random bits.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Dice, &Weather) -> T) -> T {
        let mut world = self.0.world();
        let world = &mut *world;
        draw(&mut world.dice, &world.weather)
    }
}

impl std::fmt::Debug for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fate")
    }
}

/// The simulated services without a simulation: in memory, under this clock, without faults.
pub fn in_memory(
    clock: Arc<dyn Clock>,
    blocking: Arc<dyn Blocking>,
    seed: u64,
    profile: Profile,
    steps: Steps,
) -> Ports {
    let mut dice = Dice::new(seed);
    let entropy = Arc::new(Seeded(std::sync::Mutex::new(dice.split())));
    let link = Link { shared: Shared::new(dice, Weather::calm()), host: None, clock };
    ports(link, profile, steps, entropy, blocking)
}
