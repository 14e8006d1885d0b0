//! A simulated host: one life of one process. It has its own runtime, which runs until everything on it waits, and its
//! own clock, which may be wrong. A dead host reaches no one: its requests, sleeps and threads never end, and what its
//! tasks do when they are dropped has no effect, as with a killed process.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt as _};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::oneshot,
};

use super::{
    Dice, HostId,
    link::Link,
    ports::Backend,
    world::{BEGIN_MS, Event, Shared, Wake},
};
use celeriac_core::{
    client::Background,
    ports::{Blocking, Clock, Entropy, Ports, Profile},
};

/// One life of one process.
#[derive(Clone)]
pub struct Host {
    pub(super) id: HostId,
    pub(super) shared: Shared,
    handle: Handle,
    entropy: Arc<dyn Entropy>,
}

impl Host {
    pub(super) fn new(id: HostId, shared: Shared, handle: Handle, dice: Dice) -> Self {
        Self { id, shared, handle, entropy: Arc::new(Seeded(Mutex::new(dice))) }
    }

    /// Its number.
    pub fn id(&self) -> HostId {
        self.id
    }

    /// The services, as it reaches them.
    pub fn ports(&self, profile: Profile, steps: Steps) -> Ports {
        let (clock, entropy, blocking) = (self.clock(), Arc::clone(&self.entropy), Arc::new(self.clone()));
        let link = Link { shared: self.shared.clone(), host: Some(self.id), clock: Arc::clone(&clock) };
        ports(link, profile, steps, entropy, blocking)
    }

    /// Its clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(HostClock { shared: self.shared.clone(), host: self.id })
    }

    /// Starts a future on it. On a dead host nothing happens.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut world = self.shared.world();
        if world.is_alive(self.id) {
            world.ready.insert(self.id);
            drop(world);
            self.handle.spawn(work);
        }
    }

    /// Where a client on it does its background work.
    pub fn background(&self) -> Background {
        let host = self.clone();
        Arc::new(move |work| {
            if !host.is_alive() {
                return Err(io::Error::other("the simulated host is dead"));
            }
            host.spawn(work);
            Ok(())
        })
    }

    /// Whether it is alive.
    pub fn is_alive(&self) -> bool {
        self.shared.world().is_alive(self.id)
    }

    /// Kills it from within: its programs have no further effect.
    pub fn die(&self) {
        self.shared.world().kill(self.id);
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.id)
    }
}

/// Jobs of blocking tasks begin a little later, and take no time.
impl Blocking for Host {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        let mut world = self.shared.world();
        let host = self.id;
        if !world.is_alive(host) {
            return;
        }
        let at_us = world.now_us + world.dice.between(10, 100_000);
        let begin = move |world: &mut super::world::World| {
            if world.is_alive(host) {
                world.lives[host].jobs.push(work);
                world.ready.insert(host);
            }
        };
        world.at(at_us, Event::Arrive(Box::new(begin)));
    }
}

/// How the steps that [`Atomic`](celeriac_core::ports::Atomic) does in one write are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// In one write: the services have the port.
    InOneWrite,
    /// One by one: the services do not have the port.
    OneByOne,
}

/// The ports that lead to services over a link.
pub(super) fn ports(
    link: Link,
    profile: Profile,
    steps: Steps,
    entropy: Arc<dyn Entropy>,
    blocking: Arc<dyn Blocking>,
) -> Ports {
    let clock = Arc::clone(&link.clock);
    let backend = Arc::new(Backend(link));
    Ports {
        queue: backend.clone(),
        ledger: backend.clone(),
        batches: backend.clone(),
        dead_letters: backend.clone(),
        schedules: backend.clone(),
        atomic: (steps == Steps::InOneWrite).then_some(backend as Arc<dyn celeriac_core::ports::Atomic>),
        clock,
        entropy,
        blocking,
        profile,
        url: None,
    }
}

/// The clock of a host.
struct HostClock {
    shared: Shared,
    host: HostId,
}

impl Clock for HostClock {
    fn now_ms(&self) -> u64 {
        let world = self.shared.world();
        let skew_ms = world.lives.get(self.host).map_or(0, |life| life.skew_ms);
        (BEGIN_MS + world.now_us / 1000).saturating_add_signed(skew_ms)
    }

    fn monotonic_us(&self) -> u64 {
        self.shared.world().now_us
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (wake, woken) = oneshot::channel();
        let mut world = self.shared.world();
        if world.is_alive(self.host) {
            let at_us = world.now_us.saturating_add(duration.as_micros() as u64);
            world.at(at_us, Event::Wake(Wake { host: Some(self.host), wake }));
        }
        async {
            if woken.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        .boxed()
    }
}

/// Random bits of a host.
pub(super) struct Seeded(pub(super) Mutex<Dice>);

impl Entropy for Seeded {
    fn next_u64(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }
}

/// The runtime of a host.
pub(super) struct Machine {
    runtime: Runtime,
    idle: Arc<Idle>,
}

/// Whether everything on a runtime waits.
#[derive(Default)]
struct Idle {
    parks: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Machine {
    /// # Panics
    /// If this process cannot have a runtime.
    pub(super) fn new() -> Self {
        let idle = Arc::<Idle>::default();
        let parked = Arc::clone(&idle);
        let mut builder = Builder::new_current_thread();
        let runtime = builder.on_thread_park(move || parked.park()).build().expect("a runtime without drivers starts");
        Self { runtime, idle }
    }

    pub(super) fn handle(&self) -> Handle {
        self.runtime.handle().clone()
    }

    /// Runs all futures until all of them wait.
    pub(super) fn run(&self, jobs: Vec<Box<dyn FnOnce() + Send>>) {
        let _entered = self.runtime.enter();
        for job in jobs {
            job();
        }
        self.idle.parks.store(false, Ordering::Relaxed);
        let idle = &self.idle;
        self.runtime.block_on(std::future::poll_fn(|cx| {
            if idle.parks.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            *idle.waker() = Some(cx.waker().clone());
            Poll::Pending
        }));
    }
}

impl Idle {
    /// The runtime is about to wait. The simulation takes over instead.
    fn park(&self) {
        self.parks.store(true, Ordering::Relaxed);
        if let Some(waker) = self.waker().take() {
            waker.wake();
        }
    }

    fn waker(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
