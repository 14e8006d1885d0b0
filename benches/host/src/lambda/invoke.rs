//! The Invoke API.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Request, StatusCode,
    body::Incoming,
    header::{HeaderName, HeaderValue},
};

use super::{Function, deployed::Deployed};
use crate::{
    Faults,
    faults::{Answer, InvokeFate},
    reply::{Reply, json, read, reply},
    sqs::Sqs,
    stats::Counters,
};

/// The largest payload of an event, and of a synchronous Invoke.
const EVENT_BYTES: usize = 1 << 20;
const SYNC_BYTES: usize = 6 << 20;

/// All functions.
pub(crate) struct Lambda {
    functions: HashMap<String, Arc<Deployed>>,
    any: Option<Arc<Deployed>>,
    /// Numbers Invokes, for their fates.
    next: AtomicU64,
    counters: Arc<Counters>,
}

impl Lambda {
    pub(crate) fn new(
        functions: Vec<Function>,
        any: Option<Function>,
        counters: Arc<Counters>,
        sqs: &Arc<Sqs>,
    ) -> Self {
        let deploy = |function| Arc::new(Deployed::new(function, Arc::clone(&counters), Arc::clone(sqs)));
        let named = |function: Function| (function.name.clone(), deploy(function));
        let any = any.map(deploy);
        Self { functions: functions.into_iter().map(named).collect(), any, next: AtomicU64::new(0), counters }
    }

    pub(crate) fn function(&self, name: &str) -> Option<&Arc<Deployed>> {
        self.functions.get(name).or(self.any.as_ref())
    }

    /// Answers an Invoke, after `latency`.
    pub(crate) async fn invoke(
        &self,
        name: &str,
        faults: Faults,
        latency: Duration,
        request: Request<Incoming>,
    ) -> Reply {
        let _in_flight = self.counters.invoke();
        let fate = faults.fate(self.next.fetch_add(1, Relaxed));
        let is_event = request.headers().get("x-amz-invocation-type").is_some_and(|kind| kind == "Event");
        let most = if is_event { EVENT_BYTES } else { SYNC_BYTES };
        let event = read(request.into_body(), most).await;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let Some(function) = self.function(name) else {
            let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}");
            return refuse(StatusCode::NOT_FOUND, "ResourceNotFoundException", &format!("Function not found: {arn}"));
        };
        let Some(event) = event else {
            let why = format!("Request must be smaller than {most} bytes for the InvokeFunction operation");
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &why);
        };
        self.counters.body_bytes.fetch_add(event.len() as u64, Relaxed);
        match fate.answer {
            Answer::Throttled => self.throttled(),
            Answer::Failed => self.error(),
            Answer::Accepted | Answer::Lost if is_event => self.event(function, &event, fate),
            Answer::Accepted => self.synchronous(function, event).await,
            Answer::Lost => {
                self.synchronous(function, event).await;
                self.error()
            }
        }
    }

    /// Accepts an event, whatever the concurrency, as Lambda does.
    fn event(&self, function: &Arc<Deployed>, event: &Bytes, fate: InvokeFate) -> Reply {
        let request_id = function.request_id();
        self.counters.dropped.fetch_add(u64::from(fate.runs == 0), Relaxed);
        self.counters.duplicated.fetch_add(u64::from(fate.runs > 1), Relaxed);
        for _ in 0..fate.runs {
            let function = Arc::clone(function);
            tokio::spawn(function.run_event(request_id.clone(), event.clone(), fate.delay_ms));
        }
        if fate.answer == Answer::Lost {
            return self.error();
        }
        self.counters.accepted.mark(1);
        let mut answer = reply(StatusCode::ACCEPTED, Bytes::new());
        with_id(&mut answer, &request_id);
        answer
    }

    async fn synchronous(&self, function: &Arc<Deployed>, event: Bytes) -> Reply {
        let Some(slot) = function.free_slot() else { return self.throttled() };
        let request_id = function.request_id();
        let mut answer = match function.run(slot, &request_id, event).await {
            Ok(payload) => reply(StatusCode::OK, payload),
            Err(failure) => {
                let mut answer = reply(StatusCode::OK, failure.json());
                let name = HeaderName::from_static("x-amz-function-error");
                answer.headers_mut().insert(name, HeaderValue::from_static("Unhandled"));
                answer
            }
        };
        self.counters.accepted.mark(1);
        with_id(&mut answer, &request_id);
        answer
    }

    fn throttled(&self) -> Reply {
        self.counters.throttled.fetch_add(1, Relaxed);
        refuse(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Rate Exceeded.")
    }

    fn error(&self) -> Reply {
        self.counters.errors.fetch_add(1, Relaxed);
        refuse(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", "Service encountered an internal error")
    }
}

fn refuse(status: StatusCode, kind: &'static str, message: &str) -> Reply {
    let mut answer = json(status, &serde_json::json!({ "Type": "User", "Message": message }));
    answer.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(kind));
    answer
}

fn with_id(answer: &mut Reply, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        answer.headers_mut().insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
}
