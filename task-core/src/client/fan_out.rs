//! Many calls of one task.

use std::{future::IntoFuture, time::Duration};

use futures::{StreamExt, future::BoxFuture, stream::BoxStream};

use super::{Batch, Client, Error, Source};
use crate::{id::BatchId, task::Task};

/// Many calls of one task, not yet sent.
#[must_use = "nothing is sent until it is awaited"]
pub struct FanOut<'a, T: Task> {
    calls: BoxStream<'a, T::Args>,
    client: Option<Client>,
    name: Option<String>,
    unique: Option<String>,
    queue: Option<String>,
    countdown: Option<Duration>,
}

impl<'a, T: Task> FanOut<'a, T> {
    /// The calls of this source.
    pub fn new<M>(source: impl Source<'a, T, M>) -> Self {
        Self { calls: source.into_calls(), client: None, name: None, unique: None, queue: None, countdown: None }
    }

    /// Its name, for people. Defaults to the task's.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// A key: sent again with the same key it goes on where it stopped.
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.unique = Some(key.into());
        self
    }

    /// The queue, instead of the task's.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// All due after this long.
    pub fn countdown(mut self, countdown: Duration) -> Self {
        self.countdown = Some(countdown);
        self
    }

    /// Sends with this client instead of the ambient one.
    pub fn on(mut self, client: &Client) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// Sends it.
    pub async fn send(self) -> Result<Batch<T::Output>, Error> {
        let client = self.client.map_or_else(Client::ambient, Ok)?;
        let ports = client.ports();
        let id = BatchId::new(ports.clock.now_ms(), u128::from(ports.entropy.next_u64()));
        let accepted = self.calls.count().await as u64;
        Ok(Batch::new(client, id, accepted))
    }
}

impl<'a, T: Task> IntoFuture for FanOut<'a, T> {
    type Output = Result<Batch<T::Output>, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
