//! Ports in memory, whose sends can be held back and made to fail.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use celeriac_core::{
    client::Client,
    id::{BatchId, ParcelId, TaskId},
    parcel::Parcel,
    planner,
    ports::{
        BatchRecord, Batches, Checkpoint, Claim, ClaimRequest, DeadLetter, DeadLetters, DeadQuery, Delivery, Depth,
        Entropy, Failure, Finish, Ledger, NewBatch, Outgoing, Owed, PortError, Ports, Profile, Queue, Receive, Record,
        Removal, Row, Schedules, Seal, SendError, Settlement, SystemClock, Threads,
    },
};
use futures::{FutureExt, future::BoxFuture};
use tokio::sync::watch;

/// The requests that the ports got, and the answers they will give.
#[derive(Default)]
pub struct Memory {
    state: Mutex<State>,
    held: watch::Sender<bool>,
}

#[derive(Default)]
pub struct State {
    /// Each send, and the parcels in it.
    pub sends: Vec<Vec<Outgoing>>,
    /// The answers of the next sends. Later sends succeed.
    pub answers: VecDeque<SendError>,
    /// The next send panics.
    pub panics: bool,
    /// The next send answers for fewer messages than it was given.
    pub falls_short: bool,
    /// The same for the marks of batches.
    pub mark_answers: VecDeque<PortError>,
    pub batches: BTreeMap<BatchId, BatchRecord>,
    pub rows: BTreeMap<ParcelId, Row>,
    pub results: BTreeMap<u64, Bytes>,
    pub history: Vec<Failure>,
    pub letters: Vec<DeadLetter>,
    pub removed: Vec<(TaskId, u64, Removal)>,
}

/// Random bits that are the same in every run.
struct Counting(Mutex<u64>);

impl Entropy for Counting {
    fn next_u64(&self) -> u64 {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        *count
    }
}

/// A client and the memory behind it.
pub fn client() -> (Client, Arc<Memory>) {
    client_with(256 << 10)
}

pub fn client_with(message_bytes: usize) -> (Client, Arc<Memory>) {
    let memory = Arc::new(Memory::default());
    (Client::new(ports(&memory, message_bytes)), memory)
}

pub fn ports(memory: &Arc<Memory>, message_bytes: usize) -> Ports {
    Ports {
        queue: memory.clone(),
        ledger: memory.clone(),
        batches: memory.clone(),
        dead_letters: memory.clone(),
        schedules: memory.clone(),
        atomic: None,
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(Counting(Mutex::new(0))),
        blocking: Arc::new(Threads),
        profile: Profile { message_bytes, call_bytes: message_bytes, ..planner::PROFILE },
        url: None,
    }
}

impl Memory {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Sends are received but not acknowledged until [`Self::release`].
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// All parcels sent, in order.
    pub fn parcels(&self) -> Vec<Parcel> {
        self.state().sends.iter().flatten().map(|message| Parcel::open(&message.body).unwrap()).collect()
    }

    /// Waits until this many sends have begun.
    pub async fn sends(&self, count: usize) {
        while self.state().sends.len() < count {
            tokio::task::yield_now().await;
        }
    }
}

impl Queue for Memory {
    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        async move {
            let mut count = messages.len();
            let answer = {
                let mut state = self.state();
                state.sends.push(messages);
                if std::mem::take(&mut state.panics) {
                    drop(state);
                    panic!("a bug in the queue");
                }
                count -= usize::from(std::mem::take(&mut state.falls_short));
                state.answers.pop_front().map_or(Ok(()), Err)
            };
            self.held.subscribe().wait_for(|held| !held).await.unwrap();
            vec![answer; count]
        }
        .boxed()
    }

    fn receive(&self, _: Receive) -> BoxFuture<'_, Result<Vec<Delivery>, PortError>> {
        unreachable!("a client receives nothing")
    }

    fn settle(&self, _: Vec<Settlement>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        unreachable!("a client settles nothing")
    }

    fn depths(&self) -> BoxFuture<'_, Result<Vec<Depth>, PortError>> {
        unreachable!("a client asks for no depths")
    }
}

impl Batches for Memory {
    fn open(&self, batch: NewBatch) -> BoxFuture<'_, Result<BatchRecord, PortError>> {
        let record = self.state().batches.entry(batch.id).or_insert_with(|| batch.record()).clone();
        async { Ok(record) }.boxed()
    }

    fn accepted(&self, id: BatchId, from: u64, upto: u64) -> BoxFuture<'_, Result<(), PortError>> {
        let mut state = self.state();
        let answer = state.mark_answers.pop_front().map_or(Ok(()), Err);
        if answer.is_ok() {
            let record = state.batches.get_mut(&id).unwrap();
            assert!(from <= record.accepted, "the calls before {from} are not accepted, only {}", record.accepted);
            record.accepted = record.accepted.max(upto);
        }
        async { answer }.boxed()
    }

    fn close(&self, id: BatchId, _: u64) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        self.state().batches.get_mut(&id).unwrap().closed = true;
        async { Ok(None) }.boxed()
    }

    fn revoke(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        let known = self.state().batches.get_mut(&id).map(|record| record.revoked = true).is_some();
        async move { Ok(known) }.boxed()
    }

    fn reinstate(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        let known = self.state().batches.get_mut(&id).map(|record| record.revoked = false).is_some();
        async move { Ok(known) }.boxed()
    }

    fn get(&self, id: BatchId) -> BoxFuture<'_, Result<Option<BatchRecord>, PortError>> {
        let record = self.state().batches.get(&id).cloned();
        async { Ok(record) }.boxed()
    }

    fn list(&self, limit: usize) -> BoxFuture<'_, Result<Vec<BatchRecord>, PortError>> {
        let records = self.state().batches.values().take(limit).cloned().collect();
        async { Ok(records) }.boxed()
    }
}

impl DeadLetters for Memory {
    fn list(&self, query: DeadQuery) -> BoxFuture<'_, Result<Vec<DeadLetter>, PortError>> {
        let letters = self.state().letters.iter().take(query.limit).cloned().collect();
        async { Ok(letters) }.boxed()
    }

    fn get(&self, id: TaskId) -> BoxFuture<'_, Result<Option<DeadLetter>, PortError>> {
        let letter = self.state().letters.iter().find(|letter| letter.id == id).cloned();
        async { Ok(letter) }.boxed()
    }

    fn remove(&self, letters: Vec<(TaskId, u64)>, removal: Removal) -> BoxFuture<'_, Result<u64, PortError>> {
        let count = letters.len() as u64;
        self.state().removed.extend(letters.into_iter().map(|(id, died_ms)| (id, died_ms, removal)));
        async move { Ok(count) }.boxed()
    }
}

impl Ledger for Memory {
    fn claim(&self, _: Vec<ClaimRequest>) -> BoxFuture<'_, Vec<Result<Claim, PortError>>> {
        unreachable!("a client claims nothing")
    }

    fn checkpoint(&self, _: Vec<Checkpoint>) -> BoxFuture<'_, Vec<Result<(), PortError>>> {
        unreachable!("a client records nothing")
    }

    fn seal(&self, _: ParcelId, _: u64, _: Record, _: Seal) -> BoxFuture<'_, Result<(), PortError>> {
        unreachable!("a client seals nothing")
    }

    fn finish(&self, _: Finish) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        unreachable!("a client finishes nothing")
    }

    fn paid(&self, _: BatchId) -> BoxFuture<'_, Result<(), PortError>> {
        unreachable!("no batch here owes anything")
    }

    fn owed(&self) -> BoxFuture<'_, Result<Vec<Owed>, PortError>> {
        unreachable!("no batch here owes anything")
    }

    fn rows(&self, parcels: Vec<ParcelId>) -> BoxFuture<'_, Result<Vec<Option<Row>>, PortError>> {
        let state = self.state();
        let rows = parcels.iter().map(|parcel| state.rows.get(parcel).cloned()).collect();
        async { Ok(rows) }.boxed()
    }

    fn root_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Row>, PortError>> {
        let row = self.state().rows.get(&ParcelId::root(call.batch, 0)).cloned();
        async { Ok(row) }.boxed()
    }

    fn result_of(&self, call: TaskId) -> BoxFuture<'_, Result<Option<Bytes>, PortError>> {
        let result = self.state().results.get(&call.index).cloned();
        async { Ok(result) }.boxed()
    }

    fn history(&self, call: TaskId) -> BoxFuture<'_, Result<Vec<Failure>, PortError>> {
        let history = self.state().history.iter().filter(|failure| failure.index == call.index).cloned().collect();
        async { Ok(history) }.boxed()
    }
}

impl Schedules for Memory {
    fn last(&self, _: &str) -> BoxFuture<'_, Result<Option<u64>, PortError>> {
        unreachable!("a client has no schedules")
    }

    fn sent(&self, _: &str, _: u64) -> BoxFuture<'_, Result<(), PortError>> {
        unreachable!("a client has no schedules")
    }
}

pub fn unavailable() -> PortError {
    PortError::Unavailable { what: "the queue is down".to_owned(), source: None }
}

pub fn lost() -> PortError {
    PortError::Unknown { what: "the connection was lost".to_owned(), source: None }
}

pub fn refused() -> PortError {
    PortError::Refused { what: "the disk is read-only".to_owned() }
}
