//! Tests four processes on one file, two producers and two workers: every call runs once.
//!
//! This program starts itself again in each role, which `CELERIAC_TEST_ROLE` names.

mod support;

use std::{
    collections::BTreeMap,
    env,
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use celeriac::{App, Batch, Client, State, task};
use support::until;
use tempfile::TempDir;

const ROLE: &str = "CELERIAC_TEST_ROLE";
const FOLDER: &str = "CELERIAC_TEST_FOLDER";

/// How many calls each producer sends at once. It sends the rest one by one and many at a time.
const FANNED_OUT: u64 = 5000;
const DELAYED: u64 = 500;

/// The file in which a worker notes its calls, and that of the other worker.
struct Notes {
    file: PathBuf,
    other: PathBuf,
}

/// Notes that it ran, once the other worker runs calls too, so that neither runs all of them. The note is short enough
/// for the file system to append it whole.
#[task(retries = 0)]
fn note(notes: State<Notes>, producer: u32, number: u64) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(&notes.file)?;
    until("the other worker to run calls", || notes.other.exists().then_some(()));
    file.write_all(format!("{producer} {number}\n").as_bytes())
}

#[test]
fn every_call_of_two_producers_runs_once_on_two_workers() {
    let folder = TempDir::new().expect("a temporary folder");
    // One worker starts before the producers, the other after them: chance decides which process creates the file.
    let mut processes: Vec<_> =
        ["worker-1", "producer-1", "producer-2", "worker-2"].iter().map(|role| start(role, &folder)).collect();
    let mut workers = vec![processes.remove(3), processes.remove(0)];
    for producer in &mut processes {
        assert!(producer.wait().expect("it is our child").success(), "a producer failed");
    }
    let expected = 2 * (FANNED_OUT + DELAYED);
    until("all calls to be noted", || (notes(&folder).values().sum::<u64>() >= expected).then_some(()));
    for worker in &mut workers {
        // This ends the worker gracefully: running calls are recorded first.
        drop(worker.stdin.take());
        assert!(worker.wait().expect("it is our child").success(), "a worker failed");
    }

    let notes = notes(&folder);
    assert_eq!(notes.len() as u64, expected, "a call did not run");
    assert!(notes.values().all(|runs| *runs == 1), "a call ran twice");
    let ran = |worker: &str| fs::read_to_string(folder.path().join(worker)).map_or(0, |notes| notes.lines().count());
    assert!(ran("worker-1") > 0 && ran("worker-2") > 0, "one worker did it all");
}

/// Not a test by itself, but the work of the processes of the test above.
#[tokio::test(flavor = "multi_thread")]
async fn role() -> Result<(), Box<dyn std::error::Error>> {
    let Ok(role) = env::var(ROLE) else { return Ok(()) };
    let folder = PathBuf::from(env::var(FOLDER)?);
    let database = folder.join("celeriac.db");
    let Some(producer) = role.strip_prefix("producer-") else {
        let other = folder.join(if role == "worker-1" { "worker-2" } else { "worker-1" });
        let notes = Notes { file: folder.join(role), other };
        // One parcel at a time, so that the first worker leaves some to the other.
        let running =
            App::default().store(format!("sqlite:{}", database.display())).state(notes).slots(1).start().await?;
        tokio::task::spawn_blocking(|| BufReader::new(std::io::stdin()).lines().for_each(drop)).await?;
        running.stop().await;
        return Ok(());
    };
    let producer: u32 = producer.parse()?;
    let client = Client::new(celeriac::embedded::open(&database)?);
    let numbers = (0..FANNED_OUT).map(|number| (producer, number));
    let batch: Batch<()> = note.fan_out(numbers).on(&client).await?;
    assert_eq!(batch.accepted(), FANNED_OUT);
    let delays = (FANNED_OUT..FANNED_OUT + DELAYED).map(|number| note.apply(producer, number).on(&client).send());
    for accepted in futures::future::join_all(delays).await {
        accepted?;
    }
    Ok(())
}

fn start(role: &str, folder: &TempDir) -> Child {
    Command::new(env::current_exe().expect("a test knows its own path"))
        .args(["role", "--exact"])
        .env(ROLE, role)
        .env(FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts again")
}

/// How often each call ran.
fn notes(folder: &TempDir) -> BTreeMap<String, u64> {
    let mut notes = BTreeMap::new();
    for worker in ["worker-1", "worker-2"] {
        let lines = fs::read_to_string(folder.path().join(worker)).unwrap_or_default();
        lines.lines().for_each(|line| *notes.entry(line.to_owned()).or_default() += 1);
    }
    notes
}
