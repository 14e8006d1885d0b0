//! An execution environment: a process, with its own Runtime API.

use std::{
    io,
    net::Ipv4Addr,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use hyper::{Method, Request, StatusCode, body::Incoming, header::HeaderValue};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use super::{Bootstrap, Failure, Function, deployed::timed_out};
use crate::{
    clock::epoch_ms,
    now_ns,
    reply::{Reply, read, reply},
    server::{Answers, serve},
};

const VERSION: &str = "/2018-06-01/runtime/";

/// The longest answer.
const ANSWER_BYTES: usize = 6 << 20;

/// An event on its way into the process.
struct Run {
    request_id: String,
    event: Bytes,
    deadline_ms: u64,
    arn: String,
    result: oneshot::Sender<Result<Bytes, Failure>>,
}

/// A process and its Runtime API. Dropping this ends the process.
pub(super) struct Environment {
    child: Child,
    alive: bool,
    arn: String,
    runs: mpsc::Sender<Run>,
    polled_ns: watch::Receiver<u64>,
    api: JoinHandle<()>,
}

impl Environment {
    pub(super) async fn start(bootstrap: &Bootstrap, function: &Function) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (runs, waiting) = mpsc::channel(1);
        let (polled, polled_ns) = watch::channel(0);
        let api = RuntimeApi { waiting: tokio::sync::Mutex::new(waiting), running: Mutex::default(), polled };
        let child = Command::new(&bootstrap.program)
            .args(&bootstrap.args)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", bootstrap.memory_mb.to_string())
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{:016x}", now_ns()))
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "host")
            .env("AWS_SECRET_ACCESS_KEY", "host")
            .env("TZ", ":UTC")
            .env("_HANDLER", &bootstrap.handler)
            .envs(bootstrap.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let api = tokio::spawn(serve(listener, Arc::new(api)));
        Ok(Self { child, alive: true, arn: function.arn(), runs, polled_ns, api })
    }

    /// When the process first asked for an event.
    pub(super) async fn first_poll(&self) -> u64 {
        let mut polled_ns = self.polled_ns.clone();
        polled_ns.wait_for(|polled_ns| *polled_ns > 0).await.map_or(0, |polled_ns| *polled_ns)
    }

    /// The id of the process.
    pub(super) fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Whether it can run another event.
    pub(super) fn is_alive(&self) -> bool {
        self.alive
    }

    /// Runs one event. If it takes longer than `timeout`, the process is ended, as Lambda does.
    pub(super) async fn run(&mut self, request_id: &str, event: Bytes, timeout: Duration) -> Result<Bytes, Failure> {
        let (result, answered) = oneshot::channel();
        let deadline_ms = epoch_ms() + timeout.as_millis() as u64;
        let run = Run { request_id: request_id.to_owned(), event, deadline_ms, arn: self.arn.clone(), result };
        self.alive = false;
        let ended = |status| Failure::new("Runtime.ExitError", format!("RequestId: {request_id} Error: {status}"));
        if self.runs.send(run).await.is_err() {
            return Err(ended("the Runtime API is gone".to_owned()));
        }
        tokio::select! {
            biased;
            answer = answered => {
                self.alive = answer.is_ok();
                answer.unwrap_or_else(|_| Err(ended("the Runtime API is gone".to_owned())))
            }
            status = self.child.wait() => {
                Err(ended(status.map_or_else(|error| error.to_string(), |status| status.to_string())))
            }
            () = tokio::time::sleep(timeout) => {
                let _ = self.child.kill().await;
                Err(timed_out(timeout))
            }
        }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.api.abort();
    }
}

/// The Runtime API of one environment.
struct RuntimeApi {
    waiting: tokio::sync::Mutex<mpsc::Receiver<Run>>,
    running: Mutex<Option<oneshot::Sender<Result<Bytes, Failure>>>>,
    polled: watch::Sender<u64>,
}

impl RuntimeApi {
    /// `GET invocation/next`: answers when there is an event.
    async fn next(&self) -> Reply {
        self.polled.send_if_modified(|polled_ns| {
            let first = *polled_ns == 0;
            if first {
                *polled_ns = now_ns();
            }
            first
        });
        let Some(run) = self.waiting.lock().await.recv().await else {
            return reply(StatusCode::INTERNAL_SERVER_ERROR, "the environment is gone");
        };
        let mut answer = reply(StatusCode::OK, run.event);
        for (name, value) in [
            ("lambda-runtime-aws-request-id", run.request_id),
            ("lambda-runtime-deadline-ms", run.deadline_ms.to_string()),
            ("lambda-runtime-invoked-function-arn", run.arn),
            ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                answer.headers_mut().insert(name, value);
            }
        }
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.result);
        answer
    }

    /// Reports the result of the running event.
    fn end(&self, result: Result<Bytes, Failure>) -> Reply {
        if let Some(running) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // After the timeout no one waits for it.
            let _ = running.send(result);
        }
        reply(StatusCode::ACCEPTED, r#"{"status":"OK"}"#)
    }
}

impl Answers for Arc<RuntimeApi> {
    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix(VERSION).unwrap_or_default();
        if head.method == Method::GET && path == "invocation/next" {
            return self.next().await;
        }
        let body = read(body, ANSWER_BYTES).await;
        match path.rsplit('/').next() {
            Some("response") => self.end(body.ok_or_else(|| {
                Failure::new("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed")
            })),
            Some("error") => self.end(Err(failure(&body.unwrap_or_default()))),
            _ => reply(StatusCode::NOT_FOUND, "no such path of the Runtime API"),
        }
    }
}

/// The program's report of a failure.
fn failure(body: &[u8]) -> Failure {
    #[derive(Default, serde::Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Said {
        error_type: String,
        error_message: String,
    }
    let said: Said = serde_json::from_slice(body).unwrap_or_default();
    Failure::new(said.error_type, said.error_message)
}
