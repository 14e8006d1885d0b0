//! Measures the figures and prints their lines.

use std::path::Path;

use anyhow::{Context as _, Result};
use aws_host::{Bootstrap, ColdStart, cold_start};
use bytes::Bytes;
use celeriac_aws::Payload;
use measure::{Peers, ROUNDS, percentile, print, run_peers};

use crate::{
    floor::AT_A_TIME,
    launch::lone_delivery,
    load::STACK,
    rig::{Rig, Run, Stage, Workers, number},
};

const MANY: u64 = 10_000;
const MILLION: u64 = 1_000_000;

/// How many times each variant is measured when variants take turns.
const TURNS: usize = 9;

/// How many starts are measured.
const STARTS: usize = 20;

/// The script that runs the peers against a host.
const LAUNCHERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../peers/launchers.sh");

/// A figure's name and what measures it.
type Figure = (&'static str, fn() -> Result<()>);

const FIGURES: [Figure; 6] = [
    ("packed", packed),
    ("alone", alone),
    ("million", million),
    ("cpu", cpu),
    ("cold", cold),
    ("bill", crate::bill::bill),
];

/// Prints the figures whose names are given, or all.
pub(crate) fn all(names: &[String]) -> Result<()> {
    for (name, measure) in FIGURES {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            measure().with_context(|| format!("figure {name}"))?;
        }
    }
    Ok(())
}

/// Makes this many runs, each with new processes.
fn rounds(workers: Workers, mode: &str, calls: u64, bytes: usize) -> Result<Vec<Run>> {
    let once = || {
        let run = Rig::new(workers)?.run(mode, calls, bytes)?;
        eprintln!("{run:.1?}");
        Ok(run)
    };
    (0..ROUNDS).map(|_| once()).collect()
}

/// The median of one reading.
fn of(runs: &[Run], reading: impl Fn(&Run) -> f64) -> f64 {
    percentile(&mut runs.iter().map(reading).collect::<Vec<_>>(), 0.5)
}

/// The seconds of wall time and of processor time for this many Invokes in each of these modes. The modes take turns,
/// so that other load on the machine affects all alike.
fn seconds<const N: usize>(stage: &Stage, modes: [&str; N], calls: u64) -> Result<[(f64, f64); N]> {
    let mut readings = [const { (Vec::new(), Vec::new()) }; N];
    for _ in 0..TURNS {
        for (mode, (wall, cpu)) in modes.iter().zip(&mut readings) {
            let reading = stage.spawn(mode, calls)?.readings()?;
            wall.push(number(&reading["seconds"])?);
            cpu.push(number(&reading["cpu"])?);
        }
    }
    Ok(readings.map(|(mut wall, mut cpu)| (percentile(&mut wall, 0.5), percentile(&mut cpu, 0.5))))
}

fn peers() -> Result<Peers> {
    let stage = Stage::new(Workers::Count)?;
    run_peers(LAUNCHERS, &[stage.url()])
}

fn packed() -> Result<()> {
    let runs = rounds(Workers::Open, "packed", MANY, 100)?;
    let accepted = of(&runs, |run| run.accepted_ms);
    let figure = "10,000 calls packed, fan_out to last Invoke accepted";
    print(figure, accepted, "ms", "at most 200 ms", accepted / 200.0);
    let forwarded = of(&runs, |run| run.forwarded_ms);
    let figure_forwarded = "10,000 calls packed, first receive to last Invoke accepted";
    print(figure_forwarded, forwarded, "ms", "at most 150 ms", forwarded / 150.0);
    let started = of(&runs, |run| run.started_ms);
    print("10,000 calls packed, fan_out to last call started", started, "ms", "at most 250 ms", started / 250.0);
    let [(floor_s, _)] = seconds(&Stage::new(Workers::Count)?, ["floor"], MANY)?;
    let against = format!("floor: raw SDK, one call an Invoke, {AT_A_TIME} at a time: {:.0} ms", floor_s * 1e3);
    print(figure, accepted, "ms", &against, floor_s * 1e3 / accepted);
    for (peer, per_second) in peers()? {
        let theirs_ms = MANY as f64 / per_second * 1e3;
        print(figure, accepted, "ms", &format!("{peer}: {theirs_ms:.0} ms"), theirs_ms / accepted);
    }
    Ok(())
}

/// Compares launching with a program that does only that, on the same service. Also prints the whole way: 10,000
/// messages, received ten at a time.
fn alone() -> Result<()> {
    let stage = Stage::new(Workers::Count)?;
    let [(floor_s, floor_cpu_s), (launch_s, launch_cpu_s)] = seconds(&stage, ["floor", "launch"], MANY)?;
    let runs = rounds(Workers::Count, "alone", MANY, 100)?;
    let (whole_s, whole_cpu_s) = (of(&runs, |run| run.forwarded_ms) / 1e3, of(&runs, |run| run.dispatcher_cpu_s));
    let floor = format!("floor: raw SDK, {AT_A_TIME} at a time");
    for (what, ours, floors) in [
        ("launched", launch_s, floor_s),
        ("launched, processor time", launch_cpu_s, floor_cpu_s),
        ("first receive to last Invoke accepted", whole_s, floor_s),
        ("received and launched, dispatcher's processor time", whole_cpu_s, floor_cpu_s),
    ] {
        print(&format!("10,000 calls, one to an invocation: {what}"), ours, "s", &floor, ours / floors);
    }
    Ok(())
}

fn million() -> Result<()> {
    let runs = rounds(Workers::Count, "packed", MILLION, 100)?;
    let accepted = of(&runs, |run| run.accepted_ms) / 1e3;
    let figure = "1,000,000 calls packed, fan_out to last Invoke accepted";
    print(figure, accepted, "s", "at most 1.5 s", accepted / 1.5);
    let peak = of(&runs, |run| run.dispatcher_mb);
    print("1,000,000 calls packed, dispatcher's peak memory", peak, "MB", "at most 256 MB", peak / 256.0);
    let invocations = of(&runs, |run| run.invokes);
    print("1,000,000 calls packed, invocations", invocations, "", "one a call", invocations / MILLION as f64);
    let units = of(&runs, |run| run.units);
    let figure = "1,000,000 calls packed, billed units of client and dispatcher";
    print(figure, units, "requests of SQS and Lambda", "at most 15,000, all included", units / 15_000.0);
    Ok(())
}

fn cpu() -> Result<()> {
    let ms = |bytes: usize| -> Result<f64> {
        let calls = MILLION / 10;
        let runs = rounds(Workers::Count, "packed", calls, bytes)?;
        Ok(of(&runs, |run| run.dispatcher_cpu_s) * 1e3 / (calls as f64 / 1e3))
    };
    let small = ms(100)?;
    let figure = "dispatcher's processor time for 1,000 calls packed, arguments of";
    print(&format!("{figure} 100 bytes"), small, "ms", "at most 1 ms", small);
    for bytes in [1_000, 10_000] {
        let large = ms(bytes)?;
        let against = format!("as much a byte as with 100 bytes: {:.2} ms", small * bytes as f64 / 100.0);
        let figure = format!("{figure} {bytes} bytes");
        print(&figure, large, "ms", &against, large / small / (bytes as f64 / 100.0));
    }
    Ok(())
}

/// `PROGRAM=target/lambda/examples/mail_campaign` measures another program as the dispatcher. The worker is always this
/// one, which has the task. A dispatcher's first request is a sweep's, a worker's is its claim.
fn cold() -> Result<()> {
    let this = std::env::current_exe()?;
    let program = std::env::var_os("PROGRAM").map_or_else(|| this.clone(), Into::into);
    let claim = Payload { deliveries: vec![lone_delivery(1)?], minute: None, shard: 0, probe: false }.encode();
    cold_of("dispatcher", &program, &Bytes::from_static(br#"{"celeriac":"sweep"}"#), 3)?;
    cold_of("worker", &this, &Bytes::from(claim), 2)
}

fn cold_of(handler: &str, program: &Path, event: &Bytes, services: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bootstrap = Bootstrap {
        env: vec![("CELERIAC_STORE".to_owned(), format!("aws:{STACK}"))],
        ..Bootstrap::new(program, handler)
    };
    let starts = (0..STARTS).map(|_| Ok(runtime.block_on(cold_start(&bootstrap, event.clone()))?));
    let starts = starts.collect::<Result<Vec<ColdStart>>>()?;
    let of = |reading: fn(&ColdStart) -> f64| percentile(&mut starts.iter().map(reading).collect::<Vec<_>>(), 0.5);
    let figure = format!("cold start of a {handler}, {services} services behind TLS, median of {STARTS}");
    let init_ms = of(|start| start.init.as_secs_f64() * 1e3);
    print(&format!("{figure}: exec to first poll"), init_ms, "ms", "at most 100 ms", init_ms / 100.0);
    let whole_ms = of(|start| (start.init_cpu + start.event_cpu).as_secs_f64() * 1e3);
    let what = format!("{figure}: processor time to the event's first request");
    print(&what, whole_ms, "ms", "at most 60 ms", whole_ms / 60.0);
    let event_ms = of(|start| start.event_cpu.as_secs_f64() * 1e3);
    print(&format!("{figure}: of that in the event"), event_ms, "ms", "at most 10 ms", event_ms / 10.0);
    let (before, within) = (of(|start| start.init_handshakes as f64), of(|start| start.event_handshakes as f64));
    print(&format!("{figure}: connected before the event"), before, "", "all", before / services as f64);
    print(&format!("{figure}: connected in the event"), within, "", "none", within);
    Ok(())
}
