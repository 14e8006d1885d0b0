//! Checks small runs for what must hold in every run, so that the page's recipe keeps working.

use std::time::Duration;

use scale::{Length, Outcome, Runs, Setup, limits, rivals, run, search, write};

fn small(workers: usize) -> Setup {
    Setup::new(20_000, Length::Usual, workers)
}

fn units(outcome: &Outcome, service: &str, operation: &str) -> f64 {
    let line = outcome.bill.lines.iter().find(|line| line.service == service && line.operation == operation);
    line.map_or(0.0, |line| line.units)
}

#[test]
fn every_call_runs_once_and_no_limit_is_undercut() {
    let outcome = run(&small(20));
    assert_eq!((outcome.started.calls, outcome.started.again), (20_000, 0));
    assert_eq!(outcome.started.steps.iter().sum::<u64>(), 20_000, "each start is drawn");
    assert!(outcome.done >= outcome.setup.bound(), "{:?} < {:?}", outcome.done, outcome.setup.bound());
    let before_the_first = limits::INVOKE / 2 + limits::COLD_START;
    assert!(outcome.started.first >= before_the_first, "a call starts after an Invoke and a cold start");
    assert!(outcome.most_workers <= 20, "the cap holds: {}", outcome.most_workers);
    assert!(outcome.in_flight as u64 <= outcome.parcels);
    assert_eq!(outcome.failed, 0, "both functions answer every event");
}

/// A million calls of a millisecond were billed 6,700 requests and units by the SDK's clients (docs/aws.md), which the
/// simulation does not use.
#[test]
fn requests_are_those_that_the_sdk_makes() {
    let outcome = run(&Setup::new(100_000, Length::Quick, 1000));
    // The end of each parcel, the opening of the batch, and cancelled transactions.
    let transactions = 4 * outcome.parcels + 4 + 2 * outcome.conflicts;
    assert_eq!(units(&outcome, "DynamoDB", "TransactWriteItems") as u64, transactions, "{}", outcome.bill);
    assert_eq!(units(&outcome, "SQS", "DeleteMessageBatch") as u64, outcome.parcels);
    let million = outcome.bill.units() * 10.0;
    assert!((6_000.0..8_000.0).contains(&million), "{}", outcome.bill);
}

/// All dispatchers and workers count in one item. Three hundred waiting dispatchers once counted at each look, so that
/// no worker could report its end: 500,000 calls of half a minute took 816 s instead of 150.
#[test]
fn a_dispatcher_that_waits_for_room_looks_and_does_not_count() {
    let outcome = run(&Setup::new(10_000, Length::Long, 10));
    let (updates, parcels) = (units(&outcome, "DynamoDB", "UpdateItem"), outcome.parcels as f64);
    assert!(units(&outcome, "DynamoDB", "GetItem") > parcels, "they wait: {}", outcome.bill);
    assert!(updates < 10.0 * parcels, "a claim, what is granted, what has ended, and little else: {}", outcome.bill);
    assert_eq!((outcome.throttled_writes, outcome.failed), (0, 0));
}

#[test]
fn more_workers_are_never_slower() {
    let done = [2, 5, 20].map(|workers| run(&small(workers)).done);
    assert!(done.is_sorted_by(|few, many| few >= many), "{done:?}");
}

#[test]
fn a_seed_is_one_run_and_another_seed_is_another() {
    let of = |seed| {
        let outcome = run(&Setup { seed, ..small(20) });
        (outcome.done, outcome.started.steps, outcome.bill.units())
    };
    assert!(of(1) == of(1));
    assert!(of(1) != of(2));
}

/// The page's claims about other ways hold in every run: none exceeds the capacity of its own workers.
#[test]
fn other_ways_have_their_bounds_too() {
    for rival in rivals(&small(20)) {
        let alone = Duration::from_millis(50);
        assert!(rival.done >= alone && rival.started <= rival.done, "{rival:?}");
        assert!(rival.dollars > 0.0, "{rival:?}");
    }
}

/// The recipe, with few calls.
#[test]
fn a_page_is_written_with_tables_and_drawings() {
    let docs = tempfile::tempdir().expect("there is room for files");
    let marks = ["runs", "requests", "ways", "planner"].map(|name| format!("<!-- {name} -->\n<!-- /{name} -->\n"));
    std::fs::write(docs.path().join("scale.md"), marks.concat()).expect("the page can be written");
    let setup = Setup::new(5_000, Length::Usual, 10);
    let runs = Runs { outcomes: vec![run(&setup)], found: vec![search(&setup)], drawn: (5_000, 10) };
    write(docs.path(), &runs).expect("the page has all marks");
    let page = std::fs::read_to_string(docs.path().join("scale.md")).expect("the page is there");
    assert!(page.contains("| 5,000 | 10 | 10 | 4,000 |") && page.contains("| **Celeriac**, simulated |"), "{page}");
    for drawing in ["started", "time", "dollars"] {
        let text = std::fs::read_to_string(docs.path().join(format!("scale/{drawing}.svg"))).expect("it is drawn");
        assert!(text.starts_with("<svg") && text.contains("Celeriac"), "{drawing}");
    }
}
