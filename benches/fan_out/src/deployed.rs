//! A stack with its functions in this process: a host maps its queue onto their handlers, and a local `DynamoDB` has
//! the ledger.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use aws_host::{Failure, Function, Host, HostOptions, Mapping, Runs, Stub};
use aws_tests::{Ministack, config, create_stack};
use bytes::Bytes;
use celeriac::{
    Client, Registry, States,
    aws::{Backend, Bill, Operation, Options, Settings, Usage},
};
use celeriac_lambda::{Function as _, Request};
use futures::future::{BoxFuture, FutureExt as _};
use serde::Serialize;

use crate::load::{FUNCTION, SQS_QUEUE, STACK};

/// The size that SQS bills as one request.
const SQS_BYTES: usize = 64 << 10;

/// About how long a dispatcher works for an event, most of it waiting for one round of Invokes, and its memory in GB.
const DISPATCH_S: f64 = 0.15;
const DISPATCH_GB: f64 = 128.0 / 1024.0;

/// How long a call keeps its processor.
const CALL_S: f64 = 0.001;

/// The time limit of the worker's function, in milliseconds.
const LIMIT_MS: u64 = 60_000;

/// Which function the queue is mapped onto.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Road {
    Wide,
    Narrow,
}

/// A stack with its functions.
pub(crate) struct Deployed {
    /// A program that sends calls.
    pub(crate) client: Client,
    /// A client that looks up results, which is not billed here.
    pub(crate) watcher: Client,
    billed: [Backend; 3],
    feed: Feed,
    _host: Host,
    _aws: Ministack,
}

/// Counts AWS's own requests that feed the functions. They are billed too.
#[derive(Clone, Default)]
struct Feed(Arc<Mutex<BTreeMap<Operation, Usage>>>);

impl Deployed {
    pub(crate) async fn new(road: Road) -> Result<Self> {
        let aws = Ministack::start();
        create_stack(&config(aws.endpoint()).await, STACK, &[]).await;
        let site = Arc::new(Mutex::new(None::<Site>));
        let feed = Feed::default();
        let function = |name: &str, role| {
            let (site, feed) = (Arc::clone(&site), feed.clone());
            let run: Stub = Arc::new(move |event| {
                feed.count(role, road, &event);
                let site = lock(&site).clone();
                async move { site.ok_or_else(|| failed(&"it is not deployed yet"))?.run(role, event).await }.boxed()
            });
            Function::new(name, Runs::Stub(run))
        };
        let dispatcher = format!("{STACK}-dispatcher");
        let mapped = if road == Road::Wide { dispatcher.clone() } else { FUNCTION.to_owned() };
        let host = Host::start(HostOptions {
            functions: vec![function(&dispatcher, Role::Dispatcher), function(FUNCTION, Role::Worker)],
            queues: vec![SQS_QUEUE.to_owned()],
            mappings: vec![Mapping { queue: SQS_QUEUE.to_owned(), function: mapped, batch: 10, concurrency: 1 }],
            ..HostOptions::default()
        })?;
        let backend = || backend(&host.url(), aws.endpoint());
        let (client, launching, running) = (backend()?, backend()?, backend()?);
        let registry = Arc::new(Registry::linked()?);
        *lock(&site) = Some(Site {
            dispatcher: Arc::new(celeriac_lambda::dispatcher::Handler::new(launching.clone(), &registry)),
            worker: Arc::new(celeriac_lambda::worker::Handler::new(running.clone(), registry, States::default())),
        });
        Ok(Self {
            watcher: Client::new(backend()?.ports()),
            client: Client::new(client.ports()),
            billed: [client, launching, running],
            feed,
            _host: host,
            _aws: aws,
        })
    }

    /// The requests to AWS for this many calls, run in this many invocations with this much memory.
    pub(crate) fn bill(&self, calls: u64, runs: u64, worker_gb: f64) -> Bill {
        let mut sum = lock(&self.feed.0).clone();
        for (operation, usage) in self.billed.iter().flat_map(|backend| backend.meter().usage()) {
            let entry = sum.entry(operation).or_default();
            entry.requests += usage.requests;
            entry.units += usage.units;
        }
        let events = self.feed.events();
        let dispatching = events as f64 * DISPATCH_S * DISPATCH_GB;
        Bill::new(&sum, calls).with_compute(events, runs as f64 * CALL_S * worker_gb + dispatching)
    }
}

/// A backend with the host's SQS and Lambda, and everything else from the local AWS.
fn backend(host: &str, aws: &str) -> Result<Backend> {
    let settings = Settings {
        region: Some(Ministack::REGION.to_owned()),
        endpoint: Some(aws.to_owned()),
        endpoints: [("sqs", host), ("lambda", host)].map(|(service, url)| (service.to_owned(), url.to_owned())).into(),
        cap: 1000,
        ..Settings::new(STACK.parse()?)
    };
    Ok(Backend::new(settings, Options::default())?)
}

/// The handlers of both functions.
#[derive(Clone)]
struct Site {
    dispatcher: Arc<celeriac_lambda::dispatcher::Handler>,
    worker: Arc<celeriac_lambda::worker::Handler>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Dispatcher,
    Worker,
}

impl Site {
    fn run(self, role: Role, event: Bytes) -> BoxFuture<'static, Result<Bytes, Failure>> {
        async move {
            let event = std::str::from_utf8(&event).map_err(|error| failed(&error))?;
            let request = Request {
                id: "bench".to_owned(),
                function: FUNCTION.to_owned(),
                log_stream: "bench".to_owned(),
                deadline_ms: now_ms() + LIMIT_MS,
            };
            answer(match role {
                Role::Dispatcher => self.dispatcher.handle(event, &request).await,
                Role::Worker => self.worker.handle(event, &request).await,
            })
        }
        .boxed()
    }
}

fn answer<T: Serialize, E: std::fmt::Display>(handled: Result<T, E>) -> Result<Bytes, Failure> {
    let answer = handled.map_err(|error| failed(&error))?;
    serde_json::to_vec(&answer).map(Bytes::from).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new("Error", error.to_string())
}

#[allow(clippy::disallowed_methods, reason = "a platform has the machine's time")]
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    /// Counts an event: a mapping has received its messages, invokes the function and deletes the finished ones. Events
    /// of a dispatcher are counted where they are sent.
    fn count(&self, role: Role, road: Road, event: &Bytes) {
        let mut usage = lock(&self.0);
        let mut add = |service: &'static str, operation: &'static str, units: usize| {
            let sum = usage.entry((service.into(), operation.into())).or_default();
            sum.requests += 1;
            sum.units += units as f64;
        };
        match (role, road) {
            (Role::Worker, Road::Wide) => {}
            (Role::Dispatcher, _) | (Role::Worker, Road::Narrow) => {
                add("SQS", "ReceiveMessage", event.len().div_ceil(SQS_BYTES));
                add("Lambda", "Invoke", 1);
                if road == Road::Narrow {
                    add("SQS", "DeleteMessageBatch", 1);
                }
            }
        }
    }

    /// How many events mappings have made.
    fn events(&self) -> u64 {
        lock(&self.0).values().map(|usage| usage.requests).max().unwrap_or(0)
    }
}
