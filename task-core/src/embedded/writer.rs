//! The thread that writes: group commit.
//!
//! Whatever waits when a transaction begins goes into it, up to a bound on bytes and operations, and is answered
//! when it is committed. An operation that fails takes the others back with it, so they are then run one by one,
//! and each gets the answer it would have got alone.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    sync::mpsc,
    thread::JoinHandle,
};

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::{Notify, oneshot};

use super::{
    error::{Faults, beside},
    turnstile::Turnstile,
};
use crate::ports::PortError;

/// The most bytes of one transaction, if it has more than one operation: a commit takes about a millisecond then,
/// which is what another process waits at most for its turn.
const GROUP_BYTES: usize = 2 << 20;

/// The most operations of one transaction.
const GROUP_OPERATIONS: usize = 256;

/// What committing an operation asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Whether it must be on the disk before it is answered. If not, it is lost when the machine dies, and then
    /// whoever was given something by it is dead too.
    pub(super) durable: bool,
    /// About how many bytes it writes.
    pub(super) bytes: usize,
}

impl Cost {
    /// A small write that may be lost with the machine.
    pub(super) const VOLATILE: Self = Self { durable: false, bytes: 512 };

    /// A durable write of about so many bytes.
    pub(super) fn durable(bytes: usize) -> Self {
        Self { durable: true, bytes: bytes + 512 }
    }
}

/// The transaction that an operation runs in.
pub(super) struct Tx<'a> {
    /// The connection.
    pub(super) db: &'a Connection,
    queues: &'a mut HashMap<Arc<str>, i64>,
    wakes: bool,
}

impl Tx<'_> {
    /// The number of a queue, new or known.
    pub(super) fn queue(&mut self, name: &Arc<str>) -> rusqlite::Result<i64> {
        if let Some(id) = self.queues.get(name) {
            return Ok(*id);
        }
        let mut find = self.db.prepare_cached("SELECT id FROM queue WHERE name = ?1")?;
        let found = find.query_row([name.as_ref()], |row| row.get(0)).optional()?;
        let id = if let Some(id) = found {
            id
        } else {
            self.db.prepare_cached("INSERT INTO queue (name) VALUES (?1)")?.insert([name.as_ref()])?
        };
        self.queues.insert(name.clone(), id);
        Ok(id)
    }

    /// Says that there is something new to receive.
    pub(super) fn wake(&mut self) {
        self.wakes = true;
    }
}

/// Hands operations to the thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    sender: Option<mpsc::Sender<Pending>>,
    thread: Option<JoinHandle<()>>,
    faults: Faults,
}

impl Writer {
    /// Starts the thread. `wake` is notified when there is something new to receive.
    pub(super) fn start(
        db: Connection,
        turnstile: Turnstile,
        locks: &Path,
        faults: Faults,
        wake: Arc<Notify>,
    ) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let locks = locks.to_owned();
        let mut thread =
            Thread { db, turnstile, locks, faults: faults.clone(), wake, queues: HashMap::new(), durable: None };
        let thread =
            std::thread::Builder::new().name("celeriac-writer".to_owned()).spawn(move || thread.run(&receiver))?;
        Ok(Self { sender: Some(sender), thread: Some(thread), faults })
    }

    /// Runs `work` in a transaction. It may be run more than once, each time after what it did was undone.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        cost: Cost,
        work: impl FnMut(&mut Tx<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        let (reply, answer) = oneshot::channel();
        let operation = Box::new(Work { run: work, done: None, reply });
        let sent = self.sender.as_ref().map(|sender| sender.send(Pending { operation, cost }));
        match (sent, answer.await) {
            (Some(Ok(())), Ok(answer)) => answer,
            _ => Err(self.faults.stopped()),
        }
    }
}

impl Drop for Writer {
    /// Waits until what was handed over is written.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Pending {
    operation: Box<dyn Operation>,
    cost: Cost,
}

/// One operation, its type hidden.
trait Operation: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()>;
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
        // Whoever asked may have stopped waiting: what was done is done.
        let _ = self.reply.send(outcome.map(|()| done.expect("an operation whose transaction is committed has run")));
    }
}

struct Thread {
    db: Connection,
    turnstile: Turnstile,
    locks: PathBuf,
    faults: Faults,
    wake: Arc<Notify>,
    queues: HashMap<Arc<str>, i64>,
    durable: Option<bool>,
}

impl Thread {
    fn run(&mut self, receiver: &mpsc::Receiver<Pending>) {
        let mut group = Vec::new();
        while let Ok(first) = receiver.recv() {
            let mut bytes = first.cost.bytes;
            group.push(first);
            while bytes < GROUP_BYTES && group.len() < GROUP_OPERATIONS {
                let Ok(next) = receiver.try_recv() else { break };
                bytes += next.cost.bytes;
                group.push(next);
            }
            match self.commit(&mut group) {
                Ok(()) => answer(&mut group, &Ok(())),
                Err(error) if group.len() == 1 => answer(&mut group, &Err(error)),
                Err(PortError::Unknown { what, source }) => {
                    answer(&mut group, &Err(PortError::Unknown { what, source }));
                }
                Err(_) => {
                    for alone in group.drain(..) {
                        let mut alone = vec![alone];
                        let outcome = self.commit(&mut alone);
                        answer(&mut alone, &outcome);
                    }
                }
            }
        }
    }

    fn commit(&mut self, group: &mut [Pending]) -> Result<(), PortError> {
        let durable = group.iter().any(|pending| pending.cost.durable);
        let turn = self.turnstile.pass().map_err(|error| beside(&self.locks, error))?;
        let (wakes, committed) = match begin(&self.db, &mut self.durable, durable)
            .and_then(|()| run_all(&self.db, &mut self.queues, group))
        {
            Ok(wakes) => (wakes, execute(&self.db, "COMMIT").map_err(|error| self.faults.commit(error))),
            Err(error) => (false, Err(self.faults.undone(error))),
        };
        if committed.is_err() {
            self.queues.clear();
            if !self.db.is_autocommit() {
                // A rollback that fails leaves the transaction to the next `BEGIN`, which then fails too.
                let _ = execute(&self.db, "ROLLBACK");
            }
        }
        drop(turn);
        if wakes && committed.is_ok() {
            self.wake.notify_waiters();
        }
        committed
    }
}

fn begin(db: &Connection, was: &mut Option<bool>, durable: bool) -> rusqlite::Result<()> {
    if *was != Some(durable) {
        db.execute_batch(if durable { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" })?;
        *was = Some(durable);
    }
    execute(db, "BEGIN IMMEDIATE")
}

fn run_all(db: &Connection, queues: &mut HashMap<Arc<str>, i64>, group: &mut [Pending]) -> rusqlite::Result<bool> {
    let mut tx = Tx { db, queues, wakes: false };
    group.iter_mut().try_for_each(|pending| pending.operation.run(&mut tx))?;
    Ok(tx.wakes)
}

fn execute(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn answer(group: &mut Vec<Pending>, outcome: &Result<(), PortError>) {
    for pending in group.drain(..) {
        pending.operation.answer(outcome.clone());
    }
}
