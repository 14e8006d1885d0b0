//! The common parts of the roles that execute tasks: set-up, start, signals, stop.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use celeriac_core::{
    client::Client,
    name::queue_name,
    panics::{self, Panic},
    ports::BoxError,
    store::Existence,
    task::chain,
};
use celeriac_worker::Worker;
use clap::Args;
use futures::FutureExt as _;
use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

use super::{
    common::Common,
    exit::Failure,
    print,
    progress::{self, Progress},
    pulse::{self, Sign},
    session, signals,
};
use crate::{
    app::App,
    host::{GRACE, Role},
    store::{OpenStore, StoreChoice},
};

/// The settings of a role that executes tasks. They go before those of the program's set-up.
#[derive(Debug, Default, Args)]
pub(super) struct Serve {
    /// Serve only these queues, separated by commas. Defaults to those that the tasks and the set-up name
    #[arg(long, value_name = "QUEUES", value_delimiter = ',', value_parser = queue)]
    queues: Vec<String>,

    /// How many parcels of each lane run at a time in this process. Defaults to 256 interactive and 64 bulk ones, 64 of
    /// each if a task is a plain function, or to the concurrency if that is less, unless the set-up says otherwise
    #[arg(long, value_name = "N", value_parser = slots)]
    slots: Option<usize>,

    /// How many calls run at a time in this process, over all tasks. Defaults to no limit but that of each task, and to the
    /// number of processors for plain functions that set no `concurrency`
    #[arg(long, short, value_name = "N", value_parser = concurrency)]
    concurrency: Option<usize>,

    /// How many seconds a stop waits for running calls. Defaults to 30 unless the set-up says otherwise
    #[arg(long, value_name = "SECONDS")]
    grace: Option<u32>,
}

impl Serve {
    fn apply(&self, mut app: App) -> Result<App, Failure> {
        if !matches!(app.store, StoreChoice::Environment) {
            return Err(Failure::Start(
                "the set-up names a store with `App::store` or `App::ports`, but the commands (call, status, ..) do not run \
                 it and would look into another: name it with --store or CELERIAC_STORE"
                    .to_owned(),
            ));
        }
        if !self.queues.is_empty() {
            app.only = Some(self.queues.clone());
        }
        if let Some(slots) = self.slots {
            app = app.slots(slots);
        }
        if let Some(calls) = self.concurrency {
            app = app.concurrency(calls);
        }
        if let Some(grace) = self.grace {
            app = app.grace(Duration::from_secs(grace.into()));
        }
        Ok(app)
    }
}

pub(super) fn queue(name: &str) -> Result<String, String> {
    if queue_name(name) { Ok(name.to_owned()) } else { Err("1 to 80 letters, digits, `_` or `-`".to_owned()) }
}

fn slots(text: &str) -> Result<usize, String> {
    let slots = text.parse().ok().filter(|slots| (1..=App::MAX_SLOTS).contains(slots));
    slots.ok_or_else(|| format!("a whole number from 1 to {}", App::MAX_SLOTS))
}

fn concurrency(text: &str) -> Result<usize, String> {
    let calls = text.parse().ok().filter(|calls| (1..=App::MAX_CONCURRENCY).contains(calls));
    calls.ok_or_else(|| format!("a whole number from 1 to {}", App::MAX_CONCURRENCY))
}

/// Runs a role to its graceful end.
pub(super) fn run<S, F>(common: &Common, serve: &Serve, role: Role, setup: S) -> Result<(), Failure>
where
    S: FnOnce(App) -> F,
    F: Future<Output = Result<App, BoxError>>,
{
    let logging = common.logging(LevelFilter::INFO);
    let store = common.store()?;
    // Before the set-up, which may take a while: faults of the tasks are known already.
    session::registry()?;
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let opened = store.open(Existence::Created)?;
        if role == Role::Worker {
            opened.shared()?;
        }
        Client::set_default(Client::new(opened.ports.clone()));
        let app = {
            let _logging = logging.provisional();
            set_up(setup).await?
        };
        logging.install();
        let mut app = serve.apply(app)?;
        app.store = StoreChoice::Open(opened.clone());
        let grace = app.grace.unwrap_or(GRACE);
        let stop = CancellationToken::new();
        listen(&stop, grace)?;
        let running = app.start_role(role)?;
        give_signs(if role == Role::Dev { "dev" } else { "worker" }, &opened, Some(running.worker()));
        tracing::info!("started");
        let gone = tokio::select! {
            biased;
            error = running.gone() => Some(error),
            () = stop.cancelled() => None,
        };
        let worker = running.worker();
        tokio::select! {
            biased;
            () = running.stop() => {}
            () = waited_for(&worker, grace, common.json) => {}
        }
        if let Some(error) = gone {
            return Err(error.into());
        }
        tracing::info!("stopped");
        Ok(())
    });
    // A task that blocks its thread for ever is not waited for.
    runtime.shutdown_background();
    done
}

/// Reports how many calls a stop waits for: again and again on a terminal, otherwise once. Never ends.
async fn waited_for(worker: &Worker, grace: Duration, json: bool) {
    let begun = Instant::now();
    let progress = if json { None } else { Progress::on_terminal() };
    let calls = worker.running_calls();
    if calls > 0 && progress.is_none() {
        tracing::info!(calls, grace_s = grace.as_secs(), "waiting for calls that run");
    }
    let Some(mut progress) = progress else { return std::future::pending().await };
    loop {
        let left_s = grace.saturating_sub(begun.elapsed()).as_secs();
        match worker.running_calls() as u64 {
            0 => progress.show("stopping"),
            calls => {
                let calls = print::count(calls, "call");
                progress.show(&format!("stopping: waiting for {calls} to end, at most {left_s} s more"));
            }
        }
        tokio::time::sleep(progress::EVERY).await;
    }
}

/// The app that the program's set-up makes.
async fn set_up<S, F>(setup: S) -> Result<App, Failure>
where
    S: FnOnce(App) -> F,
    F: Future<Output = Result<App, BoxError>>,
{
    panics::locate();
    let made = AssertUnwindSafe(async { setup(App::default()).await }).catch_unwind().await;
    made.map_err(|payload| Failure::Start(format!("the set-up {}", Panic::of(payload))))?
        .map_err(|error| Failure::Start(format!("the set-up failed: {}", chain(&*error))))
}

/// Lets `health` find this process.
pub(super) fn give_signs(role: &'static str, opened: &OpenStore, worker: Option<Arc<Worker>>) {
    let store = opened.ports.url.clone();
    pulse::give(opened.ports.url.as_deref(), move || Sign {
        role: role.to_owned(),
        process: std::process::id(),
        store: store.as_deref().map(str::to_owned),
        running_calls: worker.as_ref().map_or(0, |worker| worker.running_calls()),
        blocked_threads: worker.as_ref().map_or(0, |worker| worker.blocked_threads()),
    });
}

/// The runtime of a role.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread().enable_all().build().map_err(|error| Failure::start(format!("no runtime: {error}")))
}

/// Cancels `stop` at SIGTERM or ctrl-c.
pub(super) fn listen(stop: &CancellationToken, grace: Duration) -> Result<(), Failure> {
    signals::listen(stop.clone(), grace)
        .map_err(|error| Failure::start(format!("signals cannot be listened to: {error}")))
}
