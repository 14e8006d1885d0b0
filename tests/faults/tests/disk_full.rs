//! Fills the disk while calls are sent and run. Senders get correct answers; no call is lost, blamed or run twice; and
//! once there is space again everything continues by itself.

use std::{collections::BTreeMap, env, fs, thread, time::Duration};

use celeriac::embedded;
use process_faults::{
    audit::{Losses, audit},
    disk::Disk,
    facts::{Answer, Asked, Facts},
    observer::Observer,
    record::{Record, What},
    roles::{LEASE, PAUSE},
    site::{Role, Site, until},
    torment::quiesce,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// How large the disk is: room for the file and its log, which is made shorter from 32 MB on.
const KILOBYTES: u32 = 64 << 10;

/// How often it is filled.
const TIMES: usize = 3;

/// The lease in milliseconds: longer than the disk is full. Messages that could not be put back return after it.
const LEASE_MS: u64 = 10_000;

/// The unit of free space on a disk.
const PAGE_BYTES: u64 = 4096;

#[test]
fn a_full_disk_is_said_and_nothing_else() {
    let seed = env::var("CELERIAC_SEED").map_or(2026, |seed| seed.parse().expect("CELERIAC_SEED is a number"));
    println!("CELERIAC_SEED={seed}");
    let Some(disk) = Disk::new(KILOBYTES) else {
        println!("SKIPPED: this user may not mount a small disk (CAP_SYS_ADMIN); run it as root to fill one");
        return;
    };
    let mut rng = StdRng::seed_from_u64(seed);
    let log = tempfile::tempdir().expect("a temporary folder");
    let mut site = Site::new(env!("CARGO_BIN_EXE_process-faults"), disk.path(), seed).log_to(log.path());
    site.set(PAUSE, &20);
    site.set(LEASE, &LEASE_MS);
    let workers = [site.add(Role::Worker), site.add(Role::Worker)];
    let producers = [site.add(Role::Producer), site.add(Role::Producer)];
    for slot in workers.iter().chain(&producers) {
        site.start(*slot);
    }
    let mut record = Record::new(&site.log());
    until("calls to run", || (count(&mut record, is_start) > 100).then_some(()));
    let mut observer = Observer::new(&site.database(), &site.log()).expect("the file can be opened");

    for time in 0..TIMES {
        let (refused, taken) = (count(&mut record, is_refusal), disk.fill().expect("a disk can be filled"));
        until("a producer to be refused", || (count(&mut record, is_refusal) > refused).then_some(()));
        // For a while there is a little space: some writes succeed, others do not.
        for _ in 0..rng.random_range(0..4) {
            disk.give_back(rng.random_range(0..100_000)).expect("it can be made smaller");
            thread::sleep(Duration::from_millis(rng.random_range(0..100)));
            disk.fill().expect("a disk can be filled");
        }
        let accepted = count(&mut record, is_acceptance);
        disk.give_back(u64::MAX).expect("it can be made smaller");
        until("calls to be accepted again", || (count(&mut record, is_acceptance) > accepted).then_some(()));
        println!("{time}: {taken} bytes were left, {} answers were refusals", count(&mut record, is_refusal) - refused);
        observer.look(1000).expect("the file can be read");
    }
    quiesce(&mut site, &mut observer).expect("all ends well");

    let facts = Facts::new(&observer.record().events);
    let observed = std::mem::take(&mut observer.observed);
    drop(observer);
    // No process was killed, and leases are longer than the test: nothing excuses a repeated run.
    let verdicts = audit(&site.database(), &facts, &[], &observed, Losses::Kills).expect("the file can be read");
    println!("{verdicts:?}");
    assert!(verdicts.is_good(), "{}", verdicts.story());
    assert_eq!(verdicts.runs_again, 0);
    messages(&record, &site);
    for slot in workers {
        let log = site.errors(slot);
        log.lines().filter(|line| line.contains("cannot")).take(6).for_each(|line| println!("{line}"));
    }
    let rejected = facts.asked.values().filter(|Asked { answer, .. }| matches!(answer, Some(Answer::Rejected(_))));
    println!("{} requests were rejected for good", rejected.count());
}

#[test]
fn a_file_for_which_there_is_no_room_says_so_however_little_is_missing() {
    let Some(disk) = Disk::new(1 << 10) else {
        println!("SKIPPED: this user may not mount a small disk (CAP_SYS_ADMIN); run it as root to fill one");
        return;
    };
    disk.fill().expect("a disk can be filled");
    let mut refusals = 0;
    for number in 0.. {
        // The last try's files would be in the way of the next.
        let file = disk.path().join(format!("{number}.db"));
        let Err(error) = embedded::open(&file) else { break };
        let text = error.to_string();
        assert!(text.contains("the disk is full; free some space"), "after {number} pages: {text}");
        refusals += 1;
        for left in ["db", "db-wal", "db-shm", "db-journal"] {
            // Some do not exist.
            let _ = fs::remove_file(file.with_extension(left));
        }
        let _ = fs::remove_dir_all(file.with_extension("db-locks"));
        disk.fill().expect("a disk can be filled");
        disk.give_back((number + 1) * PAGE_BYTES).expect("it can be made smaller");
    }
    println!("{refusals} times there was too little room");
    assert!(refusals > 10, "{refusals}");
}

/// Each refusal names the file, the cause and the cure.
fn messages(record: &Record, site: &Site) {
    let mut texts: BTreeMap<String, usize> = BTreeMap::new();
    for event in &record.events {
        if let What::Rejected { why, .. } | What::Doubtful { why, .. } = &event.what {
            assert!(why.contains(&*site.database().to_string_lossy()), "it does not name the file: {why}");
            let says_what = why.contains("the disk is full") && why.contains("free some space");
            // The outcome of a commit that fails in the middle is also unknown.
            assert!(says_what || why.contains("look at the disk"), "it does not say what to do: {why}");
            let text =
                why.split(' ').map(|word| if word.len() > 26 { ".." } else { word }).collect::<Vec<_>>().join(" ");
            *texts.entry(text).or_default() += 1;
        }
    }
    assert!(!texts.is_empty(), "nobody was refused");
    for (text, times) in &texts {
        println!("{times} times: {text}");
    }
}

fn count(record: &mut Record, is_it: fn(&What) -> bool) -> usize {
    record.refresh();
    record.events.iter().filter(|event| is_it(&event.what)).count()
}

fn is_start(what: &What) -> bool {
    matches!(what, What::Started { .. })
}

fn is_refusal(what: &What) -> bool {
    matches!(what, What::Rejected { .. } | What::Doubtful { .. })
}

fn is_acceptance(what: &What) -> bool {
    matches!(what, What::Accepted { .. })
}
