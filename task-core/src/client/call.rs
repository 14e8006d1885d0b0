//! A call that is not yet sent.

use std::time::Duration;

use super::{Client, Delay, Error, Handle};
use crate::{
    id::{BatchId, ParcelId},
    ports::{Outgoing, SendError},
    task::Task,
    wire::{Header, Packer, Packing, encode_args},
};

/// How a call is sent.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// When it is due.
    pub countdown: Option<Duration>,
    /// When it is due, as a time.
    pub eta: Option<jiff::Timestamp>,
    /// How long after it was accepted it may still start.
    pub expires: Option<Duration>,
    /// The queue, instead of the task's.
    pub queue: Option<String>,
    /// A key: of calls of the task with the same key one runs.
    pub unique: Option<String>,
}

/// A call with its arguments, not yet sent.
#[must_use = "nothing is sent until `.send().await`"]
pub struct Call<T: Task> {
    args: T::Args,
    options: CallOptions,
    client: Option<Client>,
}

impl<T: Task> Call<T> {
    /// A call with these arguments.
    pub fn new(args: T::Args) -> Self {
        Self { args, options: CallOptions::default(), client: None }
    }

    /// Due after this long. Celery: `countdown`.
    pub fn countdown(mut self, countdown: Duration) -> Self {
        self.options.countdown = Some(countdown);
        self
    }

    /// Due at this time. Celery: `eta`.
    pub fn eta(mut self, eta: jiff::Timestamp) -> Self {
        self.options.eta = Some(eta);
        self
    }

    /// How long after it was accepted it may still start. Celery: `expires`.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.options.expires = Some(expires);
        self
    }

    /// The queue, instead of the task's. Celery: `queue`.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.options.queue = Some(queue.into());
        self
    }

    /// A key: of calls of this task with the same key one runs.
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.options.unique = Some(key.into());
        self
    }

    /// Sends with this client instead of the ambient one.
    pub fn on(mut self, client: &Client) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// Its arguments.
    pub fn args(&self) -> &T::Args {
        &self.args
    }

    /// Sends it.
    pub fn send(self) -> Delay<T> {
        let mut args = Vec::new();
        let encoded = encode_args(&self.args, &mut args)
            .map_err(|error| Error::Encode { task: T::NAME.to_owned(), why: error.to_string() });
        let client = self.client.map_or_else(Client::ambient, Ok);
        let queue = self.options.queue.unwrap_or_else(|| T::OPTIONS.queue.to_owned());
        Delay::new(async move {
            encoded?;
            let client = client?;
            let ports = client.ports();
            let now_ms = ports.clock.now_ms();
            let batch = BatchId::new(now_ms, u128::from(ports.entropy.next_u64()));
            let mut packer = Packer::new(Packing { calls: 1, bytes: ports.profile.message_bytes });
            packer.push(&args);
            let body = packer.seal(Header {
                id: ParcelId::root(batch, 0),
                parent: None,
                batch,
                recorded: false,
                task: T::NAME.to_owned(),
                queue: queue.clone(),
                first: 0,
                count: 1,
                attempt: 1,
                hops: 0,
                created_ms: now_ms,
                due_ms: 0,
                expires_ms: None,
                not_after_ms: now_ms + 14 * 86_400_000,
                call_ms: 0,
            });
            let sent = ports.queue.send(vec![Outgoing { queue: queue.into(), body, due_ms: 0 }]).await;
            sent.into_iter().collect::<Result<(), _>>().map_err(|error| match error {
                SendError::Rejected(source) | SendError::Unknown(source) => {
                    Error::Rejected { task: T::NAME.to_owned(), source }
                }
            })?;
            Ok(Handle::new(client, batch.call(0)))
        })
    }
}
