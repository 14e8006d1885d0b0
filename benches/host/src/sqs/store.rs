//! All queues, and the dispatch of actions to them.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use hyper::{StatusCode, body::Incoming};

use super::{queue::Queue, refusal::Refusal};
use crate::{
    HostOptions,
    reply::{Reply, read},
    stats::Counters,
};

/// The longest request: a full batch, each byte of it escaped.
const REQUEST_BYTES: usize = 8 << 20;

/// All queues.
pub(crate) struct Sqs {
    address: SocketAddr,
    pub(super) visibility_s: u64,
    queues: RwLock<HashMap<String, Arc<Queue>>>,
    pub(super) counters: Arc<Counters>,
}

impl Sqs {
    pub(crate) fn new(address: SocketAddr, options: &HostOptions, counters: Arc<Counters>) -> Self {
        let queues = options.queues.iter().map(|name| (name.clone(), Arc::default())).collect();
        Self { address, visibility_s: options.visibility_s, queues: RwLock::new(queues), counters }
    }

    /// Answers a request for this action.
    pub(crate) async fn answer(&self, action: &str, body: Incoming) -> Reply {
        self.counters.request(action);
        let Some(body) = read(body, REQUEST_BYTES).await else {
            return crate::reply::reply(StatusCode::PAYLOAD_TOO_LARGE, "");
        };
        let result = match action {
            "GetQueueUrl" => self.url_of(&body),
            "CreateQueue" => self.create(&body),
            "GetQueueAttributes" => self.attributes(&body),
            "SendMessage" => self.send(&body),
            "SendMessageBatch" => self.send_batch(&body),
            "ReceiveMessage" => self.receive(&body).await,
            "DeleteMessage" => self.delete(&body),
            "DeleteMessageBatch" => self.delete_batch(&body),
            "ChangeMessageVisibility" => self.hide(&body),
            "ChangeMessageVisibilityBatch" => self.hide_batch(&body),
            other => Err(Refusal::NoAction(other.to_owned())),
        };
        result.unwrap_or_else(|refusal| refusal.reply())
    }

    /// Puts a message into a queue. Without the queue it is lost, as on AWS with a wrong destination.
    pub(crate) fn put(&self, queue: &str, text: &str) {
        match self.queue(queue) {
            Ok(queue) => drop(queue.send(Bytes::from(serde_json::json!(text).to_string()), 0)),
            Err(refusal) => tracing::warn!(queue, %refusal, "a failure record is lost"),
        }
    }

    pub(super) fn queue(&self, name: &str) -> Result<Arc<Queue>, Refusal> {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        queues.get(name).cloned().ok_or(Refusal::NoQueue)
    }

    pub(super) fn add(&self, name: &str) {
        self.queues.write().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default();
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("http://{}/000000000000/{name}", self.address)
    }
}
