//! Kills the campaign of `tests/smtp.rs` at twenty moments, and starts it again each time.
//!
//! Promise G2: nothing is lost. Promise G3: a mail is sent again only if it was in flight at a kill, that is, sent but
//! not yet recorded. It is sent at most once more for each such kill. Nothing stays unrecorded for longer than a
//! checkpoint takes. The moments are drawn from a seed, which is printed; `CELERIAC_SEED` sets it.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fs::File,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use celeriac::{CallStatus, Client, DeadQuery, TaskId, embedded};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use support::{Campaign, Event, Record, Server, summary, until};

const KILLS: usize = 20;

/// How much longer than the checkpoint's interval a verdict may take to be on the disk, since this machine runs other
/// tests too.
const SLACK_MS: u64 = 3000;

/// When the process is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// This long after its start: while it reads the file, opens the database, accepts calls.
    Started(Duration),
    /// This long after the server has taken this many mails, over all lives.
    Sent(usize, Duration),
}

/// One life of the process, ended by a kill.
struct Life {
    /// The mails that the server took in this life and that were not recorded at its end.
    in_flight: BTreeSet<TaskId>,
    /// How long before the kill the oldest of them was taken.
    oldest_ms: u64,
}

#[tokio::test]
async fn nothing_is_lost_and_only_what_was_in_flight_is_sent_twice() {
    let seed = env::var("CELERIAC_SEED").map_or(2026, |seed| seed.parse().expect("CELERIAC_SEED is a number"));
    println!("CELERIAC_SEED={seed}");
    let campaign = Campaign::generate(10_000, seed);
    let server = Server::start(&["--seed", &seed.to_string(), "--temporary", "5", "--permanent", "1"]);
    let args = ["--smtp", server.url.as_str(), "--json"];
    let database = campaign.path().join("celeriac.db");

    let mut record = server.record();
    let mut recorded = BTreeSet::new();
    let mut lives = Vec::new();
    for moment in moments(seed, campaign.valid.len()) {
        let from = record.refresh().events.len();
        let killed_ms = kill(start(&campaign, &args), moment, &mut record);
        settle(&mut record);
        let life = autopsy(&database, &record.events[from..], killed_ms, &mut recorded).await;
        println!("{moment:?}: {} mails in flight, the oldest for {} ms", life.in_flight.len(), life.oldest_ms);
        lives.push(life);
    }
    let output = campaign.run(&args);
    record.refresh();

    let ports = embedded::open(&database).expect("the database is sound");
    for life in &lives {
        let bound = ports.profile.checkpoint_ms + SLACK_MS;
        assert!(life.oldest_ms <= bound, "a mail was unrecorded for {} ms, more than {bound}", life.oldest_ms);
    }
    let runs = runs(&record);
    for (mail, runs) in &runs {
        let losses = lives.iter().filter(|life| life.in_flight.contains(mail)).count();
        assert!(*runs <= 1 + losses, "{mail} was sent {runs} times, and was in flight at {losses} kills");
    }

    let refused: BTreeSet<_> = record.of("550").map(|event| event.to.clone()).collect();
    let sent: BTreeSet<_> = record.of("accepted").map(|event| event.to.clone()).collect();
    let expected: BTreeSet<_> = campaign.valid.iter().filter(|to| !refused.contains(*to)).cloned().collect();
    assert_eq!(sent, expected, "each valid recipient");
    assert_eq!(runs.len(), expected.len(), "each recipient is one call");
    assert_eq!(dead(&Client::new(ports)).await, refused, "each permanent failure is a dead letter, and nothing else");

    assert_eq!(output.status.code(), Some(3));
    let rows = summary(&output);
    assert_eq!(rows.accepted, campaign.valid.len() as u64);
    assert_eq!((rows.sent, rows.dead), (expected.len() as u64, refused.len() as u64));
    assert_eq!(rows.accepted + rows.skipped, 10_000);
    println!("{} mails were sent again", record.count("accepted") - expected.len());
}

/// Twenty moments from the start of the campaign to just before its end.
fn moments(seed: u64, mails: usize) -> Vec<Moment> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut moments: Vec<_> =
        (0..4).map(|_| Moment::Started(Duration::from_millis(rng.random_range(0..400)))).collect();
    let mut sent: Vec<_> = (moments.len()..KILLS).map(|_| rng.random_range(1..mails * 97 / 100)).collect();
    sent.sort_unstable();
    moments.extend(sent.into_iter().map(|sent| Moment::Sent(sent, Duration::from_millis(rng.random_range(0..50)))));
    moments
}

fn start(campaign: &Campaign, args: &[&str]) -> Child {
    let errors = File::create(campaign.path().join("stderr")).expect("a temporary folder can be written to");
    campaign.command(args).stdout(Stdio::null()).stderr(errors).spawn().expect("the program runs")
}

/// Waits for the moment, kills the process, and returns the time.
fn kill(mut process: Child, moment: Moment, record: &mut Record) -> u64 {
    match moment {
        Moment::Started(after) => thread::sleep(after),
        Moment::Sent(mails, after) => {
            until("the server to take mails", || (record.refresh().count("accepted") >= mails).then_some(()));
            thread::sleep(after);
        }
    }
    assert!(process.try_wait().expect("it is our child").is_none(), "it ended before {moment:?}");
    let now_ms = now_ms();
    process.kill().expect("it is our child");
    process.wait().expect("it is our child");
    now_ms
}

/// Waits until the server has read all that was sent to it before the kill.
fn settle(record: &mut Record) {
    until("the server to see the connections end", || {
        let before = record.refresh().events.len();
        thread::sleep(Duration::from_millis(50));
        let record = record.refresh();
        (record.events.len() == before && record.count("open") == record.count("close")).then_some(())
    });
}

/// Looks up which of the mails that the server took in one life are recorded.
async fn autopsy(database: &Path, events: &[Event], killed_ms: u64, recorded: &mut BTreeSet<TaskId>) -> Life {
    let mut life = Life { in_flight: BTreeSet::new(), oldest_ms: 0 };
    if !database.exists() {
        return life;
    }
    let client = Client::new(embedded::open(database).expect("a kill does no harm to the database"));
    for event in events.iter().filter(|event| event.what == "accepted") {
        let mail = task(event);
        assert!(!recorded.contains(&mail), "{mail} was sent again after it had been recorded");
        if matches!(client.status(mail).await, Ok(CallStatus::Succeeded)) {
            recorded.insert(mail);
        } else {
            life.in_flight.insert(mail);
            life.oldest_ms = life.oldest_ms.max(killed_ms.saturating_sub(event.at_ms));
        }
    }
    life
}

fn runs(record: &Record) -> BTreeMap<TaskId, usize> {
    let mut runs = BTreeMap::new();
    record.of("accepted").for_each(|event| *runs.entry(task(event)).or_default() += 1);
    runs
}

/// The addresses of all dead letters.
async fn dead(client: &Client) -> BTreeSet<String> {
    let letters = client.dead(DeadQuery::new(10_000)).await.expect("the database is sound");
    let address = |message: &str| message.split_once(": ").map(|(to, _)| to.to_owned()).unwrap_or_default();
    letters.iter().map(|letter| address(&letter.message)).collect()
}

fn task(event: &Event) -> TaskId {
    let key = event.id.trim_start_matches('<').split('@').next().unwrap_or_default();
    key.parse().unwrap_or_else(|error| panic!("{error} in {event:?}"))
}

#[allow(clippy::disallowed_methods, reason = "compared with the times in the server's record")]
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_millis() as u64
}
