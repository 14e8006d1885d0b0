//! The figures: which child runs how often, the comparison, and the printed line.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use measure::{Child, Peers, Watch, median, percentile, print, run_peers};
use serde_json::Value;

use crate::floor;

const MILLION: u64 = 1_000_000;

/// Runs the peers.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/run.sh");

/// A figure's name and what measures it.
type Figure = (&'static str, fn(&Bench) -> Result<()>);

const FIGURES: [Figure; 13] = [
    ("accept", accept),
    ("end_to_end", end_to_end),
    ("delays", delays),
    ("lone", lone),
    ("single", single),
    ("loaded", loaded),
    ("woken", woken),
    ("idle", idle),
    ("memory", memory),
    ("growth", growth),
    ("contend", contend),
    ("first", first),
    ("lanes", lanes),
];

struct Bench {
    folder: tempfile::TempDir,
    peers: Peers,
}

/// Prints the figures whose names are given, or all.
pub(crate) fn all(names: &[String]) -> Result<()> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(target)?;
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let with_peers = ["accept", "end_to_end", "single"].into_iter().any(wanted);
    let bench = Bench { folder, peers: if with_peers { run_peers(PEERS, &[])? } else { Peers::new() } };
    for (name, measure) in FIGURES {
        if wanted(name) {
            measure(&bench).with_context(|| format!("figure {name}"))?;
        }
    }
    Ok(())
}

impl Bench {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A child's readings, on a new file each time.
    fn child(&self, mode: &str, numbers: &[u64]) -> Result<Value> {
        let file = tempfile::tempdir_in(self.folder.path())?;
        spawn(mode, &file.path().join("bench.db"), numbers)?.readings()
    }

    /// The median over the rounds of one reading, each round on a new file.
    fn median(&self, mode: &str, numbers: &[u64], reading: &str) -> Result<f64> {
        median(|| self.child(mode, numbers)?[reading].as_f64().context("no reading"))
    }
}

fn spawn(mode: &str, file: &Path, numbers: &[u64]) -> Result<Child> {
    let file = file.to_str().context("the project lies at a path that is no text")?;
    measure::spawn([mode.to_owned(), file.to_owned()].into_iter().chain(numbers.iter().map(u64::to_string)))
}

fn accept(bench: &Bench) -> Result<()> {
    let rate = MILLION as f64 / bench.median("accept", &[MILLION], "seconds")?;
    let floor = MILLION as f64 / median(|| floor::write_calls(&bench.file("floor"), MILLION))?;
    print(
        "fan_out of 1,000,000, accepted",
        rate,
        "calls/s",
        "floor: encoded, written, synced every 2 MB",
        rate / floor,
    );
    for peer in ["celery group", "celery chunks", "apalis sqlite bulk", "apalis redis bulk"] {
        against_peer(bench, "fan_out of 1,000,000, accepted", rate, peer);
    }
    Ok(())
}

fn end_to_end(bench: &Bench) -> Result<()> {
    let rate = MILLION as f64 / bench.median("end_to_end", &[MILLION], "seconds")?;
    let floor = MILLION as f64 / median(|| floor::call_in_place(MILLION))?;
    print("1,000,000 calls end to end", rate, "calls/s", "floor: encoded, decoded, called on one thread", rate / floor);
    for peer in ["rusty-celery amqp e2e", "celery amqp prefork", "apalis sqlite e2e"] {
        against_peer(bench, "1,000,000 calls end to end", rate, peer);
    }
    Ok(())
}

fn against_peer(bench: &Bench, figure: &str, rate: f64, peer: &str) {
    if let Some(theirs) = bench.peers.get(peer) {
        print(figure, rate, "calls/s", &format!("{peer}: {}/s", theirs.round()), rate / theirs);
    }
}

fn delays(bench: &Bench) -> Result<()> {
    let (_, sync_us) = floor::sync(&bench.file("floor"), 1000)?;
    let readings = bench.child("delays", &[200_000, 256])?;
    let reading = |name: &str| readings[name].as_f64().context("no reading");
    let rate = reading("per_second")?;
    print("delay, 256 at a time", rate, "calls/s", "floor: one sync of 4 KB a call", rate * sync_us / 1e6);
    let p99 = reading("p99_ms")?;
    print("delay, 256 at a time, p99", p99, "ms", "floor: one sync of 4 KB", p99 * 1e3 / sync_us);
    let (sync_cpu_us, _) = floor::sync(&bench.file("floor"), 1000)?;
    let cpu = reading("cpu_us")?;
    print("delay, 256 at a time, processor time", cpu, "us/call", "floor: of one sync of 4 KB", cpu / sync_cpu_us);
    Ok(())
}

fn lone(bench: &Bench) -> Result<()> {
    for (mode, name) in [("lone", "lone delay"), ("lone_blocking", "lone blocking delay")] {
        let sync = floor::sync_by_sync(&bench.file("floor"), 3000)?;
        let cpu = bench.median(mode, &[3000], "cpu_us")?;
        let (beside, against) = (cpu - sync.cpu_us, "floor: of one sync of 4 KB");
        print(&format!("{name}, processor time beside the sync"), beside, "us", against, cpu / sync.cpu_us);
        let wall = bench.median(mode, &[3000], "p50_us")?;
        print(&format!("{name}, p50"), wall, "us", "floor: one sync of 4 KB", wall / sync.p50_us);
    }
    Ok(())
}

/// The same while other programs keep every processor busy.
fn loaded(bench: &Bench) -> Result<()> {
    let processors = std::thread::available_parallelism()?.get();
    let nowhere = bench.file("nowhere");
    let _busy = (0..processors).map(|_| spawn("burn", &nowhere, &[])).collect::<Result<Vec<_>>>()?;
    let sync = floor::sync_by_sync(&bench.file("floor"), 1000)?;
    for (mode, call) in [("lone", "lone delay"), ("lone_blocking", "lone blocking delay")] {
        for (reading, name, floor_us) in [("p50_us", "p50", sync.p50_us), ("p99_us", "p99", sync.p99_us)] {
            let wall = bench.median(mode, &[1000], reading)?;
            let figure = format!("{call} beside as many busy programs as processors, {name}");
            print(&figure, wall, "us", "floor: one sync of 4 KB beside them", wall / floor_us);
        }
    }
    Ok(())
}

/// How many calls are made to find how soon another process starts them, and the pause between two.
const WAKES: u64 = 300;
const PAUSE_MS: u64 = 20;

fn woken(bench: &Bench) -> Result<()> {
    for workers in [1, 8] {
        let (mut took, syncs) = wakes(bench, workers)?;
        for (part, name) in [(0.5, "p50"), (0.99, "p99")] {
            let sync_us = syncs[format!("{name}_us")].as_f64().context("no reading")?;
            let took_us = percentile(&mut took, part);
            let figure = format!("delay to start in another process, {workers} idle, beside the sync, {name}");
            print(&figure, (took_us - sync_us) / 1e3, "ms", "floor: one sync of 4 KB", took_us / sync_us);
        }
    }
    Ok(())
}

/// How long each call took to start in one of this many processes, in microseconds, and the syncs between them.
fn wakes(bench: &Bench, workers: usize) -> Result<(Vec<f64>, Value)> {
    let folder = tempfile::tempdir_in(bench.folder.path())?;
    let file = folder.path().join("bench.db");
    let mut workers = (0..workers).map(|_| serve(&file)).collect::<Result<Vec<_>>>()?;
    let syncs = spawn("make", &file, &[WAKES, PAUSE_MS])?.readings()?;
    let mut took = Vec::new();
    while took.len() < WAKES as usize {
        for worker in &mut workers {
            took.extend(worker.ask("took")?.as_array().context("no list")?.iter().filter_map(Value::as_f64));
        }
    }
    Ok((took, syncs))
}

/// A worker of this file that is ready.
fn serve(file: &Path) -> Result<Child> {
    let mut worker = spawn("serve", file, &[])?;
    worker.hear()?;
    Ok(worker)
}

/// For how long an idle worker is watched.
const IDLE: Duration = Duration::from_secs(20);

fn idle(bench: &Bench) -> Result<()> {
    let folder = tempfile::tempdir_in(bench.folder.path())?;
    let mut worker = serve(&folder.path().join("bench.db"))?;
    // What starting left behind, such as emptying the log.
    std::thread::sleep(Duration::from_secs(3));
    let usage = |worker: &mut Child| -> Result<(f64, f64)> {
        let usage = worker.ask("usage")?;
        let reading = |name: &str| usage[name].as_f64().context("no reading");
        Ok((reading("cpu_us")?, reading("wake_ups")?))
    };
    let (watch, before) = (Watch::start(), usage(&mut worker)?);
    std::thread::sleep(IDLE);
    let (seconds, after) = (watch.seconds(), usage(&mut worker)?);
    let percent = (after.0 - before.0) / 1e4 / seconds;
    print("an idle worker, processor time", percent, "% of a core", "limit: 0.1 %", percent / 0.1);
    let wake_ups = (after.1 - before.1) / seconds;
    print("an idle worker, wake-ups", wake_ups, "a second", "limit: 10", wake_ups / 10.0);
    Ok(())
}

/// How many calls with a parcel of their own wait before a worker starts.
const SINGLE: u64 = 100_000;

fn single(bench: &Bench) -> Result<()> {
    let mut rates = Vec::new();
    let mut cpus = Vec::new();
    for _ in 0..3 {
        let folder = tempfile::tempdir_in(bench.folder.path())?;
        let file = folder.path().join("bench.db");
        spawn("fill", &file, &[SINGLE])?.readings()?;
        let readings = spawn("work_off", &file, &[SINGLE])?.readings()?;
        rates.push(readings["per_second"].as_f64().context("no reading")?);
        cpus.push(readings["cpu_us"].as_f64().context("no reading")?);
    }
    let (rate, cpu) = (percentile(&mut rates, 0.5), percentile(&mut cpus, 0.5));
    let (floor_rate, floor_cpu) = floor::rows(&bench.file("floor"), SINGLE)?;
    let figure = "100,000 waiting parcels of one call, worked off";
    print(figure, rate, "calls/s", "floor: a row in SQLite marked, then deleted, 64 to a commit", rate / floor_rate);
    print(&format!("{figure}, processor time"), cpu, "us/call", "floor: the same rows", cpu / floor_cpu);
    for peer in ["rusty-celery amqp e2e", "celery amqp prefork", "apalis sqlite e2e"] {
        against_peer(bench, figure, rate, peer);
    }
    Ok(())
}

fn memory(bench: &Bench) -> Result<()> {
    let small = bench.child("accept", &[10_000])?["peak_mb"].as_f64().context("no reading")?;
    let large = bench.child("accept", &[10 * MILLION])?["peak_mb"].as_f64().context("no reading")?;
    print("fan_out of 10,000,000, peak memory", large, "MB", "fan_out of 10,000", large / small);
    Ok(())
}

fn growth(bench: &Bench) -> Result<()> {
    let each =
        |mode: &str, calls: u64| -> Result<f64> { Ok(bench.median(mode, &[calls], "seconds")? * 1e9 / calls as f64) };
    for (mode, figure) in
        [("accept", "fan_out, time per call at 10,000,000"), ("end_to_end", "end to end, time per call at 10,000,000")]
    {
        let (small, large) = (each(mode, 10_000)?, each(mode, 10 * MILLION)?);
        print(figure, large, "ns", "time per call at 10,000", large / small);
    }
    Ok(())
}

fn contend(bench: &Bench) -> Result<()> {
    let folder = tempfile::tempdir_in(bench.folder.path())?;
    let file = folder.path().join("bench.db");
    let pair = [spawn("contend", &file, &[4000])?, spawn("contend", &file, &[4000])?];
    let readings = pair.map(Child::readings);
    let mut commits = Vec::new();
    let mut longest = Vec::new();
    for reading in readings {
        let reading = reading?;
        commits.push(reading["commits"].as_f64().context("no reading")?);
        longest.push(reading["longest_ms"].as_f64().context("no reading")?);
    }
    let share = commits[0].min(commits[1]) / commits[0].max(commits[1]);
    print("two processes committing, the smaller share", share * 100.0, "% of the larger", "an even share", share);
    let (_, sync_us) = floor::sync(&bench.file("floor"), 1000)?;
    let longest = longest[0].max(longest[1]);
    print("two processes committing, longest wait", longest, "ms", "floor: one sync of 4 KB", longest * 1e3 / sync_us);
    Ok(())
}

fn first(bench: &Bench) -> Result<()> {
    let spawn_ms = median(|| {
        let watch = Watch::start();
        Command::new("/bin/true").status()?;
        Ok(watch.seconds() * 1e3)
    })?;
    let ms = median(|| {
        let folder = tempfile::tempdir_in(bench.folder.path())?;
        let file = folder.path().join("bench.db");
        spawn("accept", &file, &[1])?.readings()?;
        let watch = Watch::start();
        let mut child = spawn("first", &file, &[])?;
        let said = child.hear()?;
        let ms = watch.seconds() * 1e3;
        anyhow::ensure!(said["ran"] == true, "the first call did not run");
        child.readings()?;
        Ok(ms)
    })?;
    print(
        "exec to first call run, existing file",
        ms,
        "ms",
        "floor: exec of a program that does nothing",
        ms / spawn_ms,
    );
    Ok(())
}

fn lanes(bench: &Bench) -> Result<()> {
    let measured = |calls: u64| -> Result<Value> {
        let folder = tempfile::tempdir_in(bench.folder.path())?;
        let file = folder.path().join("bench.db");
        spawn("backlog", &file, &[calls])?.readings()?;
        spawn("behind", &file, &[])?.readings()
    };
    let (idle, behind) = (measured(0)?, measured(10 * MILLION)?);
    anyhow::ensure!(behind["parcels_left"] != 0, "the backlog was too short: {behind}");
    let reading = |of: &Value, name: &str| of[name].as_f64().context("no reading");
    for (name, quantile) in [("p50_ms", "p50"), ("p99_ms", "p99")] {
        let (ms, alone) = (reading(&behind, name)?, reading(&idle, name)?);
        let figure = format!("lone call behind 10,000,000 of 50 ms, accepted to start, {quantile}");
        print(&figure, ms, "ms", "in an empty queue", ms / alone);
    }
    let alone = reading(&behind, "bulk_alone")?;
    for (name, beside) in
        [("bulk_beside_lone", "20 lone calls/s"), ("bulk_beside_endless", "endless interactive calls")]
    {
        let rate = reading(&behind, name)?;
        print(&format!("bulk calls of 50 ms beside {beside}"), rate, "calls/s", "without them", rate / alone);
    }
    let interactive = reading(&behind, "interactive")?;
    print(
        "endless interactive calls beside bulk",
        interactive,
        "calls/s",
        "without bulk",
        interactive / reading(&idle, "interactive")?,
    );
    Ok(())
}
