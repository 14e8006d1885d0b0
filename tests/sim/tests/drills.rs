//! Faults of a deployment that last for hours or days cost little, and lose nothing.

use std::time::Duration;

use simulation::{Broken, Drill, Drilled, Mutation, Waited, drill};

/// A day in which no worker begins, while a thousand parcels wait on a wide queue.
fn a_day(broken: Broken) -> Drill {
    Drill {
        broken,
        lasts: Duration::from_hours(24),
        cold_start: Duration::from_millis(200),
        calls: 1_000,
        cap: 100,
        dispatchers: 10,
        max_receives: 1_000,
        most_invocations: 2_000,
        end: Waited::Run,
    }
}

/// The same with messages that are dead after a few receives, so that they are sent again and again.
fn few_receives() -> Drill {
    Drill { calls: 20, max_receives: 5, end: Waited::Retried, ..a_day(Broken::Init) }
}

/// Longer than SQS keeps a message.
fn sixteen_days() -> Drill {
    // More receives than SQS has at most: its dead-letter queue would come first, and send it anew.
    let (lasts, max_receives) = (Duration::from_hours(16 * 24), 2_000);
    Drill { lasts, max_receives, calls: 5, dispatchers: 2, end: Waited::Retried, ..a_day(Broken::Init) }
}

fn well(what: &Drill) -> Drilled {
    let drilled = drill(what, None, false);
    assert_eq!(drilled.violations, Vec::<String>::new(), "{what:?}");
    assert_eq!(drilled.ran, what.calls as usize);
    println!("{:?}: {} invocations", what.broken, drilled.invocations);
    drilled
}

#[test]
fn a_set_up_that_fails_for_a_day_is_launched_a_few_hundred_times() {
    well(&a_day(Broken::Init));
}

#[test]
fn a_concurrency_of_zero_is_launched_a_few_hundred_times() {
    well(&Drill { calls: 300, lasts: Duration::from_hours(6), ..a_day(Broken::NoConcurrency) });
}

#[test]
fn calls_that_no_worker_ever_begins_are_dead_letters_at_last() {
    well(&few_receives());
}

#[test]
fn calls_that_wait_for_longer_than_sqs_keeps_them_are_dead_letters_and_not_lost() {
    well(&Drill { most_invocations: 6_000, ..sixteen_days() });
}

#[test]
fn every_broken_rule_is_noticed_in_a_drill() {
    let one = Drill { calls: 200, lasts: Duration::from_hours(1), most_invocations: 500, ..a_day(Broken::Init) };
    // As long as Lambda waits for a set-up.
    let slow = Drill { cold_start: Duration::from_secs(10), ..one.clone() };
    // The count has three shards.
    let sharded = Drill { cap: 200, calls: 1_000, lasts: Duration::from_mins(10), ..slow.clone() };
    let missed: Vec<_> = [
        (Mutation::BrakeIgnored, &one),
        (Mutation::ProbesTogether, &slow),
        (Mutation::BrakedForEver, &one),
        (Mutation::ResentForEver, &few_receives()),
        (Mutation::AgeUnknown, &sixteen_days()),
        (Mutation::ShardsIgnored, &sharded),
    ]
    .into_iter()
    .filter(|(mutation, drilled)| {
        let noticed = drill(drilled, Some(*mutation), false).violations.into_iter().next();
        println!("{mutation:?}: {noticed:?}");
        noticed.is_none()
    })
    .map(|(mutation, _)| mutation)
    .collect();
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}
