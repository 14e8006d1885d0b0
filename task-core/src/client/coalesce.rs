//! The buffer that gathers concurrent `delay`s. A push takes one lock, and the first call of a flush one wake. No timer
//! delays a lone call: when nothing else is in flight, the future that waits for the call sends it itself.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use futures::stream::FuturesUnordered;
use tokio::sync::{Notify, oneshot};

use super::{
    Error,
    flusher::{self, Background, Flight},
};
use crate::{
    id::TaskId,
    parcel::Spec,
    ports::{Outgoing, Ports, SendError},
};

/// A call that waits to be packed.
pub(super) struct PendingCall {
    pub(super) spec: Spec,
    /// How many calls its parcel may have.
    pub(super) parcel_calls: u32,
    /// The key, if the call has one. A call with a key gets its own parcel.
    pub(super) key: Option<String>,
    pub(super) args: Vec<u8>,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// The outcome of a call that was pushed.
pub(super) type Reply = Result<TaskId, Box<NotSent>>;

/// Why a call was not accepted.
pub(super) enum NotSent {
    /// Its parcel was not acknowledged.
    Lost(Lost),
    /// It was not sent.
    Refused(Error),
}

/// A call whose parcel was not acknowledged.
pub(super) struct Lost {
    pub(super) id: TaskId,
    pub(super) message: Outgoing,
    pub(super) error: SendError,
}

/// The outcome of a push.
pub(super) enum Push {
    /// A flush will take the call, even if the future that waits for the reply is dropped.
    Taken,
    /// Nothing else is in flight: the caller sends the call itself, then reports that it has
    /// [landed](Coalescer::landed).
    Alone(PendingCall),
    /// The buffer is full: the waker is called when there is room.
    Full(PendingCall),
    /// The flusher's thread cannot be started.
    Failed(io::Error),
}

/// Takes calls from callers. When it is dropped, the flusher's thread sends the calls it has and ends.
pub(super) struct Coalescer {
    ports: Arc<Ports>,
    buffer: Arc<Buffer>,
    background: Background,
}

impl Coalescer {
    pub(super) fn new(ports: Arc<Ports>, background: Background) -> Self {
        let buffer = Arc::new(Buffer::new(ports.profile.buffer_bytes));
        Self { ports, buffer, background }
    }

    /// Hands a call to the flusher. Its thread starts with the first call that is not alone.
    pub(super) fn push(&self, call: PendingCall, waker: &Waker) -> Push {
        self.buffer.push(call, waker, || self.start())
    }

    /// Reports that the lone call's send has ended, or that its caller no longer waits; then the flusher finishes the
    /// send.
    pub(super) fn landed(&self, left: Option<Flight>) {
        self.buffer.landed(left, || self.start());
    }

    /// How many bytes of arguments wait to be sent.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.buffer.lock().bytes
    }

    fn start(&self) -> io::Result<()> {
        (self.background)(Box::pin(flusher::run(Arc::clone(&self.buffer), Arc::clone(&self.ports))))
    }
}

impl Drop for Coalescer {
    fn drop(&mut self) {
        self.buffer.lock().closed = true;
        self.buffer.wake.notify_one();
    }
}

/// The state that pushers and the flusher share.
pub(super) struct Buffer {
    state: Mutex<State>,
    wake: Notify,
    /// How many bytes of arguments may wait to be sent.
    most_bytes: usize,
}

#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
struct State {
    calls: Vec<PendingCall>,
    bytes: usize,
    waiting: Vec<Waker>,
    /// A caller is sending its lone call.
    alone: bool,
    /// The flusher is sending.
    flying: bool,
    /// Sends of lone calls whose callers no longer wait.
    left: Vec<Flight>,
    running: bool,
    closed: bool,
}

impl Buffer {
    fn new(most_bytes: usize) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), most_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code under this lock can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, call: PendingCall, waker: &Waker, start: impl FnOnce() -> io::Result<()>) -> Push {
        let mut state = self.lock();
        if state.bytes >= self.most_bytes && !state.calls.is_empty() {
            state.waiting.push(waker.clone());
            return Push::Full(call);
        }
        if !state.alone && !state.flying && state.calls.is_empty() {
            state.alone = true;
            return Push::Alone(call);
        }
        if let Err(error) = state.run(start) {
            return Push::Failed(error);
        }
        let first = state.calls.is_empty();
        state.bytes += call.args.len();
        state.calls.push(call);
        drop(state);
        if first {
            self.wake.notify_one();
        }
        Push::Taken
    }

    fn landed(&self, left: Option<Flight>, start: impl FnOnce() -> io::Result<()>) {
        let mut state = self.lock();
        state.alone = false;
        let Some(left) = left else { return };
        match state.run(start) {
            Ok(()) => state.left.push(left),
            Err(error) => tracing::error!(%error, "cannot start a thread to send a call whose caller no longer waits"),
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Takes all calls, moves the abandoned sends to `flights`, and returns whether more calls may come.
    pub(super) fn take(&self, flights: &mut FuturesUnordered<Flight>) -> (Vec<PendingCall>, bool) {
        let mut state = self.lock();
        flights.extend(state.left.drain(..));
        state.flying = !state.calls.is_empty() || !flights.is_empty();
        state.bytes = 0;
        let next = Vec::with_capacity(state.calls.len());
        let calls = std::mem::replace(&mut state.calls, next);
        let waiting = std::mem::take(&mut state.waiting);
        let open = !state.closed;
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        (calls, open)
    }

    /// Waits until there may be calls to take, or until no more can come.
    pub(super) async fn filled(&self) {
        self.wake.notified().await;
    }

    /// The flusher's thread has ended: the next push starts another. Its unsent calls are dropped.
    pub(super) fn ended(&self) {
        self.lock().running = false;
        drop(self.take(&mut FuturesUnordered::new()));
        self.lock().flying = false;
    }
}

impl State {
    fn run(&mut self, start: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if !self.running {
            start()?;
            self.running = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        task::Wake,
    };

    use super::*;
    use crate::task::Options;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    fn call(bytes: usize) -> PendingCall {
        let spec = Spec::of("mail.send", &Options::new(), 0);
        let (reply, _) = oneshot::channel();
        PendingCall { spec, parcel_calls: 1, key: None, args: vec![0; bytes], reply }
    }

    /// The most bytes that may wait here.
    const MOST_BYTES: usize = 64 << 10;

    /// A buffer whose lone call is in flight, so that further calls go to the flusher.
    fn busy() -> Buffer {
        let buffer = Buffer::new(MOST_BYTES);
        assert!(matches!(buffer.push(call(1), Waker::noop(), || Ok(())), Push::Alone(_)));
        buffer
    }

    fn taken(buffer: &Buffer) -> usize {
        buffer.take(&mut FuturesUnordered::new()).0.len()
    }

    #[test]
    fn a_call_is_alone_when_nothing_else_is_in_flight() {
        let buffer = busy();
        let push = || buffer.push(call(1), Waker::noop(), || Ok(()));
        assert!(matches!(push(), Push::Taken), "another one is in flight");
        buffer.landed(None, || Ok(()));
        assert!(matches!(push(), Push::Taken), "another one waits to be flushed");
        let mut flights = FuturesUnordered::new();
        assert_eq!(buffer.take(&mut flights).0.len(), 2);
        assert!(matches!(push(), Push::Taken), "the flusher is sending");
        assert_eq!(taken(&buffer), 1);
        assert_eq!(taken(&buffer), 0);
        assert!(matches!(push(), Push::Alone(_)));
    }

    #[test]
    fn the_thread_finishes_the_send_of_an_abandoned_lone_call() {
        let buffer = busy();
        buffer.landed(Some(Box::pin(std::future::ready(()))), || Ok(()));
        let mut flights = FuturesUnordered::new();
        assert_eq!(buffer.take(&mut flights).0.len(), 0);
        assert_eq!(flights.len(), 1);
    }

    #[test]
    fn a_full_buffer_makes_further_calls_wait_until_it_is_taken() {
        let (buffer, woken) = (busy(), Arc::new(Counter::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let push = |bytes| buffer.push(call(bytes), &waker, || Ok(()));
        assert!(matches!(push(MOST_BYTES - 1), Push::Taken));
        assert!(matches!(push(1000), Push::Taken), "the call that exceeds the limit is still taken");
        assert!(matches!(push(1), Push::Full(_)) && matches!(push(1), Push::Full(_)));
        assert_eq!(woken.0.load(Relaxed), 0);
        assert_eq!(taken(&buffer), 2);
        assert_eq!(woken.0.load(Relaxed), 2);
        assert!(matches!(push(1), Push::Taken));
    }

    #[test]
    fn a_thread_that_cannot_start_is_tried_again_with_the_next_call() {
        let buffer = busy();
        let waker = Waker::noop();
        let refuse = || Err(io::Error::other("no more threads"));
        assert!(matches!(buffer.push(call(1), waker, refuse), Push::Failed(_)));
        assert!(matches!(buffer.push(call(1), waker, || Ok(())), Push::Taken));
        assert!(matches!(buffer.push(call(1), waker, refuse), Push::Taken), "it runs");
        buffer.ended();
        assert_eq!(taken(&buffer), 0);
        assert!(matches!(buffer.push(call(1), waker, refuse), Push::Failed(_)), "it has to be started again");
    }
}
