//! A proxy between a program and the services, on which a test decides the fate of each request.

use std::{
    convert::Infallible,
    future::pending,
    net::{Ipv4Addr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING},
    http::{request, uri::Scheme},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::runtime::{Builder, Runtime};

use crate::{Asked, Fault, partly};

/// A proxy in front of an endpoint. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    endpoint: String,
    faults: Arc<AtomicUsize>,
    runtime: Option<Runtime>,
}

/// Why a connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
struct Cut;

type Answer = Response<Full<Bytes>>;

struct Upstream {
    address: String,
    client: Client<HttpConnector, Full<Bytes>>,
    rule: Box<dyn Fn(&Asked) -> Fault + Send + Sync>,
    faults: Arc<AtomicUsize>,
}

impl Proxy {
    /// Starts a proxy in front of this endpoint, such as `http://127.0.0.1:4566`. `rule` decides the fate of each
    /// request.
    pub fn start(endpoint: &str, rule: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("proxy").enable_all().build();
        let runtime = runtime.expect("a runtime");
        let address = endpoint.strip_prefix("http://").expect("a local endpoint is plain HTTP").to_owned();
        let faults = Arc::new(AtomicUsize::new(0));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let upstream = Upstream { address, client, rule: Box::new(rule), faults: faults.clone() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket can be told so");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        runtime.spawn(serve(listener, Arc::new(upstream)));
        Self { endpoint, faults, runtime: Some(runtime) }
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How many requests have had a fault.
    pub fn faults(&self) -> usize {
        self.faults.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: TcpListener, upstream: Arc<Upstream>) -> Infallible {
    let listener = tokio::net::TcpListener::from_std(listener).expect("it is on a runtime");
    loop {
        let (stream, _) = listener.accept().await.expect("a listener accepts");
        let upstream = upstream.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| upstream.pass(request));
            // Cut, or closed by the caller.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Upstream {
    async fn pass(&self, request: Request<Incoming>) -> Result<Answer, Cut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let asked = Asked::new(&head.method, head.uri.path(), &head.headers, body);
        let fault = (self.rule)(&asked);
        if fault != Fault::None {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        let body = asked.body.clone();
        match fault {
            Fault::None => self.forward(&head, body).await,
            Fault::Late(by) => {
                tokio::time::sleep(by).await;
                self.forward(&head, body).await
            }
            Fault::Twice => {
                self.forward(&head, body.clone()).await?;
                self.forward(&head, body).await
            }
            Fault::Lost => pending().await,
            Fault::Swallowed(status) => Ok(answer(status, String::new())),
            Fault::CutBefore => Err(Cut),
            Fault::CutAfter => {
                self.forward(&head, body).await?;
                Err(Cut)
            }
            Fault::Refused(status, code) => Ok(refusal(&asked, status, code)),
            Fault::Partly(code) => self.forward_partly(&head, &asked, code).await,
        }
    }

    /// Forwards a request. If the service is gone, this connection is cut too.
    async fn forward(&self, head: &request::Parts, body: Bytes) -> Result<Answer, Cut> {
        let mut parts = head.uri.clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.address.parse().expect("an endpoint has an address"));
        let uri = Uri::from_parts(parts).expect("the path comes from a URI");
        let mut request = Request::builder().method(&head.method).uri(uri).body(Full::new(body)).map_err(|_| Cut)?;
        *request.headers_mut() = head.headers.clone();
        // The service derives names from the address in `Host`. The other headers only concern this connection.
        for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT] {
            request.headers_mut().remove(name);
        }
        let (head, body) = self.client.request(request).await.map_err(|_| Cut)?.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let mut answer = Response::from_parts(head, Full::new(body));
        answer.headers_mut().remove(TRANSFER_ENCODING);
        Ok(answer)
    }

    async fn forward_partly(&self, head: &request::Parts, asked: &Asked, code: &str) -> Result<Answer, Cut> {
        if asked.operation == "BatchGetItem" {
            let (request, unprocessed) = partly::split_keys(&asked.body);
            return self.forward_changed(head, request, |answer| partly::join_keys(answer, unprocessed)).await;
        }
        let (request, failed) = partly::split(&asked.body, code);
        self.forward_changed(head, request, |answer| partly::join(answer, failed)).await
    }

    async fn forward_changed(
        &self,
        head: &request::Parts,
        body: Bytes,
        change: impl FnOnce(&Bytes) -> Bytes,
    ) -> Result<Answer, Cut> {
        let (mut head, body) = self.forward(head, body).await?.into_parts();
        head.headers.remove(CONTENT_LENGTH);
        let Ok(body) = body.collect().await;
        Ok(Response::from_parts(head, Full::new(change(&body.to_bytes()))))
    }
}

fn answer(status: u16, body: String) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status has three digits");
    answer
}

/// An error as the service would write it.
fn refusal(asked: &Asked, status: u16, code: &str) -> Answer {
    let body = if asked.service == "s3" {
        format!("<Error><Code>{code}</Code><Message>injected</Message></Error>")
    } else if asked.body.starts_with(b"Action=") {
        let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>injected</Message></Error>");
        format!("<ErrorResponse>{error}</ErrorResponse>")
    } else if code == "TransactionCanceledException" {
        // As if it had met another transaction.
        format!(
            r#"{{"__type":"{code}","message":"injected","CancellationReasons":[{{"Code":"TransactionConflict"}}]}}"#
        )
    } else {
        format!(r#"{{"__type":"{code}","message":"injected"}}"#)
    };
    let mut answer = answer(status, body);
    answer.headers_mut().insert("x-amzn-errortype", code.parse().expect("a code is a word"));
    answer
}
