//! Hands operations to the thread that writes, each with its own typed answer.

use std::{
    io,
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
};

use tokio::sync::oneshot;

use super::{committer::Committer, error::Faults, transaction::Tx};
use celeriac_core::ports::{PortError, blocks_here};

/// The most bytes of an operation that is committed on its caller's thread. While larger ones are written, a `fan_out`
/// prepares the next.
const ON_CALLER_BYTES: usize = 64 << 10;

/// The cost of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Whether it must be on the disk before it is answered. If not, it is lost when the machine dies, and the
    /// processes that got its result die too.
    pub(super) durable: bool,
    /// About how many bytes it writes.
    pub(super) bytes: usize,
}

impl Cost {
    /// A small write that may be lost with the machine.
    pub(super) const VOLATILE: Self = Self { durable: false, bytes: 512 };

    /// A durable write of about this many bytes.
    pub(super) fn durable(bytes: usize) -> Self {
        Self { durable: true, bytes: bytes + 512 }
    }
}

/// Hands operations to the thread that writes.
pub(super) struct Writer {
    committer: Arc<Mutex<Committer>>,
    sender: Option<mpsc::Sender<Pending>>,
    thread: Option<JoinHandle<()>>,
    faults: Faults,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(committer: Committer, faults: Faults) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let committer = Arc::new(Mutex::new(committer));
        let served = Arc::clone(&committer);
        let serve = move || Committer::serve(&served, &receiver);
        let thread = std::thread::Builder::new().name("celeriac-writer".to_owned()).spawn(serve)?;
        Ok(Self { committer, sender: Some(sender), thread: Some(thread), faults })
    }

    /// A way to hand over operations without waiting for them.
    pub(super) fn errands(&self) -> Errands {
        Errands(self.sender.clone())
    }

    /// Runs `work` in a transaction. It may run more than once, each time after its effects were rolled back.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        cost: Cost,
        work: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        let (reply, answer) = oneshot::channel();
        // A caller whose thread blocks anyway commits on it, which saves two changes of threads: on a busy machine each
        // may wait for some milliseconds. If another thread is committing, the next group is worth more.
        if cost.bytes <= ON_CALLER_BYTES
            && blocks_here()
            && let Ok(mut committer) = self.committer.try_lock()
        {
            committer.commit_and_answer(&mut vec![Pending::new(cost, work, reply)]);
        } else {
            hand_over(self.sender.as_ref(), cost, work, reply);
        }
        // An operation that cannot be handed over is dropped, and its reply with it.
        answer.await.unwrap_or_else(|_| Err(self.faults.stopped()))
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Drop for Writer {
    /// Waits until all operations handed over are written.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Hands over operations without waiting for them.
#[derive(Clone, Debug)]
pub(super) struct Errands(Option<mpsc::Sender<Pending>>);

impl Errands {
    /// As [`Writer::run`], without the answer.
    pub(super) fn post(&self, cost: Cost, work: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<()> + Send + 'static) {
        hand_over(self.0.as_ref(), cost, work, oneshot::channel().0);
    }
}

fn hand_over<T: Send + 'static>(
    sender: Option<&mpsc::Sender<Pending>>,
    cost: Cost,
    work: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    reply: oneshot::Sender<Result<T, PortError>>,
) {
    if let Some(sender) = sender {
        let _ = sender.send(Pending::new(cost, work, reply));
    }
}

/// An operation that waits to run.
pub(super) struct Pending {
    pub(super) operation: Box<dyn Operation>,
    pub(super) cost: Cost,
}

impl Pending {
    fn new<T: Send + 'static>(
        cost: Cost,
        run: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
        reply: oneshot::Sender<Result<T, PortError>>,
    ) -> Self {
        Self { operation: Box::new(Work { run, done: None, reply }), cost }
    }
}

/// One operation of any type.
pub(super) trait Operation: Send {
    /// Runs it, perhaps again after its effects were rolled back.
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()>;

    /// Tells the caller how it ended.
    fn answer(self: Box<Self>, outcome: Result<(), PortError>);
}

struct Work<F, T> {
    run: F,
    done: Option<T>,
    reply: oneshot::Sender<Result<T, PortError>>,
}

impl<T: Send, F: FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send> Operation for Work<F, T> {
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        self.done = Some((self.run)(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), PortError>) {
        let done = self.done;
        // The caller may have stopped waiting; the work is done all the same.
        let _ = self.reply.send(outcome.map(|()| done.expect("an operation whose transaction is committed has run")));
    }
}
