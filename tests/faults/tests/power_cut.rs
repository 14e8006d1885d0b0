//! Cuts the power: unsynced writes are gone, or partly there. All calls accepted according to a producer exist,
//! recorded verdicts stay, and the file is sound.
//!
//! The writes and syncs of real processes are noted in order. From these the test builds the disk as it may be after a
//! cut at any of many moments.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, Result, ensure};
use celeriac::{Client, TaskId, embedded};
use celeriac_core::parcel::Parcel;
use process_faults::{
    journal::{self, Deed, Entry, Platter},
    record::{Event, Record, What, parse},
    requests::{Request, Shape},
    roles::{FOLLOWS, PAUSE, REQUESTS},
    shim,
    site::{Role, Site, until},
    tasks::Kind,
    torment::is_quiet,
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rusqlite::Connection;

const PROGRAM: &str = env!("CARGO_BIN_EXE_process-faults");

/// How many calls are written down before the last cut.
const CALLS: usize = 1200;

/// At least this many of their ends must have been reported.
const TOLD: usize = 60;

/// How often that is tried.
const TRIES: usize = 5;

/// At how many moments the power is cut, and after how many of them workers run the rest.
const CUTS: usize = 150;
const RERUNS: usize = 2;

/// How many calls are looked up one by one after each cut: the last ones, and as many others.
const LOOKED_FOR: usize = 15;

/// The facts known when the power was cut.
#[derive(Default)]
struct Known {
    asked: BTreeMap<u64, Request>,
    accepted: Vec<TaskId>,
    /// Calls whose end was reported, in that order.
    told: Vec<TaskId>,
    /// `at_most_once` calls that have started.
    once: BTreeSet<TaskId>,
    /// How many of them had been reported when the last completed sync of the log began.
    synced: usize,
    /// The same, for each sync that has not ended.
    begun: BTreeMap<u64, usize>,
}

#[test]
fn accepted_and_recorded_calls_outlive_a_power_cut() {
    let seed = env::var("CELERIAC_SEED").map_or(2026, |seed| seed.parse().expect("CELERIAC_SEED is a number"));
    println!("CELERIAC_SEED={seed}");
    let mut written = (0..TRIES).filter_map(|_| write(seed).expect("processes can be watched"));
    let entries = written.next().expect("not every time is a process killed while it notes what it did");
    let (known, undone) = cut(&entries, Platter::default(), seed, RERUNS).unwrap_or_else(|wrong| panic!("{wrong:#}"));
    let (accepted, told) = (known.accepted.len(), known.told.len());
    println!(
        "{} writes and syncs, {CUTS} cuts, {accepted} calls accepted, {told} told; {undone} times a call had been told and \
         its record was not synced yet",
        entries.len()
    );
    assert!(accepted > CALLS / 2 && told > TOLD / 2, "little was known");
    let wrong = cut(&entries, Platter::that_lies(), seed, 0).err().expect("a disk that does not sync is noticed");
    println!("with a disk that does not sync: {wrong:#}");
}

/// Cuts the power at many moments. Returns the facts known at the last one, and how often a call's end had been
/// reported that was not on the disk yet.
fn cut(entries: &[Entry], mut platter: Platter, seed: u64, reruns: usize) -> Result<(Known, usize)> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut cuts: Vec<usize> = (0..CUTS).map(|_| rng.random_range(0..entries.len())).collect();
    cuts.sort_unstable();
    let reruns: BTreeSet<usize> = (0..reruns).map(|_| rng.random_range(CUTS / 4..CUTS)).collect();
    let (mut known, mut next, mut undone) = (Known::default(), 0, 0);
    for (at, cut) in cuts.into_iter().enumerate() {
        for entry in &entries[next..cut] {
            platter.take(entry);
            known.take(entry);
        }
        next = cut;
        let folder = tempfile::tempdir()?;
        for (path, bytes) in platter.cut(&mut rng) {
            let name = path.file_name().and_then(|name| name.to_str()).filter(|name| name.starts_with("celeriac.db"));
            if let Some(name) = name {
                fs::write(folder.path().join(name), bytes)?;
            }
        }
        let at_cut = || format!("a cut after entry {cut} of {}", entries.len());
        undone += look(folder.path(), &known, &mut rng).with_context(at_cut)?;
        if reruns.contains(&at) {
            rerun(folder.path(), &known).with_context(at_cut)?;
        }
    }
    Ok((known, undone))
}

/// Runs processes, kills some of them at random, and returns their writes. `None` if one was killed while noting a
/// write.
fn write(seed: u64) -> Result<Option<Vec<Entry>>> {
    let folder = tempfile::tempdir()?;
    let (beside, library) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let library = shim::build(library.path());
    let journal = beside.path().join("journal");
    let mut site = Site::new(PROGRAM, folder.path(), seed);
    shim::note_writes(&mut site, &library, &journal);
    site.set(FOLLOWS, &1);
    site.set(PAUSE, &10);
    let workers = [site.add(Role::Worker), site.add(Role::Worker)];
    let producers = [site.add(Role::Producer), site.add(Role::Producer)];
    site.set(REQUESTS, &30);
    for slot in workers.iter().chain(&producers) {
        site.start(*slot);
    }
    for slot in producers {
        let ended = until("a producer to end", || site.ended(slot));
        ensure!(ended.is_empty(), "a producer failed: {ended}");
    }
    // No process writes: the log is copied, emptied and restarted.
    until("the log to be emptied", || {
        let is_quiet = is_quiet(&site.database()).ok()?;
        (is_quiet && fs::metadata(folder.path().join("celeriac.db-wal")).ok()?.len() == 0).then_some(())
    });

    site.set(REQUESTS, &usize::MAX);
    let mut record = Record::new(&site.log());
    let mut happened = |calls: usize| {
        until("calls to start, and to be told to have ended", || {
            record.refresh();
            let count = |is_it: fn(&What) -> bool| record.events.iter().filter(|event| is_it(&event.what)).count();
            let started = count(|what| matches!(what, What::Started { .. }));
            let told = count(|what| matches!(what, What::Told(_)));
            (started >= calls && told > calls * TOLD / CALLS).then_some(())
        });
    };
    for slot in producers {
        site.start(slot);
    }
    happened(CALLS / 2);
    let some = [workers[1], producers[0]];
    site.kill(&some);
    for slot in some {
        site.start(slot);
    }
    happened(CALLS);
    // Killed and not stopped, since closing a file copies its log.
    site.kill(&[workers, producers].concat());
    Ok(journal::read(&journal)?)
}

impl Known {
    fn take(&mut self, entry: &Entry) {
        let name = Path::new(&*entry.path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match &entry.deed {
            Deed::Write { data, .. } if entry.path.contains("/log/") => {
                let text = std::str::from_utf8(data).expect("witnesses write text");
                for event in parse(text, &Arc::from(name)) {
                    self.learn(&event);
                }
            }
            Deed::SyncBegins { sync } if name == "celeriac.db-wal" => drop(self.begun.insert(*sync, self.told.len())),
            Deed::SyncEnds { sync } if name == "celeriac.db-wal" => {
                self.synced = self.synced.max(self.begun.remove(sync).unwrap_or(0));
            }
            _ => {}
        }
    }

    fn learn(&mut self, event: &Event) {
        match &event.what {
            What::Asked(request) => drop(self.asked.insert(request.number, *request)),
            What::Accepted { number, id } => match self.asked[number].shape {
                Shape::Batch(calls) => {
                    let batch: celeriac::BatchId = id.parse().expect("a batch has an id");
                    self.accepted.extend((0..calls).map(|index| batch.call(index)));
                }
                _ => self.accepted.push(id.parse().expect("a call has an id")),
            },
            What::Told(call) => self.told.push(*call),
            What::Started { call, kind: Kind::Once, .. } => drop(self.once.insert(*call)),
            _ => {}
        }
    }

    /// Calls reported before the last sync of the log began: they are surely recorded.
    fn recorded(&self) -> &[TaskId] {
        &self.told[..self.synced]
    }
}

/// Checks that everything is there. Returns how many calls had been reported as ended that are not on the disk yet.
fn look(folder: &Path, known: &Known, rng: &mut StdRng) -> Result<usize> {
    let database = folder.join("celeriac.db");
    if !database.exists() {
        ensure!(known.accepted.is_empty(), "there is no file");
        return Ok(0);
    }
    let client = Client::new(embedded::open(&database)?);
    let db = Connection::open(&database)?;
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(sound == "ok", "the file is damaged: {sound}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let is_final = |call: TaskId| -> Result<bool> { Ok(runtime.block_on(client.status(call))?.is_final()) };

    let waiting = waiting(&db)?;
    let gone: Vec<TaskId> = known.accepted.iter().copied().filter(|call| !waiting.contains(call)).collect();
    for call in some(&gone, rng) {
        ensure!(is_final(call)?, "call {call} was accepted; it has no message and has not ended (G1)");
    }
    for call in some(known.recorded(), rng) {
        ensure!(is_final(call)?, "call {call} was recorded, that was synced, and it is open again (G3)");
    }
    let mut undone = 0;
    for call in &known.told[known.synced..] {
        undone += usize::from(!is_final(*call)?);
    }
    Ok(undone)
}

/// The last of some calls, and as many others.
fn some(calls: &[TaskId], rng: &mut StdRng) -> Vec<TaskId> {
    let last = calls.iter().rev().take(LOOKED_FOR).copied();
    let others = (0..LOOKED_FOR.min(calls.len())).map(|_| calls[rng.random_range(0..calls.len())]);
    last.chain(others).collect()
}

/// The calls that are in a message.
fn waiting(db: &Connection) -> Result<BTreeSet<TaskId>> {
    let mut bodies = db.prepare(
        "SELECT coalesce(message.bytes, body.bytes) FROM message LEFT JOIN body ON body.message = message.id",
    )?;
    let mut waiting = BTreeSet::new();
    for body in bodies.query_map([], |row| row.get::<_, Vec<u8>>(0))? {
        let parcel = Parcel::open(&body?.into())?;
        waiting.extend((0..parcel.count()).map(|position| parcel.call(position)));
    }
    Ok(waiting)
}

/// Lets workers run the rest, and checks that every accepted call ends and no recorded one runs.
fn rerun(folder: &Path, known: &Known) -> Result<()> {
    let mut site = Site::new(PROGRAM, folder, 0);
    let worker = site.add(Role::Worker);
    site.start(worker);
    until("all calls to end", || is_quiet(&site.database()).ok()?.then_some(()));
    site.stop(&[worker]);
    let mut record = Record::new(&site.log());
    let recorded: BTreeSet<TaskId> = known.recorded().iter().copied().collect();
    for event in record.refresh() {
        if let What::Started { call, .. } = event.what {
            ensure!(!recorded.contains(&call), "call {call} was recorded, and runs again (G3)");
            ensure!(!known.once.contains(&call), "call {call} is at most once, had started, and runs again (G3)");
        }
    }
    let client = Client::new(embedded::open(&site.database())?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for call in &known.accepted {
        let status = runtime.block_on(client.status(*call))?;
        ensure!(status.is_final(), "call {call} was accepted, and is {status} (G2)");
    }
    Ok(())
}
