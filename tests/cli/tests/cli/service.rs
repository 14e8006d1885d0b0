//! Simulates a service of AWS, as far as a function needs it to start: answers every request with the same, and records
//! which connection each came by.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::HeaderMap,
};
use tokio::{net::TcpListener, runtime::Runtime};

/// The requests so far: the connection and the operation of each.
type Seen = Arc<Mutex<Vec<(SocketAddr, String)>>>;

/// A service.
pub(crate) struct Service {
    url: String,
    seen: Seen,
    _runtime: Runtime,
}

impl Service {
    pub(crate) fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let seen = Seen::default();
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { url, seen, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The operations so far.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(_, operation)| operation.clone()).collect()
    }

    /// How many connections requests came by.
    pub(crate) fn connections(&self) -> usize {
        let mut peers: Vec<_> = self.seen.lock().unwrap().iter().map(|(peer, _)| *peer).collect();
        peers.sort_unstable();
        peers.dedup();
        peers.len()
    }
}

/// What this answers is enough for a queue's URL, for an item that is not there, and for a dry run.
async fn answer(
    State(seen): State<Seen>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> &'static str {
    let text = |headers: &HeaderMap, name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let target = text(request.headers(), "x-amz-target");
    let operation = target.as_deref().and_then(|target| target.rsplit('.').next()).map(str::to_owned);
    let operation = operation.or_else(|| text(request.headers(), "x-amz-invocation-type"));
    seen.lock().unwrap().push((peer, operation.unwrap_or_default()));
    r#"{"QueueUrl":"http://sqs.eu-central-1.amazonaws.com/123456789012/queue"}"#
}
