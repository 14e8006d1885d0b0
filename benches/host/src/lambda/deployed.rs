//! A function that runs events: its slots and its idle environments.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Bootstrap, Failure, Function, Runs, Stub, environment::Environment};
use crate::{sqs::Sqs, stats::Counters};

/// The right to run one event.
pub(crate) type Slot = OwnedSemaphorePermit;

/// A function with its slots and environments.
pub(crate) struct Deployed {
    pub(crate) function: Function,
    slots: Arc<Semaphore>,
    idle: Mutex<Vec<Environment>>,
    requests: AtomicU64,
    counters: Arc<Counters>,
    sqs: Arc<Sqs>,
}

impl Deployed {
    pub(crate) fn new(function: Function, counters: Arc<Counters>, sqs: Arc<Sqs>) -> Self {
        let slots = Arc::new(Semaphore::new(function.concurrency));
        Self { function, slots, idle: Mutex::default(), requests: AtomicU64::new(1), counters, sqs }
    }

    /// A slot, if one is free now.
    pub(crate) fn free_slot(&self) -> Option<Slot> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// Waits for a free slot.
    pub(crate) async fn slot(&self) -> Slot {
        Arc::clone(&self.slots).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// The id of a new request.
    pub(crate) fn request_id(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.requests.fetch_add(1, Relaxed))
    }

    /// Runs an accepted event once a slot is free. No one waits for its result.
    pub(crate) async fn run_event(self: Arc<Self>, request_id: String, event: Bytes, delay_ms: u64) {
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        let slot = self.slot().await;
        let result = self.run(slot, &request_id, event.clone()).await;
        if let (Err(failure), Some(queue)) = (result, &self.function.failures) {
            self.sqs.put(queue, &self.record(&request_id, &event, &failure));
        }
    }

    /// Runs an event now.
    pub(crate) async fn run(&self, slot: Slot, request_id: &str, event: Bytes) -> Result<Bytes, Failure> {
        self.counters.started.mark(1);
        let result = match &self.function.runs {
            Runs::Stub(stub) => self.run_stub(stub, event).await,
            Runs::Bootstrap(bootstrap) => self.run_program(bootstrap, request_id, event).await,
        };
        drop(slot);
        self.counters.ended.mark(1);
        self.counters.failed.fetch_add(u64::from(result.is_err()), Relaxed);
        result
    }

    async fn run_stub(&self, stub: &Stub, event: Bytes) -> Result<Bytes, Failure> {
        match tokio::time::timeout(self.function.timeout, stub(event)).await {
            Ok(result) => result,
            Err(_) => Err(timed_out(self.function.timeout)),
        }
    }

    async fn run_program(&self, bootstrap: &Bootstrap, request_id: &str, event: Bytes) -> Result<Bytes, Failure> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut environment = match idle {
            Some(environment) => environment,
            None => Environment::start(bootstrap, &self.function)
                .await
                .map_err(|error| Failure::new("Runtime.InvalidEntrypoint", error.to_string()))?,
        };
        let result = environment.run(request_id, event, self.function.timeout).await;
        if environment.is_alive() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(environment);
        }
        result
    }

    /// The record that Lambda sends to an on-failure destination.
    fn record(&self, request_id: &str, event: &Bytes, failure: &Failure) -> String {
        let arn = self.function.arn();
        let event: serde_json::Value = serde_json::from_slice(event).unwrap_or_default();
        serde_json::json!({
            "version": "1.0",
            "requestContext": {
                "requestId": request_id,
                "functionArn": format!("{arn}:$LATEST"),
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 1,
            },
            "requestPayload": event,
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
            "responsePayload": { "errorType": failure.kind, "errorMessage": failure.message },
        })
        .to_string()
    }
}

pub(crate) fn timed_out(timeout: Duration) -> Failure {
    Failure::new("Sandbox.Timedout", format!("Task timed out after {:.2} seconds", timeout.as_secs_f64()))
}
