//! Runs everything in one process: the dispatcher with its pool of workers, the narrow loops and the scheduler, on one
//! set of ports.

use std::{collections::BTreeMap, fmt, future::Future, sync::Arc, time::Duration};

use celeriac_core::{
    Lane, PerLane,
    client::Client,
    ports::PortError,
    scheduler::{Scheduler, SchedulesError},
    store::{Existence, Hosting, StoreError},
    task::{Registry, RegistryError},
};
use celeriac_dispatcher::Dispatcher;
use celeriac_worker::{Pool, Worker, WorkerOptions};
use futures::future::{join, join_all};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, Road},
    store::OpenStore,
    sweep::sweep,
};

/// The defaults of [`App::slots`]; a program with plain functions has the second in both lanes. Most tasks wait for other
/// services. An interactive parcel is most often one small call: a parcel more costs little, and the more end together,
/// the fewer commits there are for each. A bulk parcel has up to 4,096 calls.
const INTERACTIVE_SLOTS: usize = 256;
const BULK_SLOTS: usize = 64;

/// The default of [`App::grace`].
pub(crate) const GRACE: Duration = Duration::from_secs(30);

/// Why a program could not be started. Each message includes the cure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store exists only within one process, and this program shares its store with others.
    #[error(
        "store `{0}` exists only within one process: only `dev` and a program that calls `App::start` can use it; for \
         several processes name a file, such as `sqlite:celeriac.db`"
    )]
    NotShared(String),
    /// The store cannot have a queue of this name.
    #[error("{0}")]
    Queue(String),
    /// Two tasks with the same name, no task, or a state that was not provided.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// An invalid schedule.
    #[error(transparent)]
    Schedules(#[from] SchedulesError),
}

/// What a process does for its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything: it dispatches, runs calls, follows schedules and sends the callbacks that batches owe.
    Dev,
    /// It runs calls and sends the runs of schedules.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "a command"))]
    Worker,
}

/// Everything in one process, running until [`Running::stop`]. Dropping it stops without waiting for calls: those that
/// were running run again when their lease has ended.
pub struct Running {
    client: Client,
    worker: Arc<Worker>,
    grace: Duration,
    loops: Loops,
}

/// The loops of this process. They run until they are stopped, or until the store is gone.
struct Loops {
    stop: CancellationToken,
    handles: Vec<JoinHandle<()>>,
    gone: watch::Sender<Option<PortError>>,
}

impl Loops {
    fn new() -> Self {
        Self { stop: CancellationToken::new(), handles: Vec::new(), gone: watch::Sender::new(None) }
    }

    /// Starts a loop. If it finds that the store is gone, all loops stop.
    fn start(&mut self, on: impl Future<Output = Result<(), PortError>> + Send + 'static) {
        let (stop, gone) = (self.stop.clone(), self.gone.clone());
        self.handles.push(tokio::spawn(async move {
            let Err(error) = on.await else { return };
            // Logged once: by the caller of `gone`, else here.
            if gone.is_closed() && gone.borrow().is_none() {
                tracing::error!(%error, "stopping: the store of this process is gone");
            }
            gone.send_replace(Some(error));
            stop.cancel();
        }));
    }
}

impl App {
    /// Starts everything in this process, on the current runtime: dispatcher, workers and scheduler. From now on calls
    /// that name no client are sent to this store. Calls made by a task are sent to the store of the app that runs the
    /// task, whatever other apps this process has started.
    #[allow(clippy::unused_async, reason = "a store on a network is connected here")]
    pub async fn start(self) -> Result<Running, StartError> {
        self.start_role(Role::Dev)
    }

    /// For a program that only sends calls: opens the store and everything that the first call would have to wait for,
    /// and makes a client on it the default of this process. On a stack that is TLS, for 10 ms of processor time with
    /// each service, and much longer in a small function. So a web handler on Lambda connects while it starts, where
    /// Lambda gives it a whole processor. Other stores have no connections.
    ///
    /// ```no_run
    /// # use celeriac::App;
    /// # async fn handle() -> Result<(), celeriac::BoxError> {
    /// App::default().connect().await?; // before `lambda_runtime::run(..)`
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// On a stack it takes at most two seconds. A service that does not answer is no error: the first call that needs
    /// it says so. It looks up the queues that linked tasks and [`App::queue`] name; a program that links none looks
    /// one up at its first call.
    ///
    /// # Errors
    /// If the store cannot be opened, or cannot have one of these queues.
    pub async fn connect(self) -> Result<Client, StartError> {
        let opened = self.store.open(Existence::Created)?;
        let queues: Vec<String> = match Registry::linked() {
            Ok(registry) => self.named(&registry).into_keys().collect(),
            // The worker that should run the calls reports it.
            Err(_) => self.roads.into_keys().collect(),
        };
        opened.check(queues.iter())?;
        opened.connect(&queues).await;
        let client = Client::new(opened.ports);
        Client::set_default(client.clone());
        Ok(client)
    }

    /// Starts what this role has to do.
    pub(crate) fn start_role(self, role: Role) -> Result<Running, StartError> {
        let opened = self.store.open(Existence::Created)?;
        let registry = self.registry()?;
        let roads = self.roads(&registry, &opened, role)?;
        let scheduler = Scheduler::new(opened.ports.clone(), &registry)?;
        let mut loops = Loops::new();
        let worker = self.work(&opened, &roads, registry, &mut loops);
        let hosting = opened.hosting();
        let ports = opened.ports;
        // Each process that runs calls may send runs, since their ids are derived. Where functions run calls, the
        // store's service sends due runs to the queue.
        if hosting != Hosting::Functions && !scheduler.is_empty() {
            tracing::info!(schedules = scheduler.len(), "following schedules");
            loops.start(scheduler.run(loops.stop.clone()));
        }
        if role == Role::Dev {
            loops.start(sweep(ports, loops.stop.clone()));
        }
        let client = worker.client().clone();
        Client::set_default(client.clone());
        Ok(Running { client, worker, grace: self.grace.unwrap_or(GRACE), loops })
    }

    /// The linked tasks, once each has the states that it needs.
    pub(crate) fn registry(&self) -> Result<Arc<Registry>, RegistryError> {
        let registry = Registry::linked()?;
        registry.check(&self.states)?;
        Ok(Arc::new(registry))
    }

    /// The loops that take parcels from their queues and run them.
    fn work(
        &self,
        opened: &OpenStore,
        roads: &BTreeMap<String, Road>,
        registry: Arc<Registry>,
        loops: &mut Loops,
    ) -> Arc<Worker> {
        let on = |road| -> Vec<Arc<str>> {
            roads.iter().filter(|(_, other)| **other == road).map(|(queue, _)| queue.as_str().into()).collect()
        };
        let (wide, narrow) = (on(Road::Wide), on(Road::Narrow));
        let concurrency = self.concurrency;
        // A parcel has at least one call. A parcel whose calls all have to wait would only be kept from other
        // processes.
        // So it is with plain functions, of which few run at a time.
        let has_plain = registry.iter().any(|def| def.options.is_plain);
        let slots = PerLane::new(|lane| {
            let most = match lane {
                Lane::Interactive if !has_plain => INTERACTIVE_SLOTS,
                Lane::Interactive | Lane::Bulk => BULK_SLOTS,
            };
            self.slots.unwrap_or_else(|| concurrency.map_or(most, |calls| calls.min(most)))
        });
        let [interactive_slots, bulk_slots] = slots.both();
        // The log names the file and the number of its workers: in two directories, one relative name means two files.
        let other_workers = opened.workers();
        let tasks = registry.iter().count();
        tracing::info!(store = %opened, other_workers, tasks, ?wide, ?narrow, interactive_slots, bulk_slots, concurrency, "serving queues");
        let options = WorkerOptions { concurrency, ..WorkerOptions::default() };
        let worker = Worker::new(registry, opened.ports.clone(), self.states.clone(), options);
        if !wide.is_empty() {
            let pool = Pool::new(Arc::clone(&worker), slots);
            let dispatcher = Dispatcher::new(opened.ports.clone(), pool, opened.dispatching(wide));
            let stop = loops.stop.clone();
            loops.start(async move { dispatcher.run(stop).await });
        }
        if !narrow.is_empty() {
            loops.start(celeriac_worker::narrow(Arc::clone(&worker), narrow, slots, loops.stop.clone()));
        }
        worker
    }

    /// The queues to serve, with their roads. Where functions serve the wide road, a worker in a process receives for
    /// itself.
    fn roads(&self, registry: &Registry, opened: &OpenStore, role: Role) -> Result<BTreeMap<String, Road>, StartError> {
        let mut roads = self.named(registry);
        opened.check(roads.keys())?;
        if opened.hosting() == Hosting::Functions && role == Role::Worker {
            for road in roads.values_mut() {
                *road = Road::Narrow;
            }
        }
        Ok(roads)
    }

    /// The queues that linked tasks or the program name, with their roads.
    fn named(&self, registry: &Registry) -> BTreeMap<String, Road> {
        let mut roads: BTreeMap<_, _> =
            registry.iter().map(|def| (def.options.queue.to_owned(), Road::default())).collect();
        roads.extend(self.roads.clone());
        if let Some(only) = &self.only {
            for queue in only.iter().filter(|queue| !roads.contains_key(*queue)) {
                tracing::warn!(queue, "no task and no set-up names this queue; it is served for calls that do");
            }
            return only.iter().map(|queue| (queue.clone(), roads.get(queue).copied().unwrap_or_default())).collect();
        }
        roads
    }
}

impl Running {
    /// A client that sends to the store served here.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The worker that runs calls here.
    #[cfg(feature = "cli")]
    pub(crate) fn worker(&self) -> Arc<Worker> {
        Arc::clone(&self.worker)
    }

    /// Waits until nothing can be received any more, and returns why: the file was deleted or replaced. By then
    /// everything has stopped, and the program should end. It waits for ever as long as that does not happen.
    pub async fn gone(&self) -> PortError {
        let mut gone = self.loops.gone.subscribe();
        let error = gone.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        match error {
            Some(error) => error,
            // The sender is ours and has sent an error.
            None => std::future::pending().await,
        }
    }

    /// Stops: starts nothing new, lets running calls end within the [`App::grace`], then hands on those that have not
    /// ended.
    pub async fn stop(mut self) {
        self.loops.stop.cancel();
        let worker = Arc::clone(&self.worker);
        let loops = std::mem::take(&mut self.loops.handles);
        // Both at once: a narrow loop ends when its runs have ended, which the worker's grace bounds.
        let (ended, ()) = join(join_all(loops), worker.stop(self.grace)).await;
        for error in ended.into_iter().filter_map(Result::err) {
            tracing::error!(%error, "a loop of this process ended with a panic");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.loops.stop.cancel();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("loops", &self.loops.handles.len()).finish_non_exhaustive()
    }
}
