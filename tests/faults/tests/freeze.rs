//! A worker stands still for longer than its lease. Others take over what it had; when it goes on it neither records nor
//! sends nor deletes any of that, and works.

use std::{collections::BTreeSet, env, thread, time::Duration};

use celeriac::TaskId;
use process_faults::{
    record::{How, Record, What},
    roles::{LEASE, PAUSE, REQUESTS},
    site::{Role, Site, until},
    snapshot::snapshot,
    torment::{Plan, is_quiet, round},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_process-faults");

/// The lease of the workers here, in milliseconds.
const LEASE_MS: u64 = 1000;

#[test]
fn a_worker_that_wakes_after_its_lease_changes_nothing_and_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut site = Site::new(PROGRAM, folder.path(), 1);
    site.set(LEASE, &LEASE_MS);
    site.set(PAUSE, &0);
    let (sleeper, other) = (site.add(Role::Worker), site.add(Role::Worker));
    let (first, second) = (site.add(Role::Producer), site.add(Role::Producer));
    let mut record = Record::new(&site.log());
    let life = site.start(sleeper);
    until("the worker to be ready", || has(&mut record, &What::Ready).then_some(()));

    // It stands still in the middle of calls, and not in a turn: whoever does that holds up all who write.
    site.set(REQUESTS, &60);
    site.start(first);
    let running = until("it to stand still in the middle of calls", || {
        site.freeze(sleeper);
        let running = running(&mut record, &life);
        if running.len() > 1 && !has_the_turn(&site) {
            return Some(running);
        }
        site.thaw(sleeper);
        thread::sleep(Duration::from_millis(2));
        None
    });
    println!("{} calls were under way", running.len());
    site.start(other);
    until("the other to do it all", || {
        (!site.runs(first) || site.ended(first).is_some()).then_some(())?;
        is_quiet(&site.database()).ok()?.then_some(())
    });
    site.kill(&[other]);
    let before = snapshot(&site.database()).expect("the file can be read");

    site.thaw(sleeper);
    until("what was under way to end in it", || {
        let left = self::running(&mut record, &life);
        left.is_disjoint(&running).then_some(())
    });
    let starts = |record: &mut Record| {
        record.refresh();
        let starts =
            record.events.iter().filter(|event| event.life == life && matches!(event.what, What::Started { .. }));
        starts.count()
    };
    let started = starts(&mut record);
    site.set(REQUESTS, &20);
    site.start(second);
    until("it to work again", || {
        (!site.runs(second) || site.ended(second).is_some()).then_some(())?;
        is_quiet(&site.database()).ok()?.then_some(())
    });
    assert!(starts(&mut record) > started, "it runs nothing any more");
    site.stop(&[sleeper]);

    let after: BTreeSet<_> = snapshot(&site.database()).expect("the file can be read").into_iter().collect();
    let changed: Vec<_> = before.iter().filter(|row| !after.contains(*row)).collect();
    assert!(changed.is_empty(), "what it had lost was changed by it: {changed:#?}\n{}", site.errors(sleeper));
    let acted = record.events.iter().filter(|event| match event.what {
        What::Ended { call, how: How::Well | How::Failed, .. } => event.life == life && running.contains(&call),
        _ => false,
    });
    println!("{} of them ended in it, and were not recorded", acted.count());
}

#[test]
fn whoever_stands_still_doubles_nothing_beyond_its_lease() {
    let seed = env::var("CELERIAC_SEED").map_or(2026, |seed| seed.parse().expect("CELERIAC_SEED is a number"));
    println!("CELERIAC_SEED={seed}");
    let round = round(PROGRAM.as_ref(), Plan { seed, kills: 3, freezes: 2 }).expect("a round can be played");
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

/// Whether someone has the turn to write.
fn has_the_turn(site: &Site) -> bool {
    let locks = site.folder.join("celeriac.db-locks");
    ["gate", "room"].iter().any(|name| std::fs::File::open(locks.join(name)).is_ok_and(|lock| lock.try_lock().is_err()))
}
