//! The thread that sends calls for `delay`: takes all waiting calls, packs them, sends them and answers each one. While
//! a send is in flight the next calls gather, so parcels grow with the load and a lone call does not wait.

use std::{collections::HashMap, io, panic::AssertUnwindSafe, sync::Arc, thread};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream, stream::FuturesUnordered};
use tokio::{runtime::Builder, sync::oneshot};

use super::{
    Error,
    coalesce::{Buffer, Lost, NotSent, PendingCall, Reply},
    error::unanswered,
    key::{self, Key},
};
use crate::{
    id::BatchId,
    parcel::{Calls, Packer, Packing, Spec},
    portions::{Most, portions},
    ports::{Outgoing, PortError, Ports, SendError},
};

/// The most sends in flight. With two, one flush is packed while the disk syncs the one before.
const FLIGHTS: usize = 2;

/// How many keys are looked up at a time.
const KEYS: usize = 32;

/// A send in flight, which answers its calls.
pub(super) type Flight = BoxFuture<'static, ()>;

/// Sends one call.
pub(super) fn alone(ports: Arc<Ports>, call: PendingCall) -> Flight {
    if call.key.is_some() {
        return fly_keyed(ports, vec![call]).boxed();
    }
    let load = load_alone(call, new_batch(&ports), &ports);
    fly(ports, vec![load]).boxed()
}

/// Starts a client's background work, without waiting for its end.
pub type Background = Arc<dyn Fn(BoxFuture<'static, ()>) -> io::Result<()> + Send + Sync>;

/// A thread with its own runtime, so that it outlives the runtime that first used the client.
pub(super) fn thread(work: BoxFuture<'static, ()>) -> io::Result<()> {
    // Without drivers the runtime parks on a futex, which is all that a lone call pays. Ports bring their own drivers.
    let runtime = Builder::new_current_thread().build()?;
    thread::Builder::new().name("celeriac-client".to_owned()).spawn(move || runtime.block_on(work)).map(drop)
}

/// Sends calls until no more can come.
pub(super) async fn run(buffer: Arc<Buffer>, ports: Arc<Ports>) {
    struct Ended<'a>(&'a Buffer);
    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            self.0.ended();
        }
    }
    let ended = Ended(&buffer);
    flush(&buffer, &ports).await;
    drop(ended);
}

async fn flush(buffer: &Buffer, ports: &Arc<Ports>) {
    let mut flights = FuturesUnordered::new();
    loop {
        let (calls, open) = buffer.take(&mut flights);
        if !calls.is_empty() {
            let (keyed, calls) = with_and_without_keys(calls);
            let sends = split(pack(calls, ports), ports.profile.send_bytes);
            let mut sends: Vec<Flight> = sends.map(|loads| fly(Arc::clone(ports), loads).boxed()).collect();
            if !keyed.is_empty() {
                sends.push(fly_keyed(Arc::clone(ports), keyed).boxed());
            }
            for send in sends {
                flights.push(send);
                while flights.len() >= FLIGHTS {
                    flights.next().await;
                }
            }
        } else if open {
            tokio::select! {
                biased;
                () = buffer.filled() => {}
                Some(()) = flights.next() => {}
            }
        } else {
            break flights.collect().await;
        }
    }
}

/// A parcel that is ready to be sent, with the callers that wait for it.
struct PackedCalls {
    message: Outgoing,
    batch: BatchId,
    replies: Vec<oneshot::Sender<Reply>>,
}

/// Separates calls with a key from the rest. Most flushes have no key, and then nothing is copied.
fn with_and_without_keys(calls: Vec<PendingCall>) -> (Vec<PendingCall>, Vec<PendingCall>) {
    if calls.iter().all(|call| call.key.is_none()) {
        return (Vec::new(), calls);
    }
    calls.into_iter().partition(|call| call.key.is_some())
}

/// Sends calls with keys, each in its own parcel, unless another call has its key.
async fn fly_keyed(ports: Arc<Ports>, calls: Vec<PendingCall>) {
    let mut loads = Vec::with_capacity(calls.len());
    let mut keys = stream::iter(calls).map(|call| look_up(&ports, call)).buffered(KEYS);
    while let Some((call, key)) = keys.next().await {
        // A caller that no longer waits needs no answer.
        let _ = match key {
            Ok(Key::Free(batch)) => {
                loads.push(load_alone(call, batch, &ports));
                continue;
            }
            Ok(Key::Taken(id)) => call.reply.send(Ok(id)),
            Err(error) => call.reply.send(Err(Box::new(NotSent::Refused(error)))),
        };
    }
    drop(keys);
    for loads in split(loads, ports.profile.send_bytes) {
        fly(Arc::clone(&ports), loads).await;
    }
}

async fn look_up(ports: &Ports, call: PendingCall) -> (PendingCall, Result<Key, Error>) {
    let task = call.spec.task.as_ref();
    let key = key::look_up(ports, task, call.key.as_deref().unwrap_or_default());
    // A bug in a port must not end the thread and lose other callers' calls.
    let key = AssertUnwindSafe(key).catch_unwind().await.unwrap_or_else(|_| {
        let what = "looking its key up panicked; its message is in the log".to_owned();
        Err(Error::Rejected { task: task.to_owned(), source: PortError::Unavailable { what, source: None } })
    });
    (call, key)
}

fn load_alone(call: PendingCall, batch: BatchId, ports: &Ports) -> PackedCalls {
    let mut own = Group::new(&call, ports);
    own.push(call);
    own.load(batch, ports)
}

/// Packs calls with the same spec into the same parcels.
fn pack(calls: Vec<PendingCall>, ports: &Ports) -> Vec<PackedCalls> {
    let mut groups: Vec<Group> = Vec::new();
    let mut by_spec: HashMap<Spec, usize> = HashMap::new();
    let mut loads = Vec::new();
    for call in calls {
        // Most flushes have one spec, or runs of one.
        let last = groups.len().checked_sub(1).filter(|last| groups[*last].spec == call.spec);
        let at = last.unwrap_or_else(|| {
            *by_spec.entry(call.spec.clone()).or_insert_with(|| {
                groups.push(Group::new(&call, ports));
                groups.len() - 1
            })
        });
        let group = &mut groups[at];
        if !group.packer.fits(call.args.len()) && group.packer.count() > 0 {
            loads.push(group.load(new_batch(ports), ports));
        }
        group.push(call);
    }
    loads.extend(groups.iter_mut().map(|group| group.load(new_batch(ports), ports)));
    loads
}

/// Divides parcels into sends.
fn split(loads: Vec<PackedCalls>, send_bytes: usize) -> impl Iterator<Item = Vec<PackedCalls>> {
    portions(loads, Most { items: usize::MAX, bytes: send_bytes }, |load| load.message.body.len())
}

/// The id of a new batch.
pub(super) fn new_batch(ports: &Ports) -> BatchId {
    BatchId::new(ports.clock.now_ms(), u128::from(ports.entropy.next_u64()))
}

/// A parcel that is being filled with calls of one spec.
struct Group {
    spec: Spec,
    packer: Packer,
    replies: Vec<oneshot::Sender<Reply>>,
}

impl Group {
    fn new(call: &PendingCall, ports: &Ports) -> Self {
        let packing = Packing::of(ports.profile, call.parcel_calls);
        Self { spec: call.spec.clone(), packer: Packer::new(packing), replies: Vec::new() }
    }

    fn push(&mut self, call: PendingCall) {
        self.packer.push(&call.args);
        self.replies.push(call.reply);
    }

    fn load(&mut self, batch: BatchId, ports: &Ports) -> PackedCalls {
        let message = self.spec.encode(&mut self.packer, ports.clock.now_ms(), Calls::uncounted(batch));
        PackedCalls { message, batch, replies: std::mem::take(&mut self.replies) }
    }
}

async fn fly(ports: Arc<Ports>, loads: Vec<PackedCalls>) {
    let messages = loads.iter().map(|load| load.message.clone()).collect();
    // A bug in a port must not end the thread and lose other callers' calls.
    let sent = AssertUnwindSafe(ports.queue.send(messages)).catch_unwind().await;
    let sent = sent.unwrap_or_else(|_| {
        let error = PortError::Unknown { what: "sending panicked; its message is in the log".to_owned(), source: None };
        vec![Err(SendError::Unknown(error)); loads.len()]
    });
    let mut sent = sent.into_iter();
    for load in loads {
        load.answer(&sent.next().unwrap_or_else(|| Err(unanswered())));
    }
}

impl PackedCalls {
    fn answer(self, sent: &Result<(), SendError>) {
        for (reply, index) in self.replies.into_iter().zip(0..) {
            let id = self.batch.call(index);
            let answer = match sent {
                Ok(()) => Ok(id),
                Err(error) => {
                    let lost = Lost { id, message: self.message.clone(), error: error.clone() };
                    Err(Box::new(NotSent::Lost(lost)))
                }
            };
            // A caller that no longer waits needs no answer; the call is accepted all the same.
            let _ = reply.send(answer);
        }
    }
}
