//! The buffer in which concurrent `delay`s meet. A push is one lock and, for the first call of a flush, one wake;
//! there is no timer that a lone call would wait for.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use tokio::sync::{Notify, oneshot};

use super::{flusher, spec::Spec};
use crate::{
    id::{BatchId, TaskId},
    ports::{Outgoing, Ports, SendError},
};

/// How many bytes of arguments may wait to be sent. Beyond that, further calls wait until a flush has taken them.
const BUFFER_BYTES: usize = 64 << 20;

/// A call that waits to be packed.
pub(super) struct PendingCall {
    pub(super) spec: Spec,
    /// How many calls its parcel may have.
    pub(super) parcel_calls: u32,
    /// The batch of a call with a key, which has a parcel of its own.
    pub(super) unique: Option<BatchId>,
    pub(super) args: Vec<u8>,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// What becomes of a call that was handed over.
pub(super) type Reply = Result<TaskId, Box<Lost>>;

/// A call whose parcel was not acknowledged.
pub(super) struct Lost {
    pub(super) id: TaskId,
    pub(super) message: Outgoing,
    pub(super) error: SendError,
}

/// What becomes of a push.
pub(super) enum Push {
    /// A flush will take it, whatever becomes of the future that waits for the reply.
    Taken,
    /// There is no room: the waker is woken when there is.
    Full(PendingCall),
    /// The thread that flushes cannot be started.
    Failed(io::Error),
}

/// Where calls are handed over. Dropping it ends the flusher's thread once it has sent what is there.
pub(super) struct Coalescer {
    ports: Arc<Ports>,
    buffer: Arc<Buffer>,
}

impl Coalescer {
    pub(super) fn new(ports: Arc<Ports>) -> Self {
        Self { ports, buffer: Arc::default() }
    }

    /// Hands a call to the flusher, whose thread starts with the first.
    pub(super) fn push(&self, call: PendingCall, waker: &Waker) -> Push {
        self.buffer.push(call, waker, || flusher::start(Arc::clone(&self.buffer), Arc::clone(&self.ports)))
    }
}

impl Drop for Coalescer {
    fn drop(&mut self) {
        self.buffer.lock().closed = true;
        self.buffer.wake.notify_one();
    }
}

/// What pushers and the flusher share.
#[derive(Default)]
pub(super) struct Buffer {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    calls: Vec<PendingCall>,
    bytes: usize,
    waiting: Vec<Waker>,
    running: bool,
    closed: bool,
}

impl Buffer {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic is done under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, call: PendingCall, waker: &Waker, start: impl FnOnce() -> io::Result<()>) -> Push {
        let mut state = self.lock();
        if state.bytes >= BUFFER_BYTES {
            state.waiting.push(waker.clone());
            return Push::Full(call);
        }
        if !state.running {
            if let Err(error) = start() {
                return Push::Failed(error);
            }
            state.running = true;
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

    /// Takes all calls, and says whether more may come.
    pub(super) fn take(&self) -> (Vec<PendingCall>, bool) {
        let mut state = self.lock();
        state.bytes = 0;
        let next = Vec::with_capacity(state.calls.len());
        let calls = std::mem::replace(&mut state.calls, next);
        let waiting = std::mem::take(&mut state.waiting);
        let open = !state.closed;
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        (calls, open)
    }

    /// Waits until there may be calls to take, or until no more may come.
    pub(super) async fn filled(&self) {
        self.wake.notified().await;
    }

    /// The flusher's thread has ended: the next push starts another. What it left is dropped, not sent.
    pub(super) fn ended(&self) {
        self.lock().running = false;
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        task::Wake,
    };

    use super::*;
    use crate::{client::CallOptions, task::Options};

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    fn call(bytes: usize) -> PendingCall {
        let spec = Spec::new("mail.send", &Options::new(), &CallOptions::default(), 0).unwrap();
        let (reply, _) = oneshot::channel();
        PendingCall { spec, parcel_calls: 1, unique: None, args: vec![0; bytes], reply }
    }

    #[test]
    fn a_full_buffer_makes_further_calls_wait_until_it_is_taken() {
        let (buffer, woken) = (Buffer::default(), Arc::new(Counter::default()));
        let waker = Waker::from(Arc::clone(&woken));
        let push = |bytes| buffer.push(call(bytes), &waker, || Ok(()));
        assert!(matches!(push(BUFFER_BYTES - 1), Push::Taken));
        assert!(matches!(push(1000), Push::Taken), "what goes over the limit still goes in");
        assert!(matches!(push(1), Push::Full(_)) && matches!(push(1), Push::Full(_)));
        assert_eq!(woken.0.load(Relaxed), 0);
        assert_eq!(buffer.take().0.len(), 2);
        assert_eq!(woken.0.load(Relaxed), 2);
        assert!(matches!(push(1), Push::Taken));
    }

    #[test]
    fn a_thread_that_cannot_start_is_tried_again_with_the_next_call() {
        let buffer = Buffer::default();
        let waker = Waker::noop();
        let refuse = || Err(io::Error::other("no more threads"));
        assert!(matches!(buffer.push(call(1), waker, refuse), Push::Failed(_)));
        assert!(matches!(buffer.push(call(1), waker, || Ok(())), Push::Taken));
        assert!(matches!(buffer.push(call(1), waker, refuse), Push::Taken), "it runs");
        buffer.ended();
        assert!(buffer.take().0.is_empty());
        assert!(matches!(buffer.push(call(1), waker, refuse), Push::Failed(_)));
    }
}
