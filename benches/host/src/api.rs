//! Routes a request to its service.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{Request, StatusCode, body::Incoming};

use crate::{
    Faults,
    lambda::Lambda,
    reply::{Reply, json, read, reply},
    server::Answers,
    sqs::Sqs,
    stats::Counters,
};

/// Everything a host has.
pub(crate) struct Services {
    pub(crate) counters: Arc<Counters>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) sqs: Arc<Sqs>,
}

impl Services {
    pub(crate) fn faults(&self) -> Faults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    async fn own(&self, request: Request<Incoming>) -> Reply {
        match request.uri().path() {
            "/stats" => json(StatusCode::OK, &self.counters.read()),
            "/reset" => {
                let stats = self.counters.read();
                self.counters.reset();
                json(StatusCode::OK, &stats)
            }
            "/faults" => {
                let body = read(request.into_body(), 1 << 16).await.unwrap_or_default();
                match serde_json::from_slice(&body) {
                    Ok(faults) => {
                        self.set_faults(faults);
                        json(StatusCode::OK, &faults)
                    }
                    Err(error) => reply(StatusCode::BAD_REQUEST, format!("no faults: {error}")),
                }
            }
            path => reply(StatusCode::NOT_FOUND, format!("no such path: {path}")),
        }
    }
}

impl Answers for Arc<Services> {
    fn connected(&self) {
        self.counters.conns.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        if let Some(action) = action(&request) {
            return self.sqs.answer(&action, request.into_body()).await;
        }
        match function(request.uri().path()) {
            Some(name) => {
                let name = name.to_owned();
                let faults = self.faults();
                self.lambda.invoke(&name, faults, Duration::from_millis(faults.latency_ms), request).await
            }
            None => self.own(request).await,
        }
    }
}

/// The SQS action of a request.
fn action(request: &Request<Incoming>) -> Option<String> {
    let target = request.headers().get("x-amz-target")?.to_str().ok()?;
    target.strip_prefix("AmazonSQS.").map(str::to_owned)
}

/// The function that a path invokes.
fn function(path: &str) -> Option<&str> {
    path.strip_prefix("/2015-03-31/functions/")?.strip_suffix("/invocations")
}
