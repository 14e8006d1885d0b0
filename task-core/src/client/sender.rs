//! Sends the calls of a `fan_out`. One parcel is filled while earlier ones are in flight; parcels filled meanwhile go
//! with the next send. The source is read no faster than that.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, TryFutureExt, future::BoxFuture};

use super::{
    Error,
    blocking::yield_now,
    patience::patiently,
    source::{Feed, Sink},
};
use crate::{
    id::BatchId,
    parcel::{Calls, Spec},
    ports::{Accept, Outgoing, Ports, SendError},
    protocol,
};

/// The most filled parcels that wait for the send in flight. Fewer if they reach the bytes of a send.
const WINDOW_PARCELS: usize = 256;

/// How long a partly filled parcel waits for a stream that yields nothing.
const LINGER: Duration = Duration::from_millis(100);

/// A `fan_out` that is being sent.
pub(super) struct Sender<'a> {
    pub(super) ports: &'a Ports,
    pub(super) spec: Spec,
    pub(super) batch: BatchId,
    pub(super) feed: Box<dyn Feed + 'a>,
    pub(super) sink: Sink,
    /// Whether parcels may be sent partly filled because the source is slow.
    pub(super) lingers: bool,
    /// The index of the first call in the sink.
    pub(super) next: u64,
    pub(super) window: Window,
}

/// Filled parcels that wait to be sent.
#[derive(Default)]
pub(super) struct Window {
    messages: Vec<Outgoing>,
    bytes: usize,
    calls: u64,
}

impl Window {
    fn has_room(&self, send_bytes: usize) -> bool {
        self.messages.is_empty() || self.bytes < send_bytes && self.messages.len() < WINDOW_PARCELS
    }
}

enum Event {
    /// The send in flight has ended.
    Sent(Result<u64, SendError>),
    /// The parcel is full (`true`), or the source has ended.
    Filled(bool),
    /// The parcel has waited long enough.
    Lingered,
}

/// A send in flight: returns the index up to which calls are accepted.
type Flight<'a> = BoxFuture<'a, Result<u64, SendError>>;

impl<'a> Sender<'a> {
    /// Skips the items that an earlier `fan_out` of this batch has sent.
    pub(super) async fn skip(&mut self, items: u64) -> Result<(), Error> {
        let mut left = items;
        while left > 0 {
            if !poll_fn(|cx| self.feed.poll_skip(cx, &mut left)).await {
                let why = format!(
                    "fan_out: batch {} has accepted {items} items, the source now has only {}: a key belongs to one \
                     source, whose items come in one order",
                    self.batch,
                    items - left
                );
                return Err(Error::Invalid { task: self.spec.task.as_ref().to_owned(), why });
            }
            yield_now().await;
        }
        self.next = items;
        Ok(())
    }

    /// Refuses a source that has more items than its closed batch has accepted.
    pub(super) async fn has_no_more_than(&mut self, items: u64) -> Result<(), Error> {
        let mut left = items.saturating_add(1);
        while left > 0 {
            if !poll_fn(|cx| self.feed.poll_skip(cx, &mut left)).await {
                return Ok(());
            }
            yield_now().await;
        }
        let why = format!(
            "fan_out: batch {} was sent to the end of its source, of {items} items, and the source now has more; nothing \
             was sent: another source needs another key",
            self.batch
        );
        Err(Error::Invalid { task: self.spec.task.as_ref().to_owned(), why })
    }

    /// Sends the rest of the source. Returns how many calls of the batch are accepted.
    pub(super) async fn run(mut self) -> Result<u64, Error> {
        let mut accepted = self.next;
        let mut flight: Option<Flight<'a>> = None;
        let mut linger: Option<BoxFuture<'static, ()>> = None;
        let mut open = true;
        let mut wrong = None;
        loop {
            if flight.is_none() && !self.window.messages.is_empty() {
                flight = Some(self.launch());
            }
            let reading = open && self.window.has_room(self.ports.profile.send_bytes);
            if flight.is_none() && !reading {
                break;
            }
            match poll_fn(|cx| self.poll_event(cx, &mut flight, reading, &mut linger)).await {
                Event::Sent(Ok(upto)) => {
                    flight = None;
                    accepted = upto;
                }
                Event::Sent(Err(error)) => {
                    wrong = Some(self.not_sent(error));
                    break;
                }
                Event::Filled(full) => {
                    wrong = self.sink.refused(&self.spec.task);
                    open = full && wrong.is_none();
                    linger = None;
                    self.pack();
                    // Encoding a parcel takes about a millisecond, and the runtime has other tasks.
                    yield_now().await;
                }
                Event::Lingered => {
                    linger = None;
                    self.pack();
                }
            }
        }
        match wrong {
            None => Ok(accepted),
            Some(source) => Err(Error::Stopped { batch: self.batch, accepted, source: Box::new(source) }),
        }
    }

    fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
        flight: &mut Option<Flight<'a>>,
        reading: bool,
        linger: &mut Option<BoxFuture<'static, ()>>,
    ) -> Poll<Event> {
        if let Some(Poll::Ready(sent)) = flight.as_mut().map(|flight| flight.poll_unpin(cx)) {
            return Poll::Ready(Event::Sent(sent));
        }
        if !reading {
            return Poll::Pending;
        }
        if let Poll::Ready(full) = self.feed.poll_fill(cx, &mut self.sink) {
            return Poll::Ready(Event::Filled(full));
        }
        if self.lingers && flight.is_none() && self.sink.packer().count() > 0 {
            let timer = linger.get_or_insert_with(|| self.ports.clock.sleep(LINGER));
            return timer.poll_unpin(cx).map(|()| Event::Lingered);
        }
        Poll::Pending
    }

    /// Moves the sink's calls into the window.
    fn pack(&mut self) {
        let calls = u64::from(self.sink.packer().count());
        if calls == 0 {
            return;
        }
        let which = Calls::counted(self.batch, self.next);
        let message = self.spec.encode(self.sink.packer(), self.ports.clock.now_ms(), which);
        self.sink.next();
        self.next += calls;
        self.window.calls += calls;
        self.window.bytes += message.body.len();
        self.window.messages.push(message);
    }

    /// Starts a send of the whole window.
    fn launch(&mut self) -> Flight<'a> {
        let Window { messages, calls, .. } = std::mem::take(&mut self.window);
        let accept = Accept { batch: self.batch, from: self.next - calls, upto: self.next, messages };
        let (ports, upto) = (self.ports, accept.upto);
        // Repeating the send is safe: the parcels keep their ids.
        let accepted = async move {
            patiently(&*ports.clock, SendError::may_pass, || protocol::accept(ports, accept.clone())).await
        };
        accepted.map_ok(move |()| upto).boxed()
    }

    fn not_sent(&self, error: SendError) -> Error {
        match error {
            SendError::Rejected(source) => Error::Rejected { task: self.spec.task.as_ref().to_owned(), source },
            SendError::Unknown(source) => Error::Port(source),
        }
    }
}
