//! Accepts connections and answers their requests.

use std::convert::Infallible;

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::reply::Reply;

/// A service that answers requests.
pub(crate) trait Answers: Clone + Send + Sync + 'static {
    /// A connection was accepted.
    fn connected(&self) {}

    /// Answers a request.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Reply> + Send;
}

/// Accepts connections and answers their requests, until dropped.
pub(crate) async fn serve(listener: TcpListener, answers: impl Answers) {
    loop {
        // A single connection failed, or there were no file descriptors, which the others will release.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        answers.connected();
        let answers = answers.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let answers = &answers;
                async move { Ok::<_, Infallible>(answers.answer(request).await) }
            });
            // A client that disconnects is not an error.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
