//! Tests the client on a real file.

mod environment;
mod keys;

use std::{collections::BTreeMap, time::Duration};

use celeriac_core::{
    Lane,
    client::{CallStatus, Client, Error, FanOut},
    id::TaskId,
    parcel::Parcel,
    ports::{
        Claim, ClaimRequest, DeadLetter, DeadQuery, Delivery, Ports, Reason, Receive, Record, ResultRow, Seal,
        Settling, Tally,
    },
    wire::{decode_args, encode_args},
};
use futures::{FutureExt, future::join_all};
use tempfile::TempDir;

use crate::tasks::{Mail, SendEmail, addresses, campaign, mail};

struct Fixture {
    dir: TempDir,
    ports: Ports,
    client: Client,
}

fn fixture() -> Fixture {
    let dir = TempDir::new().unwrap();
    let ports = celeriac_embedded::open(&dir.path().join("test.db")).unwrap();
    Fixture { dir, client: Client::new(ports.clone()), ports }
}

impl Fixture {
    /// The same file, as another process would see it after this one was killed.
    fn reopened(self) -> Self {
        let Self { dir, ports, client } = self;
        drop((ports, client));
        let ports = celeriac_embedded::open(&dir.path().join("test.db")).unwrap();
        Self { dir, client: Client::new(ports.clone()), ports }
    }

    async fn receive(&self) -> Vec<(Delivery, Parcel)> {
        let request =
            Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 10_000, hide_ms: 60_000, wait_ms: 0 };
        let deliveries = self.ports.queue.receive(request).await.unwrap();
        deliveries.into_iter().map(|delivery| (delivery.clone(), Parcel::open(&delivery.body).unwrap())).collect()
    }

    /// How many calls the only batch has accepted.
    async fn accepted(&self) -> u64 {
        self.client.batches(1).await.unwrap().first().map_or(0, |record| record.accepted)
    }

    /// The addresses in the waiting calls.
    async fn waiting(&self) -> BTreeMap<TaskId, String> {
        let mut calls = BTreeMap::new();
        for (_, parcel) in self.receive().await {
            for at in 0..parcel.count() {
                let to = decode_args::<Mail>(parcel.args(at)).unwrap().to;
                assert!(calls.insert(parcel.call(at), to).is_none(), "{} is there twice", parcel.call(at));
            }
        }
        calls
    }

    /// Ends the one call of a parcel: with this result, or without success.
    async fn run(&self, (delivery, parcel): (Delivery, Parcel), result: Option<u32>) {
        let header = &parcel.header;
        let now_ms = self.ports.clock.now_ms();
        let request = ClaimRequest::of(header, "test", now_ms, now_ms + 60_000);
        let Ok(Claim::Claimed(claimed)) = self.ports.ledger.claim(vec![request]).await.remove(0) else {
            panic!("the parcel is free")
        };
        let mut record = Record { done: crate::tasks::bits(&[0]), ..Record::default() };
        if let Some(result) = result {
            let mut value = Vec::new();
            encode_args(&result, &mut value).unwrap();
            record.results.push(ResultRow { index: header.first, value: value.into() });
            record.tally = Tally { succeeded: 1, ..Tally::default() };
        } else {
            record.tally = Tally { failed: 1, ..Tally::default() };
            let letter = DeadLetter {
                id: parcel.call(0),
                counted: header.counted,
                task: header.task.clone(),
                queue: header.queue.clone(),
                args: parcel.args(0).clone(),
                reason: Reason::Failed,
                message: "no route".to_owned(),
                attempts: 4,
                died_ms: now_ms,
            };
            record.dead.push((0, letter));
        }
        let settling = Settling {
            parcel: header.id,
            epoch: claimed.epoch,
            record,
            seal: Seal::default(),
            children: Vec::new(),
            queue: delivery.queue,
            receipt: delivery.receipt,
        };
        celeriac_core::protocol::settle(&self.ports, settling).await.unwrap();
    }

    async fn run_all(&self, result: Option<u32>) {
        for received in self.receive().await {
            self.run(received, result).await;
        }
    }

    /// All dead letters.
    async fn dead(&self) -> Vec<DeadLetter> {
        self.client.dead(DeadQuery::new(10)).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_calls_are_in_the_file() {
    let f = fixture();
    let names: Vec<String> = addresses(2000).collect();
    let handles = join_all(names.iter().map(|name| tokio::spawn(mail(&f.client, name).send()))).await;
    let sent: BTreeMap<_, _> = handles.into_iter().map(|sent| sent.unwrap().unwrap().id()).zip(names).collect();
    assert_eq!(sent.len(), 2000);
    assert_eq!(f.reopened().waiting().await, sent);
}

#[tokio::test]
async fn a_fan_out_that_was_cut_off_goes_on() {
    let mut f = fixture();
    let expected: Vec<String> = addresses(20_000).collect();
    for _ in 0..4 {
        let before = f.accepted().await;
        let mut sending = Box::pin(campaign(&f.client, 20_000).unique("spring").send());
        while f.accepted().await == before {
            assert!((&mut sending).now_or_never().is_none(), "a parcel at a time, of about ten");
        }
        drop(sending);
        f = f.reopened();
    }
    assert!((1..20_000).contains(&f.accepted().await));
    let batch = campaign(&f.client, 20_000).unique("spring").await.unwrap();
    assert_eq!(batch.accepted(), 20_000);
    let progress = batch.progress().await.unwrap();
    assert_eq!((progress.total, progress.closed, progress.ended), (20_000, true, 0));
    let waiting = f.waiting().await;
    assert_eq!(waiting.keys().map(|id| id.index).collect::<Vec<_>>(), (0..20_000).collect::<Vec<_>>());
    assert!(waiting.keys().all(|id| id.batch == batch.id()));
    assert_eq!(waiting.into_values().collect::<Vec<_>>(), expected);
    assert_eq!(f.client.batches(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_status_of_a_call_is_found() {
    let f = fixture();
    let handle = mail(&f.client, "ada").send().await.unwrap();
    assert_eq!(handle.status().await.unwrap(), CallStatus::Queued);
    f.run_all(Some(17)).await;
    assert_eq!(handle.status().await.unwrap(), CallStatus::Succeeded);
    assert_eq!(handle.get(Duration::ZERO).await.unwrap(), 17);
}

#[tokio::test]
async fn a_dead_call_can_be_tried_again_and_dropped() {
    let f = fixture();
    let batch = FanOut::<SendEmail>::new(["ada"]).on(&f.client).await.unwrap();
    let call = batch.call(0);
    f.run_all(None).await;
    assert_eq!(
        call.get(Duration::from_secs(9)).await.unwrap_err().to_string(),
        format!("call {} has no result: it failed after 4 attempts: no route", call.id())
    );
    assert_eq!(batch.wait(Duration::ZERO).await.unwrap().dead, 1);

    let letters = f.dead().await;
    assert_eq!(f.client.retry_dead(&letters).await.unwrap(), 1);
    assert_eq!(f.client.retry_dead(&letters).await.unwrap(), 1, "someone has done so already, which does no harm");
    assert_eq!(call.status().await.unwrap(), CallStatus::Waiting { attempt: 1, due_ms: 0 });
    assert_eq!(batch.progress().await.unwrap().ended, 0);
    let mut again = f.receive().await;
    assert_eq!(again.len(), 2);
    f.run(again.remove(0), None).await;
    let letters = f.dead().await;
    assert_eq!(f.client.drop_dead(&letters).await.unwrap(), 1);
    assert_eq!(call.status().await.unwrap(), CallStatus::Dropped);
    assert_eq!(batch.progress().await.unwrap().dead, 1);
    let history = f.client.history(call.id()).await.unwrap();
    assert_eq!(history.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["retried", "dropped"]);
}

#[tokio::test]
async fn dead_letters_of_a_revoked_batch_are_not_sent_before_it_is_reinstated() {
    let f = fixture();
    let batch = FanOut::<SendEmail>::new(["ada"]).name("Spring").on(&f.client).await.unwrap();
    let other = mail(&f.client, "grace").send().await.unwrap();
    f.run_all(None).await;
    batch.revoke().await.unwrap();
    let letters = f.dead().await;
    let error = f.client.retry_dead(&letters).await.unwrap_err();
    assert!(matches!(error, Error::Revoked { batch: id, .. } if id == batch.id()), "{error}");
    assert!(error.to_string().starts_with("nothing was sent: batch "), "{error}");
    assert_eq!((f.receive().await.len(), f.dead().await.len()), (0, 2));

    batch.reinstate().await.unwrap();
    assert_eq!(f.client.retry_dead(&letters).await.unwrap(), 2);
    f.run_all(Some(17)).await;
    assert_eq!((batch.call(0).get(Duration::ZERO).await.unwrap(), other.get(Duration::ZERO).await.unwrap()), (17, 17));
    assert_eq!(batch.wait(Duration::ZERO).await.unwrap().succeeded, 1);
}

#[tokio::test]
async fn a_wait_says_which_store_has_no_worker() {
    let Fixture { dir, ports, client } = fixture();
    let store = format!("sqlite:{}", dir.path().canonicalize().unwrap().join("test.db").display());
    let handle = mail(&client, "ada").send().await.unwrap();
    assert_eq!(handle.store().map(ToString::to_string).as_ref(), Some(&store));
    assert_eq!(format!("{handle:?}"), format!("Handle({}, {store})", handle.id()));
    assert!(format!("{client:?}").starts_with(&format!("Client {{ store: Some({store})")), "{client:?}");
    let batch = campaign(&client, 2).await.unwrap();
    let moment = Duration::from_millis(1);
    let absent =
        format!("; no worker is alive on `{store}`: start one there, or send to the store that the workers have open");
    let errors = || async {
        [handle.get(moment).await.unwrap_err().to_string(), batch.wait(moment).await.unwrap_err().to_string()]
    };
    for error in errors().await {
        assert!(error.ends_with(&absent), "{error}");
    }
    // A process that receives is a worker.
    let request = Receive { queues: vec!["other".into()], lanes: Lane::ALL, max: 1, hide_ms: 1_000, wait_ms: 0 };
    ports.queue.receive(request).await.unwrap();
    for error in errors().await {
        assert!(!error.contains("alive"), "{error}");
    }
}
