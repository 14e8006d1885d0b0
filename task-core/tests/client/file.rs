//! Tests the client on a real file.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use celeriac_core::{
    client::{Call, CallStatus, Client, Error, FanOut},
    id::TaskId,
    parcel::Parcel,
    ports::{
        Claim, ClaimRequest, DeadLetter, DeadQuery, Delivery, Ports, Reason, Receive, Record, ResultRow, Seal,
        Settling, Tally,
    },
    wire::{decode_args, encode_args},
};
use futures::{
    FutureExt,
    future::{join, join_all},
};
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
        let request = Receive { queues: vec!["mail".into()], max: 10_000, hide_ms: 60_000, wait_ms: 0 };
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

    let letters = f.client.dead(DeadQuery::new(10)).await.unwrap();
    assert_eq!(f.client.retry_dead(&letters).await.unwrap(), 1);
    assert_eq!(f.client.retry_dead(&letters).await.unwrap(), 1, "someone has done so already, which does no harm");
    assert_eq!(call.status().await.unwrap(), CallStatus::Waiting { attempt: 1, due_ms: 0 });
    assert_eq!(batch.progress().await.unwrap().ended, 0);
    let mut again = f.receive().await;
    assert_eq!(again.len(), 2);
    f.run(again.remove(0), None).await;
    let letters = f.client.dead(DeadQuery::new(10)).await.unwrap();
    assert_eq!(f.client.drop_dead(&letters).await.unwrap(), 1);
    assert_eq!(call.status().await.unwrap(), CallStatus::Dropped);
    assert_eq!(batch.progress().await.unwrap().dead, 1);
    let history = f.client.history(call.id()).await.unwrap();
    assert_eq!(history.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["retried", "dropped"]);
}

/// All dead letters.
async fn dead(client: &Client) -> Vec<DeadLetter> {
    client.dead(DeadQuery::new(10)).await.unwrap()
}

fn welcome(client: &Client, to: &str) -> Call<SendEmail> {
    mail(client, to).unique("welcome:ada")
}

#[tokio::test]
async fn a_key_answers_the_call_that_waits_runs_or_has_succeeded() {
    let f = fixture();
    let first = welcome(&f.client, "ada").send().await.unwrap();
    let waits = welcome(&f.client, "ada@new").send().await.unwrap();
    let mut received = f.receive().await;
    assert_eq!(received.len(), 2, "nothing has claimed the first: the one that is claimed first decides the arguments");
    let second = received.remove(1);
    f.run(received.remove(0), Some(17)).await;
    let succeeded = welcome(&f.client, "ada@newer").send().await.unwrap();
    assert_eq!([waits.id(), succeeded.id()], [first.id(), first.id()]);
    assert_eq!(succeeded.get(Duration::ZERO).await.unwrap(), 17);
    assert!(f.receive().await.is_empty(), "what has run is not sent again");
    drop(second);
}

/// sidekiq#4162
#[tokio::test]
async fn a_key_whose_call_is_dead_says_so() {
    let f = fixture();
    let first = welcome(&f.client, "ada").send().await.unwrap();
    f.run_all(None).await;
    let error = welcome(&f.client, "ada").send().await.unwrap_err();
    let id = first.id();
    assert_eq!(
        error.to_string(),
        format!(
            "task `mail.send`: nothing was sent, since the call with the key `welcome:ada` is dead: call {id} failed \
             after 4 attempts: no route; send that call again (`dead retry {id}`, `Client::retry_dead`), or drop its dead \
             letter (`dead drop {id}`, `Client::drop_dead`), which frees the key"
        )
    );
    assert!(matches!(error, Error::KeyDead { .. }) && f.receive().await.is_empty());
    f.client.retry_dead(&dead(&f.client).await).await.unwrap();
    let again = welcome(&f.client, "ada").send().await.unwrap();
    assert_eq!(again.id(), id, "it waits again");
    f.run_all(Some(17)).await;
    assert_eq!(again.get(Duration::ZERO).await.unwrap(), 17);
}

/// sidekiq#4162
#[tokio::test]
async fn a_key_is_free_once_the_dead_letter_of_its_call_is_dropped() {
    let f = fixture();
    let mut ids = vec![welcome(&f.client, "ada").send().await.unwrap().id()];
    for _ in 0..3 {
        f.run_all(None).await;
        assert_eq!(f.client.drop_dead(&dead(&f.client).await).await.unwrap(), 1);
        let next = welcome(&f.client, "ada@new").send().await.unwrap();
        let twice = welcome(&f.client, "ada@newer").send().await.unwrap();
        assert_eq!((next.id(), next.status().await.unwrap()), (twice.id(), CallStatus::Queued));
        assert!(!ids.contains(&next.id()), "a new call");
        ids.push(next.id());
        let mut received = f.receive().await;
        f.ports.queue.settle(vec![received.remove(1).0.deleted()]).await.remove(0).unwrap();
        f.ports.queue.settle(vec![received.remove(0).0.hidden(0)]).await.remove(0).unwrap();
    }
    f.run_all(Some(17)).await;
    let last = welcome(&f.client, "ada").send().await.unwrap();
    assert_eq!((last.id(), last.get(Duration::ZERO).await.unwrap()), (ids[3], 17));
    assert_eq!(f.client.status(ids[0]).await.unwrap(), CallStatus::Dropped);
}

#[tokio::test]
async fn calls_with_keys_that_gather_are_looked_up_and_sent_together() {
    let f = fixture();
    let dies = welcome(&f.client, "ada").send().await.unwrap().id();
    f.run_all(None).await;
    let numbered = (0..200).map(|n| mail(&f.client, &n.to_string()).unique(n.to_string()).send());
    let plain = (200..250).map(|n| mail(&f.client, &n.to_string()).send());
    let (sent, refused) = join(join_all(numbered.chain(plain)), welcome(&f.client, "ada").send()).await;
    assert!(matches!(refused, Err(Error::KeyDead { id, .. }) if id == dies));
    let ids: std::collections::BTreeSet<_> = sent.into_iter().map(|sent| sent.unwrap().id()).collect();
    assert_eq!(ids, f.waiting().await.into_keys().collect());
    assert_eq!(ids.len(), 250);
}

#[tokio::test]
async fn dead_letters_of_a_revoked_batch_are_not_sent_before_it_is_reinstated() {
    let f = fixture();
    let batch = FanOut::<SendEmail>::new(["ada"]).name("Spring").on(&f.client).await.unwrap();
    let other = mail(&f.client, "grace").send().await.unwrap();
    f.run_all(None).await;
    batch.revoke().await.unwrap();
    let letters = dead(&f.client).await;
    let error = f.client.retry_dead(&letters).await.unwrap_err();
    assert!(matches!(error, Error::Revoked { batch: id, .. } if id == batch.id()), "{error}");
    assert!(error.to_string().starts_with("nothing was sent: batch "), "{error}");
    assert_eq!((f.receive().await.len(), dead(&f.client).await.len()), (0, 2));

    batch.reinstate().await.unwrap();
    assert_eq!(f.client.retry_dead(&letters).await.unwrap(), 2);
    f.run_all(Some(17)).await;
    assert_eq!((batch.call(0).get(Duration::ZERO).await.unwrap(), other.get(Duration::ZERO).await.unwrap()), (17, 17));
    assert_eq!(batch.wait(Duration::ZERO).await.unwrap().succeeded, 1);
}

/// Runs [`scoped_child`] in a separate process, since the use of scopes marks a whole process.
#[tokio::test]
async fn a_call_that_escapes_a_scope_is_not_sent_to_what_the_environment_names() {
    let f = fixture();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "file::scoped_child", "--ignored", "--nocapture"])
        .env("CELERIAC_STORE", format!("sqlite:{}", f.dir.path().join("test.db").display()))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert_eq!(f.waiting().await.into_values().collect::<Vec<_>>(), ["before", "named"]);
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn scoped_child() {
    let call = |to: &str| Call::<SendEmail>::new(Mail { to: to.to_owned() });
    call("before").send().await.unwrap();
    let (client, memory) = crate::memory::client();
    let inside = async {
        let escaped = tokio::spawn(async move { call("escaped").send().await }).await.unwrap();
        assert_eq!(
            escaped.unwrap_err().to_string(),
            "no client to send with: this process has used `client.scope(..)`, and this call was made outside of it, as \
             in a task that was spawned inside; so it was not sent to the store that the environment names. Write \
             `tokio::spawn(client.scope(future))`, name a client with `.on(&client)`, or name one for all such calls with \
             `Client::set_default(client)` at start-up"
        );
        let thread = std::thread::spawn(move || call("escaped").blocking_send().map(drop));
        assert!(matches!(thread.join().unwrap(), Err(Error::OutOfScope)));
    };
    client.scope(inside).await;
    assert!(matches!(call("afterwards").send().await, Err(Error::OutOfScope)), "what is spawned may outlive its scope");

    tokio::spawn(client.scope(async move { call("spawned in scope").send().await })).await.unwrap().unwrap();
    let entered = client.clone();
    let thread = move || {
        let _entered = entered.enter();
        call("entered").blocking_send().map(drop)
    };
    std::thread::spawn(thread).join().unwrap().unwrap();
    assert_eq!(crate::tasks::recipients(&memory.parcels()), ["spawned in scope", "entered"]);

    let store = std::env::var("CELERIAC_STORE").unwrap();
    let file = Path::new(store.strip_prefix("sqlite:").unwrap());
    Client::set_default(Client::new(celeriac_embedded::open(file).unwrap()));
    call("named").send().await.unwrap();
}

/// Runs [`ambient_child`] in a separate process whose environment names a file.
fn in_child(database: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "file::ambient_child", "--ignored", "--nocapture"])
        .env("CELERIAC_STORE", format!("sqlite:{}", database.display()))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[ignore = "run by the tests below, in a process of its own"]
async fn ambient_child() {
    let call = || Call::<SendEmail>::new(Mail { to: "ada".to_owned() }).send();
    match call().await {
        Ok(_) => {
            call().await.unwrap();
            println!("sent");
        }
        Err(error @ Error::Store(_)) => println!("{error}"),
        Err(other) => println!("unexpected: {other}"),
    }
}

#[tokio::test]
async fn the_environment_names_the_file_of_the_ambient_client() {
    let f = fixture();
    let printed = in_child(&f.dir.path().join("test.db"));
    assert!(printed.contains("sent\n"), "{printed}");
    assert_eq!(f.waiting().await.into_values().collect::<Vec<_>>(), ["ada", "ada"]);
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("notes.txt");
    std::fs::write(&file, "no database at all, but a text of some length, longer than a header".repeat(20)).unwrap();
    let printed = in_child(&file);
    let told = format!("no client to send with: store `sqlite:{0}` cannot be opened: `{0}` is not", file.display());
    assert!(printed.contains(&told), "{printed}");
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
    let request = Receive { queues: vec!["other".into()], max: 1, hide_ms: 1_000, wait_ms: 0 };
    ports.queue.receive(request).await.unwrap();
    for error in errors().await {
        assert!(!error.contains("alive"), "{error}");
    }
}
