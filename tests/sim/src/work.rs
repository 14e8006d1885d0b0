//! The requests of clients, and their answers.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use celeriac_core::{
    Lane,
    client::{Call, Client, Error, FanOut},
    id::{BatchId, ParcelId},
    parcel::{Packer, Packing},
    ports::{BatchRecord, Batches, DeadQuery, NewBatch, Outgoing, PortError, layers::BatchesLayer},
    task::{Takes, Task},
    wire::{Header, KEPT_MS, encode_args},
};
use celeriac_sim::{BEGIN_MS, Dice, Host, Sim};
use futures::{future::BoxFuture, future::join_all};

use crate::{
    facts,
    hands::Hands,
    scenario::Scenario,
    site::Site,
    tasks::{Args, Callback, Late, Newer, Once, Quick, Script, Slow, Thread},
};

/// How many clients there are.
const CLIENTS: usize = 2;

/// Which task blocks its thread.
const THREAD: usize = 4;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    after: Duration,
    what: What,
    /// If there are none, nothing is sent.
    pub(crate) args: Vec<Args>,
    countdown: Duration,
    task: usize,
    coin: bool,
    /// The lane that is asked for; `None` for the usual one.
    lane: Option<Lane>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    FanOut,
    /// A batch that is revoked a little later.
    Revoked,
    /// Single calls at the same time.
    Delays,
    /// Single calls one after the other.
    Trickle,
    /// The same call, which others send too.
    Unique,
    /// All dead letters are sent again.
    Retry,
}

/// The requests of a scenario.
pub(crate) fn requests(scenario: &Scenario, dice: &mut Dice) -> Vec<Request> {
    let mut number = 0;
    let mut requests: Vec<_> = (0..scenario.requests).map(|_| request(scenario, dice, &mut number)).collect();
    for request in &mut requests {
        request.coin = dice.happens(500_000);
    }
    for request in &mut requests {
        request.lane = dice.one_of(&[None, None, Some(Lane::Interactive), Some(Lane::Bulk)]);
    }
    requests
}

/// Lets clients send them.
pub(crate) fn start(sim: &mut Sim, site: &Site, requests: Vec<Request>) {
    let clients: Vec<_> = (0..CLIENTS).map(|_| site.client(sim)).collect();
    for (request, (host, client, hands)) in requests.into_iter().zip(clients.iter().cycle()) {
        if !request.args.is_empty() {
            let asker = Asker {
                host: host.clone(),
                client: client.clone(),
                hands: Arc::clone(hands),
                facts: site.facts.clone(),
            };
            host.spawn(asker.ask(request));
        }
    }
}

fn request(scenario: &Scenario, dice: &mut Dice, numbers: &mut u32) -> Request {
    let task = dice.between(0, 5) as usize;
    let what = dice.one_of(&[
        What::FanOut,
        What::FanOut,
        What::FanOut,
        What::Delays,
        What::Trickle,
        What::Revoked,
        What::Unique,
        What::Retry,
    ]);
    let most = if matches!(what, What::FanOut) { dice.one_of(&[10, 60, 300]) } else { 12 };
    let mix = dice.next_u64();
    let mut args: Vec<_> = (0..dice.between(1, most))
        .map(|_| {
            *numbers += 1;
            Args { script: script(dice, mix), number: *numbers }
        })
        .collect();
    if task == THREAD {
        // A hanging thread would hang the simulation.
        args.iter_mut().filter(|args| args.script == Script::Hangs).for_each(|args| args.script = Script::Succeeds);
    } else if scenario.killers && dice.happens(300_000) {
        let at = dice.next_u64() as usize % args.len();
        args[at].script = Script::Kills;
    }
    let after = Duration::from_millis(dice.between(0, scenario.trouble.as_millis() as u64 * 3 / 4));
    let countdown = Duration::from_secs(if dice.happens(200_000) { dice.between(1, 100) } else { 0 });
    Request { after, what, args, countdown, task, coin: false, lane: None }
}

fn script(dice: &mut Dice, mix: u64) -> Script {
    // Some batches are of one kind, others are mixed.
    let kind = if mix.is_multiple_of(3) { mix >> 8 } else { dice.next_u64() };
    match kind % 20 {
        0..8 => Script::Succeeds,
        8..13 => Script::Takes(dice.between(1, 4000) as u32),
        13..15 => Script::Returns(dice.next_u64() as u32),
        15 => Script::Fails(1),
        16 => Script::Fails(dice.between(1, 9) as u32),
        17 => Script::Cancels,
        18 => Script::Snoozes,
        _ if dice.happens(300_000) => Script::Hangs,
        _ => Script::Succeeds,
    }
}

/// A caller of a client.
struct Asker {
    host: Host,
    client: Client,
    hands: Arc<Hands>,
    facts: facts::Shared,
}

impl Asker {
    async fn ask(self, request: Request) {
        self.host.clock().sleep(request.after).await;
        match request.task {
            0 => self.ask_for::<Quick>(request).await,
            1 => self.ask_for::<Slow>(request).await,
            2 => self.ask_for::<Once>(request).await,
            3 => self.ask_for::<Late>(request).await,
            THREAD => self.ask_for::<Thread>(request).await,
            _ => self.ask_for::<Newer>(request).await,
        }
    }

    async fn ask_for<T: Task<Args = Args> + Takes<Args>>(&self, request: Request) {
        let Self { host, client, hands, facts } = self;
        let Request { what, args, countdown, coin, lane, .. } = request;
        let lane =
            lane.unwrap_or(if matches!(what, What::FanOut | What::Revoked) { Lane::Bulk } else { Lane::Interactive });
        facts.lock().told.lanes.extend(args.iter().map(|args| (args.number, lane)));
        // A countdown longer than `expires` would be refused.
        let countdown = if T::OPTIONS.expires.is_some() { Duration::ZERO } else { countdown };
        match what {
            What::FanOut | What::Revoked => {
                let count = args.len() as u64;
                let sends = hands.asks();
                let fan_out = FanOut::<T>::new(args).countdown(countdown).lane(lane).on(client).send().await;
                drop(sends);
                let Ok(batch) = fan_out else { return };
                facts.lock().told.batches.insert(batch.id(), count);
                if matches!(what, What::Revoked) {
                    host.clock().sleep(Duration::from_millis(if coin { 1 } else { 1500 })).await;
                    drop(batch.revoke().await);
                }
            }
            What::Delays => {
                join_all(args.into_iter().map(|args| self.delay::<T>(args, countdown, lane, coin))).await;
            }
            What::Trickle => {
                for args in args {
                    self.delay::<T>(args, countdown, lane, coin).await;
                    host.clock().sleep(Duration::from_millis(300)).await;
                }
            }
            What::Unique => {
                let key = format!("the only one of {}", T::NAME);
                if let Ok(handle) = Call::<T>::new(Args::NONE).unique(key).lane(lane).on(client).send().await {
                    facts.lock().told.calls.insert(handle.id());
                }
            }
            What::Retry => {
                let dead = client.dead(DeadQuery::new(100)).await;
                let Ok(mut letters) = dead else { return };
                let _sends = hands.asks();
                // Until it succeeds: a letter that was sent and not removed is still a dead letter.
                while let Err(error) = client.retry_dead(&letters).await {
                    match error {
                        Error::Revoked { batch, .. } => letters.retain(|letter| letter.id.batch != batch),
                        _ => host.clock().sleep(Duration::from_secs(3)).await,
                    }
                }
            }
        }
    }

    async fn delay<T: Task<Args = Args>>(&self, args: Args, countdown: Duration, lane: Lane, insists: bool) {
        let Self { client, hands, facts, .. } = self;
        let mut sending = pin!(Call::<T>::new(args).countdown(countdown).lane(lane).on(client).send());
        let sent = poll_fn(|cx| {
            let sent = sending.as_mut().poll(cx);
            hands.look(client);
            sent
        });
        match sent.await {
            Ok(handle) => drop(facts.lock().told.calls.insert(handle.id())),
            Err(Error::Unknown { unsent, .. }) if insists => {
                let _sends = hands.asks();
                if let Ok(handle) = unsent.send_again().await {
                    facts.lock().told.calls.insert(handle);
                }
            }
            Err(Error::Rejected { .. }) => drop(facts.lock().told.rejected.insert(args.number)),
            Err(_) => {}
        }
    }
}

/// The call of the callback that a batch owes.
pub(crate) fn owed_by(batch: BatchId) -> BatchId {
    BatchId::from_key("callback of", &batch.to_string())
}

/// Batches that owe a callback.
pub(crate) struct Owing(pub(crate) Arc<dyn Batches>);

impl BatchesLayer for Owing {
    fn inner(&self) -> &dyn Batches {
        &*self.0
    }

    fn open(&self, batch: NewBatch) -> BoxFuture<'_, Result<BatchRecord, PortError>> {
        let callback = Some(callback(batch.id));
        self.0.open(NewBatch { callback, ..batch })
    }
}

fn callback(of: BatchId) -> Outgoing {
    let batch = owed_by(of);
    let header = Header {
        created_ms: BEGIN_MS,
        not_after_ms: BEGIN_MS + KEPT_MS,
        ..Header::new(ParcelId::root(batch, 0), batch, 0, Callback::NAME, Callback::OPTIONS.queue)
    };
    let mut args = Vec::new();
    encode_args(&Args::NONE, &mut args).expect("numbers and names can be encoded");
    let mut packer = Packer::new(Packing { calls: 1, bytes: 4096, call_bytes: 4096 });
    packer.push(&args);
    Outgoing::of(Callback::OPTIONS.queue, packer.encode(header), 0)
}
