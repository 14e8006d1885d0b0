//! The clocks of single processes jump by hours, forwards and backwards. No call is lost, and none runs twice unless
//! its holder lost its lease because of another clock.

use std::{env, thread, time::Duration};

use process_faults::{
    audit::{Losses, audit},
    facts::Facts,
    observer::Observer,
    record::{Record, What},
    roles::LEASE,
    shim::{WrongClock, build},
    site::{Blow, Role, Site, until},
    torment::quiesce,
    witness::now_us,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// How many jumps there are, and how far they go at most, in milliseconds.
const JUMPS: usize = 24;
const FARTHEST_MS: i64 = 6 * 3_600_000;

/// The lease in milliseconds; lost parcels are taken over that much later.
const LEASE_MS: u64 = 3000;

#[test]
fn clocks_that_jump_lose_nothing_and_double_nothing_beyond_a_lease() {
    let seed = env::var("CELERIAC_SEED").map_or(2026, |seed| seed.parse().expect("CELERIAC_SEED is a number"));
    println!("CELERIAC_SEED={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (folder, beside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let library = build(beside.path());
    let mut site = Site::new(env!("CARGO_BIN_EXE_process-faults"), folder.path(), seed);
    site.set(LEASE, &LEASE_MS);
    let roles = [Role::Worker, Role::Worker, Role::Producer, Role::Producer];
    let slots = roles.map(|role| site.add(role));
    let clocks = slots.map(|slot| {
        let file = beside.path().join(format!("clock-{slot}"));
        let clock = WrongClock::new(&mut site, &library, &file).expect("a clock can be made wrong");
        site.start(slot);
        clock
    });
    let mut record = Record::new(&site.log());
    let mut started = || {
        record.refresh();
        record.events.iter().filter(|event| matches!(event.what, What::Started { .. })).count()
    };
    until("calls to run", || (started() > 50).then_some(()));
    let mut observer = Observer::new(&site.database(), &site.log()).expect("the file can be opened");

    let from_us = now_us();
    for _ in 0..JUMPS {
        // Mostly one clock jumps, as if each container had its own; sometimes all do, as when a machine's clock is set.
        let offset_ms = rng.random_range(-FARTHEST_MS..=FARTHEST_MS);
        if rng.random_range(0..4) == 0 {
            set(&clocks, offset_ms);
        } else {
            let one = rng.random_range(0..clocks.len());
            set(&clocks[one..=one], offset_ms);
        }
        thread::sleep(Duration::from_millis(rng.random_range(0..250)));
        observer.look(100).expect("the file can be read");
    }
    let before = started();
    // Calls due by the clock that went farthest are late by as much; here until all clocks show that time.
    set(&clocks, 2 * FARTHEST_MS);
    until("calls to run", || (started() > before).then_some(()));
    let shown =
        WrongClock::new(&mut site, &library, &beside.path().join("clock-last")).expect("a clock can be made wrong");
    shown.set(2 * FARTHEST_MS).expect("it can be set");
    quiesce(&mut site, &mut observer).expect("all ends well");

    // While clocks disagree, any holder may lose its lease by another's clock.
    let lives = slots.map(|slot| site.life(slot));
    let disagree = lives.map(|life| Blow { life, from_us, upto_us: now_us(), killed: false });
    let facts = Facts::new(&observer.record().events);
    let observed = std::mem::take(&mut observer.observed);
    drop(observer);
    let verdicts = audit(&site.database(), &facts, &disagree, &observed, Losses::Leases).expect("the file can be read");
    println!("{verdicts:?}");
    assert!(verdicts.is_good(), "{}", verdicts.story());
}

fn set(clocks: &[WrongClock], offset_ms: i64) {
    for clock in clocks {
        clock.set(offset_ms).expect("a file can be written to");
    }
}
