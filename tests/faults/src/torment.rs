//! One round of kills: workers and producers on a new file are killed at moments drawn from a seed and started again,
//! until all are idle and can be checked.

use std::{path::Path, thread, time::Duration};

use anyhow::{Context as _, Result};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::{
    audit::{Losses, Verdicts, audit},
    facts::Facts,
    moment::{Moment, Moments, moment},
    observer::Observer,
    roles::{LEASE, REQUESTS},
    site::{Role, Site, until},
    witness::now_us,
};

/// How many processes of each role there are.
const WORKERS: usize = 3;
const PRODUCERS: usize = 2;

/// The lease in milliseconds, in rounds whose freezes last longer.
const LEASE_MS: u64 = 2000;

/// How long to wait until a process does the activity that it is to be killed in, in microseconds.
const AIM_US: u64 = 60_000;

/// The blows of a round.
#[derive(Clone, Copy, Debug)]
pub struct TormentPlan {
    /// The seed of all randomness.
    pub seed: u64,
    /// How many processes are killed.
    pub kills: usize,
    /// How many workers are also frozen for longer than their lease.
    pub freezes: usize,
}

/// The result of a round.
#[derive(Debug)]
pub struct Round {
    /// The result of the audit.
    pub verdicts: Verdicts,
    /// How many processes were killed.
    pub kills: usize,
    /// How many were frozen.
    pub freezes: usize,
    /// What they were doing when they were killed.
    pub moments: Moments,
}

/// Plays one round with processes of `program`. Their files are kept if something is wrong.
pub fn round(program: &Path, plan: TormentPlan) -> Result<Round> {
    let folder = TempDir::with_prefix("faults-")?;
    let mut site = Site::new(program, folder.path(), plan.seed);
    if plan.freezes > 0 {
        site.set(LEASE, &LEASE_MS);
    }
    let workers: Vec<_> = (0..WORKERS).map(|_| site.add(Role::Worker)).collect();
    let producers: Vec<_> = (0..PRODUCERS).map(|_| site.add(Role::Producer)).collect();
    let mut tormentor = Tormentor { rng: StdRng::seed_from_u64(plan.seed), site, moments: Moments::default() };
    tormentor.start(&workers, &producers);
    until("the file to be there", || tormentor.site.database().exists().then_some(()));
    let mut observer = Observer::new(&tormentor.site.database(), &tormentor.site.log())?;
    tormentor.torment(&plan, &mut observer)?;
    let Tormentor { mut site, moments, .. } = tormentor;

    quiesce(&mut site, &mut observer)?;
    let facts = Facts::new(&observer.record().events);
    let by = if plan.freezes > 0 { Losses::Leases } else { Losses::Kills };
    let observed = std::mem::take(&mut observer.observed);
    drop(observer);
    let verdicts = audit(&site.database(), &facts, &site.blows, &observed, by)?;
    if !verdicts.is_good() {
        println!("what the processes wrote is in {}", folder.keep().display());
    }
    let kills = site.blows.iter().filter(|blow| blow.killed).count();
    let freezes = site.blows.len() - kills;
    Ok(Round { verdicts, kills, freezes, moments })
}

struct Tormentor {
    rng: StdRng,
    site: Site,
    moments: Moments,
}

impl Tormentor {
    /// Starts all in random order, so that any of them may create the file.
    fn start(&mut self, workers: &[usize], producers: &[usize]) {
        let mut all = [workers, producers].concat();
        while !all.is_empty() {
            let next = all.swap_remove(self.rng.random_range(0..all.len()));
            self.site.start(next);
        }
    }

    fn torment(&mut self, plan: &TormentPlan, observer: &mut Observer) -> Result<()> {
        let all: Vec<_> = [self.site.of(Role::Worker), self.site.of(Role::Producer)].concat();
        let (mut killed, mut frozen) = (0, 0);
        let mut started = Vec::new();
        while killed < plan.kills || frozen < plan.freezes {
            if started.is_empty() {
                self.wait(observer)?;
            }
            let freezes = frozen < plan.freezes && self.rng.random_range(0..plan.kills + plan.freezes) < plan.freezes;
            if freezes || killed >= plan.kills {
                self.stand_still(observer)?;
                frozen += 1;
                continue;
            }
            let victims = self.victims(if started.is_empty() { &all } else { &started }, plan.kills - killed);
            if started.is_empty() && self.rng.random_bool(0.5) {
                self.aim(victims[0]);
            }
            for slot in &victims {
                self.moments.note(moment(&self.site, *slot));
            }
            self.site.kill(&victims);
            killed += victims.len();
            started = self.again(&victims);
        }
        Ok(())
    }

    /// Waits: mostly briefly, sometimes so long that little work is left, and sometimes not at all.
    fn wait(&mut self, observer: &mut Observer) -> Result<()> {
        let longest_us = [0, 5_000, 50_000, 120_000, 120_000, 600_000][self.rng.random_range(0..6)];
        thread::sleep(Duration::from_micros(self.rng.random_range(0..=longest_us)));
        observer.look(100)
    }

    /// Waits for a while until a process is in a certain activity.
    fn aim(&mut self, slot: usize) {
        let aimed = if self.site.of(Role::Producer).contains(&slot) {
            Moment::Sending
        } else {
            [Moment::Running, Moment::Recording][self.rng.random_range(0..2)]
        };
        let give_up_us = now_us() + AIM_US;
        while moment(&self.site, slot) != aimed && now_us() < give_up_us {
            thread::yield_now();
        }
    }

    /// One process mostly, sometimes several, or all.
    fn victims(&mut self, all: &[usize], most: usize) -> Vec<usize> {
        let several = if self.rng.random_range(0..5) == 0 { self.rng.random_range(1..=all.len()) } else { 1 };
        let mut left = all.to_vec();
        (0..several.min(most)).map(|_| left.swap_remove(self.rng.random_range(0..left.len()))).collect()
    }

    /// Restarts killed processes, at once or after a while. Returns those that are to be killed while they start.
    fn again(&mut self, victims: &[usize]) -> Vec<usize> {
        if self.rng.random_bool(0.5) {
            thread::sleep(Duration::from_millis(self.rng.random_range(0..150)));
        }
        for slot in victims {
            self.site.start(*slot);
        }
        if self.rng.random_range(0..5) > 0 {
            return Vec::new();
        }
        thread::sleep(Duration::from_micros(self.rng.random_range(0..30_000)));
        victims.to_vec()
    }

    /// Freezes a worker until others have taken over its parcels; some are killed without being thawed.
    fn stand_still(&mut self, observer: &mut Observer) -> Result<()> {
        let workers = self.site.of(Role::Worker);
        let slot = workers[self.rng.random_range(0..workers.len())];
        self.site.freeze(slot);
        let until_us = now_us() + (LEASE_MS + self.rng.random_range(200..1500)) * 1000;
        while now_us() < until_us {
            thread::sleep(Duration::from_millis(50));
            observer.look(100)?;
        }
        self.site.thaw(slot);
        Ok(())
    }
}

/// Lets producers finish their requests and workers run all calls, then stops them.
pub fn quiesce(site: &mut Site, observer: &mut Observer) -> Result<()> {
    let (workers, producers) = (site.of(Role::Worker), site.of(Role::Producer));
    let running: Vec<_> = producers.iter().copied().filter(|slot| site.runs(*slot)).collect();
    site.stop(&running);
    site.set(REQUESTS, &0);
    for slot in &producers {
        site.start(*slot);
        let ended = until("a producer to finish what it had begun", || site.ended(*slot));
        anyhow::ensure!(ended.is_empty(), "a producer failed: {ended}");
    }
    until("all calls to end", || (is_quiet(&site.database()).ok()?).then_some(()));
    observer.look(usize::MAX)?;
    site.stop(&workers);
    Ok(())
}

/// Whether no work is left.
pub fn is_quiet(database: &Path) -> Result<bool> {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.query_row("SELECT NOT EXISTS (SELECT 1 FROM message)", [], |row| row.get(0)).context("the file can be read")
}
