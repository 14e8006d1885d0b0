//! Freezes a worker for longer than its lease. Others take over its parcels. When it continues, it neither records nor
//! sends nor deletes anything of them, and works on.

use std::{collections::BTreeSet, env, fs::File, thread, time::Duration};

use celeriac::TaskId;
use process_faults::{
    audit::{Losses, audit},
    facts::Facts,
    observer::Observer,
    record::{How, Record, What},
    roles::{LEASE, PAUSE, REQUESTS},
    site::{Role, Site, until},
    snapshot::held,
    torment::{TormentPlan, is_quiet, round},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_process-faults");

/// The leases of the frozen worker and of the one that takes over, in milliseconds.
const SHORT_MS: u64 = 1000;
const LONG_MS: u64 = 60_000;

/// How often the test tries to catch the second worker in the middle of the first one's calls.
const TRIES: u64 = 5;

#[test]
fn a_worker_that_wakes_after_its_lease_changes_nothing_and_goes_on() {
    assert!((1..=TRIES).any(wakes_after_its_lease), "the second worker was too quick, {TRIES} times");
}

/// Freezes both workers in the middle of the same calls, which the second one holds; then the first is thawed. `false`
/// if the second had finished them before it could be frozen.
fn wakes_after_its_lease(seed: u64) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut site = Site::new(PROGRAM, folder.path(), seed);
    site.set(PAUSE, &0);
    let (first, second) = (site.add(Role::Worker), site.add(Role::Worker));
    let (before, after) = (site.add(Role::Producer), site.add(Role::Producer));
    let mut record = Record::new(&site.log());
    site.set(LEASE, &SHORT_MS);
    let life = site.start(first);
    until("the worker to be ready", || has(&mut record, &What::Ready).then_some(()));
    site.set(REQUESTS, &60);
    site.start(before);
    let lost = until("it to stand still in the middle of calls", || {
        caught(&mut site, first, || Some(running(&mut record, &life)).filter(|running| running.len() > 1))
    });
    until("the producer to end", || (!site.runs(before) || site.ended(before).is_some()).then_some(()));

    site.set(LEASE, &LONG_MS);
    let taker = site.start(second);
    let taken = until("the other to take over", || {
        let mut taken = || Some(&running(&mut record, &taker) & &lost).filter(|taken| !taken.is_empty());
        let caught = caught(&mut site, second, &mut taken);
        let too_late = caught.is_none() && is_quiet(&site.database()).ok()?;
        if too_late { Some(BTreeSet::new()) } else { caught }
    });
    if taken.is_empty() {
        return false;
    }
    println!("{} calls were under way, and {} of them again when the first woke", lost.len(), taken.len());
    let holder = site.pid(second);
    let rows = held(&site.database(), holder).expect("the file can be read");
    assert!(!rows.is_empty(), "nobody holds what runs");

    site.thaw(first);
    until("what was under way to end in it", || running(&mut record, &life).is_disjoint(&lost).then_some(()));
    let started = starts(&mut record, &life);
    site.set(REQUESTS, &20);
    site.start(after);
    until("it to work again", || (starts(&mut record, &life) > started).then_some(()));
    until("the producer to end", || (!site.runs(after) || site.ended(after).is_some()).then_some(()));
    let now = held(&site.database(), holder).expect("the file can be read");
    assert_eq!(rows, now, "it changed what it had lost\n{}", site.errors(first));

    site.thaw(second);
    until("all calls to end", || is_quiet(&site.database()).ok()?.then_some(()));
    let mut observer = Observer::new(&site.database(), &site.log()).expect("the file can be opened");
    observer.look(usize::MAX).expect("the file can be read");
    site.stop(&[first, second]);
    let facts = Facts::new(&observer.record().events);
    let verdicts = audit(&site.database(), &facts, &site.blows, &observer.observed, Losses::Leases);
    let verdicts = verdicts.expect("the file can be read");
    assert!(verdicts.is_good(), "{}", verdicts.story());
    let acted = facts.calls.iter().filter(|(call, _)| lost.contains(call)).flat_map(|(_, seen)| &seen.starts);
    let acted = acted.filter(|start| *start.life == *life && matches!(start.end, Some((_, How::Well | How::Failed))));
    println!("{} of them ended in the first all the same", acted.count());
    true
}

/// Freezes a worker, and thaws it again unless it was caught in the right activity and without the turn to write: a
/// process frozen in its turn blocks all writers.
fn caught<T>(site: &mut Site, slot: usize, mut at: impl FnMut() -> Option<T>) -> Option<T> {
    site.freeze(slot);
    let found = at().filter(|_| !has_the_turn(site));
    if found.is_none() {
        site.go_on(slot);
        thread::sleep(Duration::from_millis(1));
    }
    found
}

fn starts(record: &mut Record, life: &str) -> usize {
    record.refresh();
    let of_it = record.events.iter().filter(|event| *event.life == *life);
    of_it.filter(|event| matches!(event.what, What::Started { .. })).count()
}

#[test]
fn a_frozen_process_doubles_nothing_beyond_its_lease() {
    let seed = env::var("CELERIAC_SEED").map_or(2026, |seed| seed.parse().expect("CELERIAC_SEED is a number"));
    println!("CELERIAC_SEED={seed}");
    let round = round(PROGRAM.as_ref(), TormentPlan { seed, kills: 3, freezes: 2 }).expect("a round can be played");
    println!("{round:?}");
    assert!(round.verdicts.is_good(), "{}", round.verdicts.story());
    assert_eq!((round.kills, round.freezes), (3, 2));
}

fn has(record: &mut Record, what: &What) -> bool {
    record.refresh();
    record.events.iter().any(|event| event.what == *what)
}

/// The calls that a life has begun and not ended.
fn running(record: &mut Record, life: &str) -> BTreeSet<TaskId> {
    record.refresh();
    let mut running = BTreeSet::new();
    for event in record.events.iter().filter(|event| *event.life == *life) {
        match event.what {
            What::Started { call, .. } => drop(running.insert(call)),
            What::Ended { call, .. } => drop(running.remove(&call)),
            _ => {}
        }
    }
    running
}

/// Whether any process has the turn to write.
fn has_the_turn(site: &Site) -> bool {
    let locks = site.folder.join("celeriac.db-locks");
    let is_taken = |name| File::open(locks.join(name)).is_ok_and(|lock| lock.try_lock().is_err());
    is_taken("gate") || is_taken("room")
}
