//! Simulates Lambda's Runtime API, as far as a function needs it: hands out given events, and records the function's
//! answers.

use std::{
    collections::VecDeque,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;
use tokio::{net::TcpListener, runtime::Runtime};

/// How long a function may take until its next request.
const PATIENCE: Duration = Duration::from_mins(1);

/// A request of a function.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// It does not start: the kind of the error, and its report.
    InitError(String, Value),
    /// Its answer to the event with this request id.
    Answer(String, Value),
    /// It failed to handle the event with this request id.
    Error(String, Value),
}

/// The Runtime API.
pub(crate) struct RuntimeApi {
    address: String,
    said: mpsc::Receiver<Said>,
    _runtime: Runtime,
}

#[derive(Clone)]
struct Desk {
    events: Arc<Mutex<VecDeque<(String, Value)>>>,
    says: mpsc::Sender<Said>,
}

impl RuntimeApi {
    /// An API with these events. Their request ids are `request-0`, `request-1`, ..
    pub(crate) fn new(events: impl IntoIterator<Item = Value>) -> Self {
        let runtime = Runtime::new().unwrap();
        let (says, said) = mpsc::channel();
        let events = (0..).map(|at| format!("request-{at}")).zip(events).collect();
        let desk = Desk { events: Arc::new(Mutex::new(events)), says };
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(desk);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { address, said, _runtime: runtime }
    }

    /// Starts a program as a function.
    pub(crate) fn start(&self, mut program: Command, handler: &str) -> Function {
        let program = program
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "shop-function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/24/[$LATEST]5f1e")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
            .env("_HANDLER", handler)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Function(Some(program.spawn().unwrap()))
    }

    /// The function's next request.
    pub(crate) fn said(&self) -> Said {
        self.said.recv_timeout(PATIENCE).unwrap()
    }
}

/// A running function, which ends with the test at the latest.
pub(crate) struct Function(Option<Child>);

impl Function {
    /// Its exit code and its log, once it has ended by itself.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let output = self.0.take().unwrap().wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// Its log, once it was ended.
    pub(crate) fn log(mut self) -> String {
        let mut child = self.0.take().unwrap();
        child.kill().unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // An error means that it has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a platform has the machine's time")]
async fn next(State(desk): State<Desk>) -> Response {
    let event = desk.events.lock().unwrap().pop_front();
    let Some((id, event)) = event else { return std::future::pending().await };
    let deadline_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() + 5_000;
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:shop-function".to_owned(),
        ),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned()),
    ];
    (headers, event.to_string()).into_response()
}

async fn answer(State(desk): State<Desk>, Path(id): Path<String>, body: String) {
    desk.says.send(Said::Answer(id, serde_json::from_str(&body).unwrap())).unwrap();
}

async fn error(State(desk): State<Desk>, Path(id): Path<String>, body: String) {
    desk.says.send(Said::Error(id, serde_json::from_str(&body).unwrap())).unwrap();
}

async fn init_error(State(desk): State<Desk>, headers: HeaderMap, body: String) {
    let kind = headers["lambda-runtime-function-error-type"].to_str().unwrap().to_owned();
    desk.says.send(Said::InitError(kind, serde_json::from_str(&body).unwrap())).unwrap();
}
