//! Tests the mail campaign on a deployed stack with a real SMTP server: one mail to everyone while events are doubled
//! and lost, and within the bound of G3 while workers are killed.

#[path = "../../support/mod.rs"]
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::{Child, Output, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_sdk_lambda::types::Environment;
use aws_tests::{Asked, Deployment, Fault, Ministack, Odds, Proxy, config};
use rustix::process::{Pid, Signal, kill_process};
use support::{Campaign, Event, Record, Server, Summary, summary, text, until};

/// The time between two recordings of the worker, with some margin for a machine that also runs other tests.
const UNRECORDED_MS: u64 = 5_000 + 3_000;

/// How many mails the server takes in a second while workers are killed.
const RATE: u32 = 500;

/// A campaign, and the stack that sends it.
struct Post {
    campaign: Campaign,
    server: Server,
    aws: Ministack,
    stack: Deployment,
    proxy: Proxy,
    _alone: MutexGuard<'static, ()>,
}

impl Post {
    /// A campaign whose requests to AWS go through a proxy with this rule, including those of its functions.
    fn new(rows: u64, seed: u64, rule: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> Self {
        Self::paced(rows, seed, 0, rule)
    }

    /// The same with a mail server that takes at most this many mails a second. With 0 there is no limit.
    fn paced(rows: u64, seed: u64, rate: u32, rule: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> Self {
        // Each campaign keeps two processors busy.
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let campaign = Campaign::generate(rows, seed);
        let (seed, rate) = (seed.to_string(), rate.to_string());
        let server = Server::start(&["--seed", &seed, "--temporary", "5", "--permanent", "1", "--rate", &rate]);
        let aws = Ministack::start();
        let proxy = Proxy::start(aws.endpoint(), rule);
        let environment = [("MAIL_SMTP", server.url.as_str()), ("MAIL_CAMPAIGN", "recipients")];
        let stack = Deployment::new(&aws, proxy.endpoint(), ("mail_campaign", "post"), "", &environment);
        Self { campaign, server, aws, stack, proxy, _alone: alone }
    }

    fn start(&self) -> Child {
        let mut command = self.campaign.command(&["--json"]);
        command.envs(self.stack.environment());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program runs")
    }

    /// Waits for the end of the program. Its summary must agree with the server's record.
    fn end(&self, program: Child) -> (Summary, Record) {
        let output = program.wait_with_output().expect("it can be waited for");
        self.check(&output)
    }

    /// The same for a program that may fail to reach AWS: the same command is run until it succeeds.
    fn end_at_last(&self) -> (Summary, Record) {
        let runs = (0..50).map(|_| self.start().wait_with_output().expect("it can be waited for"));
        let mut runs = runs.inspect(|output| println!("{}", text(&output.stderr).lines().last().unwrap_or_default()));
        let last = runs.find(|output| output.status.code() != Some(1));
        self.check(&last.expect("fifty runs were not enough"))
    }

    fn check(&self, output: &Output) -> (Summary, Record) {
        assert_eq!(output.status.code(), Some(3), "there are dead letters: {}", text(&output.stderr));
        let (rows, record) = (summary(output), self.server.record().refresh().clone());
        println!("{rows:?}, {} mails taken, {} requests had a fault", record.count("accepted"), self.proxy.faults());
        let refused: BTreeSet<_> = record.of("550").map(|event| event.to.clone()).collect();
        let valid = self.campaign.valid.iter().filter(|to| !refused.contains(*to));
        let taken: BTreeSet<_> = record.of("accepted").map(|event| event.to.clone()).collect();
        assert_eq!(taken, valid.cloned().collect(), "every valid recipient has a mail, and nobody else");
        assert_eq!(rows.accepted, self.campaign.valid.len() as u64);
        assert_eq!((rows.sent, rows.dead), (taken.len() as u64, refused.len() as u64));
        (rows, record)
    }

    /// Makes the dispatcher hide messages for this long instead of the eleven minutes that follow from the task's
    /// timeout. Messages whose event is lost then return sooner.
    async fn hide_for(&self, lease_s: u32) {
        let lambda = aws_sdk_lambda::Client::new(&config(self.aws.endpoint()).await);
        let name = "post-dispatcher";
        let found = lambda.get_function_configuration().function_name(name).send().await.expect("it is deployed");
        let mut variables = found.environment.and_then(|environment| environment.variables).unwrap_or_default();
        variables.insert("CELERIAC_LEASE_S".to_owned(), lease_s.to_string());
        let environment = Environment::builder().set_variables(Some(variables)).build();
        let update = lambda.update_function_configuration().function_name(name).environment(environment);
        update.send().await.expect("it can be changed");
    }
}

/// How many mails each recipient has.
fn mails(record: &Record) -> BTreeMap<String, Vec<Event>> {
    let mut mails: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    record.of("accepted").for_each(|event| mails.entry(event.to.clone()).or_default().push(event.clone()));
    mails
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mail_is_sent_once_though_events_come_twice_and_one_in_ten_is_lost() {
    let events = AtomicUsize::new(0);
    let post = Post::new(10_000, 11, move |asked: &Asked| {
        if asked.service != "lambda" || !asked.operation.ends_with("/invocations") {
            return Fault::None;
        }
        // The second event, and every tenth after it.
        if events.fetch_add(1, Ordering::Relaxed) % 10 == 1 { Fault::Swallowed(202) } else { Fault::Twice }
    });
    post.hide_for(10).await;
    let (_, record) = post.end(post.start());
    let twice: Vec<_> = mails(&record).into_values().filter(|mails| mails.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(post.proxy.faults() > 4, "{} events", post.proxy.faults());
}

#[test]
fn killed_workers_send_again_only_what_they_had_not_recorded() {
    // By then half of the mails that were taken before the first kill are older than `UNRECORDED_MS`, on any machine.
    let post = Post::paced(10_000, 12, RATE, |_: &Asked| Fault::None);
    let program = post.start();
    let mut record = post.server.record();
    let mut kills = Vec::new();
    for sent in [8_000, 9_000] {
        let now_ms = until("mails", || {
            record.refresh();
            record.of("accepted").nth(sent).map(|_| record.events.last().expect("one was just sent").at_ms)
        });
        let workers = post.stack.processes("worker");
        assert!(!workers.is_empty(), "somebody sends these mails");
        for worker in workers {
            let worker = Pid::from_raw(worker.cast_signed()).expect("a process has an id");
            // It may have ended meanwhile.
            let _ = kill_process(worker, Signal::KILL);
        }
        kills.push(now_ms);
    }
    let (_, record) = post.end(program);
    let recorded = record.of("accepted").filter(|mail| mail.at_ms + UNRECORDED_MS < kills[0]).count();
    let again: Vec<_> = mails(&record).into_values().filter(|mails| mails.len() > 1).collect();
    println!("{recorded} mails were recorded when workers were first killed, {} were sent again", again.len());
    assert!(recorded > 0, "too early to see that what is recorded is not sent again");
    for mails in again {
        assert!(mails.len() <= 1 + kills.len(), "{mails:?}");
        let lost = |mail: &Event| kills.iter().any(|kill| mail.at_ms.abs_diff(*kill) <= UNRECORDED_MS);
        assert!(mails[..mails.len() - 1].iter().all(lost), "it was recorded, and sent again: {mails:?}, {kills:?}");
    }
}

#[test]
fn every_mail_is_sent_through_a_network_that_drops_delays_doubles_and_cuts() {
    let seed = env::var("CELERIAC_SEED").map_or(2026, |seed| seed.parse().expect("CELERIAC_SEED is a number"));
    println!("CELERIAC_SEED={seed}");
    let odds = Odds::new(seed)
        .percent(10, Fault::Late(Duration::from_millis(100)))
        .percent(10, Fault::Twice)
        .percent(10, Fault::CutBefore)
        .percent(10, Fault::CutAfter);
    let post = Post::new(2_000, 13, move |_: &Asked| odds.draw());
    let (_, record) = post.end_at_last();
    let twice: Vec<_> = mails(&record).into_values().filter(|mails| mails.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(post.proxy.faults() > 20, "{} requests had a fault", post.proxy.faults());
}
