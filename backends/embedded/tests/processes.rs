//! Tests several processes on one file: the takeover from a killed one, and turns between those that commit.
#![allow(clippy::disallowed_methods, reason = "these tests are about real time between real processes")]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    fs,
    io::{Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use celeriac_conformance::claim_request;
use celeriac_core::{
    Lane,
    id::BatchId,
    ports::{Claim, ClaimRequest, Claimed, Outgoing, Ports, Receive},
};
use celeriac_embedded::open;
use tempfile::tempdir;

const HOUR_MS: u64 = 3_600_000;

/// Runs a test of this file as a separate process.
fn process(test: &str, path: &Path, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("CELERIAC_TEST_FILE", path)
        .env("CELERIAC_TEST_NAME", name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn opened() -> (Ports, String) {
    let path = std::env::var("CELERIAC_TEST_FILE").unwrap();
    (open(Path::new(&path)).unwrap(), std::env::var("CELERIAC_TEST_NAME").unwrap())
}

/// Waits for a line with this end. It must not read ahead, since later lines are waited for later.
fn wait_for(child: &mut Child, end: &str) -> String {
    let output = child.stdout.as_mut().unwrap();
    let mut line = String::new();
    let mut byte = [0];
    while output.read(&mut byte).unwrap() == 1 {
        match byte[0] {
            b'\n' if line.ends_with(end) => return line,
            b'\n' => line.clear(),
            byte => line.push(byte.into()),
        }
    }
    panic!("the process never said `{end}`")
}

fn request(ports: &Ports, first: u64, holder: &str) -> ClaimRequest {
    let (now_ms, batch) = (ports.clock.now_ms(), BatchId::new(1, 1));
    let (holder, lease_until_ms) = (holder.into(), now_ms + HOUR_MS);
    ClaimRequest { counted: false, holder, lease_until_ms, ..claim_request(batch, first, 1, now_ms) }
}

async fn claim(ports: &Ports, first: u64, holder: &str) -> Claim {
    ports.ledger.claim(vec![request(ports, first, holder)]).await.remove(0).unwrap()
}

fn receive(wait_ms: u64) -> Receive {
    Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 10, hide_ms: HOUR_MS, wait_ms }
}

#[tokio::test]
async fn parcels_of_a_killed_process_are_taken_over_at_once() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("queue.db");
    let ports = open(&path).unwrap();
    let message = Outgoing::of("mail", Bytes::from_static(b"hello"), 0);
    ports.queue.send(vec![message]).await.remove(0).unwrap();

    let mut holder = process("holds_a_message_and_a_parcel", &path, "holder");
    wait_for(&mut holder, "holds");
    assert!(ports.queue.receive(receive(0)).await.unwrap().is_empty());
    assert!(matches!(claim(&ports, 0, "heir").await, Claim::Busy { .. }));

    holder.kill().unwrap();
    holder.wait().unwrap();
    let deliveries = ports.queue.receive(receive(60_000)).await.unwrap();
    assert_eq!(deliveries.iter().map(|delivery| delivery.receives).collect::<Vec<_>>(), [2]);
    match claim(&ports, 0, "heir").await {
        Claim::Claimed(Claimed { epoch: 2, losses: 1, .. }) => {}
        other => panic!("not taken over: {other:?}"),
    }
    let lives = fs::read_dir(directory.path().join("queue.db-locks")).unwrap();
    let lives = lives.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with("live-"));
    assert_eq!(lives.count(), 1, "the dead leave nothing behind");
}

#[tokio::test]
#[ignore = "run as a separate process by parcels_of_a_killed_process_are_taken_over_at_once"]
async fn holds_a_message_and_a_parcel() {
    let (ports, name) = opened();
    assert_eq!(ports.queue.receive(receive(0)).await.unwrap().len(), 1);
    assert!(matches!(claim(&ports, 0, &name).await, Claim::Claimed(_)));
    println!("\nholds");
    std::future::pending::<()>().await;
}

/// How many parcels each process claims.
const TURNS: u64 = 16_000;

/// How many it has in flight, so that one is always waiting.
const AT_A_TIME: u64 = 32;

#[tokio::test]
async fn processes_that_commit_take_turns() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("queue.db");
    let ports = open(&path).unwrap();
    let mut both = ["a", "b"].map(|name| process("claims_many_parcels", &path, name));
    for child in &mut both {
        wait_for(child, "ready");
    }
    for child in &mut both {
        writeln!(child.stdin.as_mut().unwrap()).unwrap();
    }
    for child in &mut both {
        println!("{}", wait_for(child, "done"));
        assert!(child.wait().unwrap().success());
    }

    // The rows are in the order of the commits.
    drop(ports);
    let db = rusqlite::Connection::open(&path).unwrap();
    let mut rows = db.prepare("SELECT holder FROM parcel ORDER BY rowid").unwrap();
    let turns: Vec<String> = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(turns.len() as u64, 2 * TURNS);
    // The time from when both took part until one had ended.
    let first = ["a", "b"].iter().map(|name| turns.iter().position(|turn| turn == name).unwrap()).max().unwrap();
    let last = ["a", "b"].iter().map(|name| turns.iter().rposition(|turn| turn == name).unwrap()).min().unwrap();
    let shared = &turns[first..=last];
    assert!(shared.len() as u64 > TURNS / 2, "they ran one after the other: {first} to {last}");
    println!("they shared {} turns", shared.len());
    let share = shared.iter().filter(|turn| *turn == "a").count() as f64 / shared.len() as f64;
    assert!((0.25..0.75).contains(&share), "one had {share} of {} turns", shared.len());
}

#[tokio::test]
#[ignore = "run by processes_that_commit_take_turns, as a process of its own"]
async fn claims_many_parcels() {
    let (ports, name) = opened();
    let first = if name == "a" { 0 } else { TURNS };
    println!("\nready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let claims = (0..AT_A_TIME).map(async |k| {
        let mut longest = Duration::ZERO;
        for turn in (k..TURNS).step_by(AT_A_TIME as usize) {
            let asked = Instant::now();
            assert!(matches!(claim(&ports, first + turn, &name).await, Claim::Claimed(_)));
            longest = longest.max(asked.elapsed());
        }
        longest
    });
    let longest = futures::future::join_all(claims).await.into_iter().max().unwrap();
    println!("\nlongest wait {longest:?}, done");
}
