//! Sends many calls of one task as one batch.

use std::{fmt, future::IntoFuture, marker::PhantomData, time::Duration};

use futures::future::BoxFuture;

use super::{
    Batch, CallOptions, Client, Error, Source,
    blocking::{block_on, yield_now},
    flusher::new_batch,
    patience::patiently,
    sender::{Sender, Window},
    source::{Feed, Sink},
    spec::spec,
};
use crate::{
    id::BatchId,
    lane::Lane,
    parcel::{Calls, Packing},
    planner::{self, Plan},
    ports::{NewBatch, PortError, Profile},
    protocol,
    task::{Options, Task},
};

/// Many calls of one task, not sent yet. Awaiting it sends them.
///
/// The source is read only as fast as its calls are sent, and is never whole in memory. Calls run while the source is
/// still being read. An iterator is read on the thread that awaits this future, which yields to other tasks after each
/// parcel; an iterator that blocks for long needs its own thread. When a stream yields nothing for 100 ms, the items it
/// has yielded are sent. Runs on any executor.
#[must_use = "nothing is sent until it is awaited"]
pub struct FanOut<'a, T: Task> {
    request: Request<'a>,
    output: PhantomData<fn() -> T>,
}

/// The part of a `fan_out` that does not depend on the task.
struct Request<'a> {
    task: &'static str,
    options: Options,
    feed: Box<dyn Feed + 'a>,
    client: Option<Client>,
    name: Option<String>,
    call: CallOptions,
}

impl<'a, T: Task> FanOut<'a, T> {
    /// The calls of this source.
    pub fn new<M>(source: impl Source<'a, T, M>) -> Self {
        let request = Request {
            task: T::NAME,
            options: T::OPTIONS,
            feed: source.into_feed(),
            client: None,
            name: None,
            call: CallOptions::default(),
        };
        Self { request, output: PhantomData }
    }

    /// The batch's name, for people. Defaults to the task's name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.request.name = Some(name.into());
        self
    }

    /// A key, which makes this batch resumable: sent again with the same key, it skips the items that are already
    /// accepted and continues with the next. The source must yield the same items in the same order, since only their
    /// number is compared. What a second `fan_out` sends depends on the batch:
    ///
    /// - its source was not read to the end: the items that are not accepted yet;
    /// - its source was read to the end: nothing, as [`Batch::sent`] reports, even if some of its calls failed; a
    ///   source with more items is refused, since it needs another key;
    /// - it is revoked: nothing, and the error is [`Error::Revoked`]; [`Batch::reinstate`] lifts the revocation.
    ///
    /// Each task has its own keys, separate from those of single calls. A key holds as long as the batch's record: for
    /// good. Defaults to none.
    pub fn unique(mut self, key: impl Into<String>) -> Self {
        self.request.call.unique = Some(key.into());
        self
    }

    /// The queue to send to. 1 to 80 letters, digits, `_` or `-`. Defaults to the task's queue.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.request.call.queue = Some(queue.into());
        self
    }

    /// The tenant that the calls are made for, as in [`Call::tenant`](super::Call::tenant). Defaults to none.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.request.call.tenant = Some(tenant.into());
        self
    }

    /// The lane of the queue that the calls wait in. A `fan_out` of few calls that a person waits for, such as the pages
    /// of one document, sends them with [`Lane::Interactive`]; with many, every single call of the queue waits behind
    /// them. Retries stay in the lane. Dead letters go back to the usual lane when they are retried. Defaults to
    /// [`Lane::Bulk`].
    pub fn lane(mut self, lane: Lane) -> Self {
        self.request.call.lane = Some(lane);
        self
    }

    /// Runs the calls no earlier than this long after now. At most ten years. Defaults to at once.
    pub fn countdown(mut self, countdown: Duration) -> Self {
        self.request.call.countdown = Some(countdown);
        self
    }

    /// How long after now a call may still be started. After that it becomes a dead letter. Defaults to the task's
    /// `expires`.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.request.call.expires = Some(expires);
        self
    }

    /// Sends with this client. Defaults to the [ambient](Client::ambient) one.
    pub fn on(mut self, client: &Client) -> Self {
        self.request.client = Some(client.clone());
        self
    }

    /// Reads the source to its end and returns a plan of the sending. Sends nothing and opens no file.
    ///
    /// # Errors
    /// [`Error::Item`] for the first item that cannot be sent.
    pub async fn plan(self) -> Result<Plan, Error> {
        self.request.plan().await
    }

    /// Sends the calls. Returns when all are accepted, not when they have run.
    ///
    /// # Errors
    /// [`Error::Stopped`] says how many calls were accepted before the failure.
    pub async fn send(self) -> Result<Batch<T::Output>, Error> {
        let Sent { client, id, name, accepted, new } = self.request.send().await?;
        Ok(Batch::new(client, id, name, accepted, new))
    }

    /// Sends the calls as [`send`](Self::send) does, from code that is not async: blocks this thread until all are
    /// accepted.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub fn blocking_send(self) -> Result<Batch<T::Output>, Error> {
        block_on(self.send())
    }
}

impl<'a, T: Task> IntoFuture for FanOut<'a, T> {
    type Output = Result<Batch<T::Output>, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { request, .. } = self;
        Box::pin(async {
            let Sent { client, id, name, accepted, new } = request.send().await?;
            Ok(Batch::new(client, id, name, accepted, new))
        })
    }
}

/// The outcome of a `fan_out`.
struct Sent {
    client: Client,
    id: BatchId,
    name: String,
    accepted: u64,
    /// How many of them this request has sent.
    new: u64,
}

impl Request<'_> {
    async fn send(self) -> Result<Sent, Error> {
        let client = self.client.map_or_else(Client::ambient, Ok)?;
        let ports = client.ports();
        let now_ms = ports.clock.now_ms();
        let spec = spec(self.task, &self.options, &self.call, now_ms)?;
        let key = self.call.unique.as_deref();
        let id = key.map_or_else(|| new_batch(ports), |key| batch_of(self.task, key));
        let name = self.name.unwrap_or_else(|| self.task.to_owned());
        let batch = NewBatch { id, name, task: self.task.to_owned(), created_ms: now_ms, callback: None };
        let record = ports.batches.open(batch).await?;
        let name = record.name;
        if record.revoked {
            return Err(Error::Revoked { batch: id, name });
        }
        let sink = Sink::new(packing(&self.options, ports.profile, self.feed.count()));
        // Parcels that are sent again must be identical. If the batch's mark does not move in the same write as the
        // send, a resumable batch is cut by its items alone, never by time.
        let lingers = key.is_none() || ports.atomic.is_some();
        let window = Window::default();
        let mut sender = Sender { ports, spec, batch: id, feed: self.feed, sink, lingers, next: 0, window };
        if record.closed {
            sender.has_no_more_than(record.accepted).await?;
            drop(sender);
            return Ok(Sent { client, id, name, accepted: record.accepted, new: 0 });
        }
        sender.skip(record.accepted).await?;
        let accepted = sender.run().await?;
        let close = || ports.batches.close(id, ports.clock.now_ms());
        if let Some(owed) = patiently(&*ports.clock, PortError::may_pass, close).await? {
            protocol::pay(ports, owed.batch, owed.message).await?;
        }
        Ok(Sent { client, id, name, accepted, new: accepted.saturating_sub(record.accepted) })
    }

    async fn plan(mut self) -> Result<Plan, Error> {
        let client = self.client.or_else(Client::present);
        let profile = client.map_or(planner::PROFILE, |client| client.ports().profile);
        let spec = spec(self.task, &self.options, &self.call, 0)?;
        let packing = packing(&self.options, profile, self.feed.count());
        let mut sink = Sink::new(packing);
        let mut plan = Plan::new(self.task, &self.options, profile);
        loop {
            let more = std::future::poll_fn(|cx| self.feed.poll_fill(cx, &mut sink)).await;
            let calls = sink.packer().count();
            if let Some(error) = sink.refused(self.task) {
                return Err(Error::Item { item: plan.calls + u64::from(calls), source: Box::new(error) });
            }
            if calls > 0 {
                let args_bytes = sink.packer().bytes();
                let which = Calls::counted(BatchId::from_key(self.task, ""), plan.calls);
                let parcel = spec.encode(sink.packer(), 0, which);
                plan.add(calls, args_bytes, parcel.body.len());
                sink.next();
            }
            if !more {
                return Ok(plan);
            }
            yield_now().await;
        }
    }
}

fn packing(options: &Options, profile: Profile, count: Option<u64>) -> Packing {
    Packing::of(profile, planner::calls_per_parcel(options, profile, count))
}

/// The batch of a key. A single call with the same key has another id.
fn batch_of(task: &str, key: &str) -> BatchId {
    BatchId::from_key(task, &format!("fan_out\0{key}"))
}

impl<T: Task> fmt::Debug for FanOut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FanOut({}, {:?}, {:?})", T::NAME, self.request.name, self.request.call)
    }
}
