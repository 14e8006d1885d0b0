//! Tests of a file in use: when it is full, shared, or old.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use celeriac_conformance::{ManualClock, claim_request};
use celeriac_core::{
    Lane,
    id::{BatchId, ParcelId},
    ports::{
        Claim, ClaimRequest, Claimed, Clock, Delivery, Finish, Outgoing, PortError, Ports, Receive, Record, ResultRow,
        SendError,
    },
};
use celeriac_embedded::{Options, open_with};
use tempfile::{TempDir, tempdir};

const PARCEL: usize = 256 << 10;
const DAY: Duration = Duration::from_hours(24);

struct File {
    directory: TempDir,
    clock: Arc<ManualClock>,
}

impl File {
    fn new() -> Self {
        Self { directory: tempdir().unwrap(), clock: Arc::new(ManualClock::new(1_700_000_000_000)) }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("queue.db")
    }

    /// Opens it as a separate process would.
    fn open(&self) -> Ports {
        self.open_limited(None)
    }

    fn open_limited(&self, max_bytes: Option<u64>) -> Ports {
        let options = Options::default().clock(self.clock.clone()).max_bytes(max_bytes);
        open_with(&self.path(), options).unwrap()
    }

    fn request(&self, batch: BatchId) -> ClaimRequest {
        let now_ms = self.clock.now_ms();
        ClaimRequest { counted: false, lease_until_ms: now_ms + 3_600_000, ..claim_request(batch, 0, 10, now_ms) }
    }
}

async fn send(ports: &Ports, bytes: usize) -> Result<(), SendError> {
    let body = Bytes::from(vec![7; bytes]);
    ports.queue.send(vec![Outgoing::of("mail", body, 0)]).await.remove(0)
}

async fn receive(ports: &Ports) -> Vec<Delivery> {
    let request = Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 100, hide_ms: 3_600_000, wait_ms: 0 };
    ports.queue.receive(request).await.unwrap()
}

async fn claim(ports: &Ports, request: ClaimRequest) -> Claim {
    ports.ledger.claim(vec![request]).await.remove(0).unwrap()
}

#[tokio::test]
async fn a_full_file_rejects_what_does_not_fit_and_loses_nothing() {
    let file = File::new();
    let ports = file.open_limited(Some(2 << 20));
    let mut accepted = 0;
    let error = loop {
        match send(&ports, 200_000).await {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(accepted > 3, "{accepted}");
    assert!(matches!(error, SendError::Rejected(PortError::Unavailable { .. })), "{error:?}");
    assert_eq!(
        error.to_string().replace(file.path().to_str().unwrap(), "FILE"),
        "rejected: nothing was written to `FILE`: the disk is full or the file at its limit; free some space"
    );
    let deliveries = receive(&ports).await;
    assert_eq!(deliveries.len(), accepted);
    for settled in ports.queue.settle(deliveries.iter().map(Delivery::deleted).collect()).await {
        settled.unwrap();
    }
    send(&ports, 200_000).await.expect("there is room again");
}

#[tokio::test]
async fn an_operation_that_does_not_fit_spoils_no_other() {
    let file = File::new();
    let ports = file.open_limited(Some(2 << 20));
    let sizes = (0..40).map(|k| if k % 4 == 0 { 3 << 20 } else { 100 });
    let sent = futures::future::join_all(sizes.map(|bytes| send(&ports, bytes))).await;
    for (k, sent) in sent.iter().enumerate() {
        assert_eq!(sent.is_ok(), k % 4 != 0, "message {k}: {sent:?}");
    }
    assert_eq!(receive(&ports).await.len(), 30);
}

#[tokio::test]
async fn a_link_leads_to_the_same_queue() {
    let file = File::new();
    let ports = file.open();
    let elsewhere = tempdir().unwrap();
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(file.path(), &link).unwrap();
    let linked = open_with(&link, Options::default().clock(file.clock.clone())).unwrap();
    send(&linked, 100).await.unwrap();
    assert_eq!(receive(&ports).await.len(), 1);
    file.clock.advance(Duration::from_secs(2));
    assert!(receive(&linked).await.is_empty(), "one sees that the other lives");
}

#[tokio::test]
async fn another_process_receives_sent_messages() {
    let file = File::new();
    let (web, worker) = (file.open(), file.open());
    let waiting = async {
        let request = Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 1, hide_ms: 1000, wait_ms: 60_000 };
        worker.queue.receive(request).await.unwrap()
    };
    let sending = async {
        file.clock.sleep(Duration::from_millis(300)).await;
        send(&web, 100).await.unwrap();
    };
    let (received, ()) = file.clock.drive(futures::future::join(waiting, sending)).await;
    assert_eq!(received.len(), 1);
}

/// Drops receives at every stage. The stage depends on how far the backend's threads are, so this is repeated many
/// times.
#[tokio::test]
async fn a_receive_that_is_dropped_leaves_its_messages_untouched() {
    let file = File::new();
    let ports = file.open();
    let request =
        Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 10, hide_ms: 3_600_000, wait_ms: 60_000 };
    for round in 0..60 {
        send(&ports, 100).await.unwrap();
        let mut dropped = ports.queue.receive(request.clone());
        let mut answered = None;
        for _ in 0..=round % 5 {
            if let Poll::Ready(received) = futures::poll!(&mut dropped) {
                answered = Some(received.unwrap());
                break;
            }
            // Operations are answered in order, so the receive has been handled by now.
            ports.ledger.paid(BatchId::new(1, 1)).await.unwrap();
        }
        drop(dropped);
        let received = match answered {
            Some(received) => received,
            None => file.clock.drive(ports.queue.receive(request.clone())).await.unwrap(),
        };
        assert_eq!(received.iter().map(|delivery| delivery.receives).collect::<Vec<_>>(), [1], "round {round}");
        ports.queue.settle(vec![received[0].deleted()]).await.remove(0).unwrap();
    }
}

/// Programs that wrote format 1 derived the ids of parcels in another way. Their calls may still wait.
#[tokio::test]
async fn a_call_is_found_by_its_root_parcel_whatever_the_id_of_that() {
    let file = File::new();
    let ports = file.open();
    for (number, count) in [(1, 1), (2, 10)] {
        let (batch, parcel) = (BatchId::new(1, number), ParcelId::from_bytes([number as u8; 16]));
        let root = ClaimRequest { parcel, count, ..file.request(batch) };
        assert!(matches!(claim(&ports, root.clone()).await, Claim::Claimed(_)));
        let child = ClaimRequest { parcel: parcel.child(0), root: false, count: 1, ..root };
        assert!(matches!(claim(&ports, child).await, Claim::Claimed(_)));
        let row = ports.ledger.root_of(batch.call(u64::from(count) - 1)).await.unwrap();
        assert_eq!(row.map(|row| row.parcel), Some(parcel), "of {count} calls");
    }
}

#[tokio::test]
async fn messages_and_parcels_of_a_process_are_free_at_once_when_it_ends() {
    let file = File::new();
    let (dies, lives) = (file.open(), file.open());
    send(&dies, 100).await.unwrap();
    assert_eq!(receive(&dies).await.len(), 1);
    let batch = BatchId::new(1, 1);
    assert!(matches!(claim(&dies, file.request(batch)).await, Claim::Claimed(_)));

    file.clock.advance(Duration::from_secs(2));
    assert!(receive(&lives).await.is_empty());
    assert!(matches!(claim(&lives, file.request(batch)).await, Claim::Busy { .. }));

    drop(dies);
    file.clock.advance(Duration::from_secs(2));
    let reappeared = receive(&lives).await;
    assert_eq!(reappeared.iter().map(|delivery| delivery.receives).collect::<Vec<_>>(), [2]);
    match claim(&lives, file.request(batch)).await {
        Claim::Claimed(Claimed { epoch: 2, losses: 1, .. }) => {}
        other => panic!("not taken over: {other:?}"),
    }
}

#[tokio::test]
async fn rows_of_a_parcel_are_removed_two_days_after_its_time() {
    let file = File::new();
    let ports = file.open();
    let batch = BatchId::new(1, 1);
    let request = file.request(batch);
    let parcel = request.parcel;
    claim(&ports, request).await;
    let results = vec![ResultRow { index: 3, value: Bytes::from_static(b"\x07") }];
    let record = Some(Record { results, ..Record::default() });
    ports.ledger.finish(Finish { parcel, epoch: 1, record }).await.unwrap();

    for (passed, kept) in [(DAY * 3, true), (Duration::from_secs(1), false)] {
        file.clock.advance(passed);
        // Receives at least a second apart each look at some rows.
        for _ in 0..10 {
            receive(&ports).await;
            if !kept {
                file.clock.advance(Duration::from_secs(1));
            }
        }
        assert_eq!(ports.ledger.rows(vec![parcel]).await.unwrap()[0].is_some(), kept);
        assert_eq!(ports.ledger.result_of(batch.call(3)).await.unwrap().is_some(), kept);
    }
}

#[tokio::test]
async fn a_long_log_is_emptied_when_writing_pauses() {
    let file = File::new();
    let ports = file.open();
    send(&ports, 8 << 20).await.unwrap();
    let log = file.directory.path().join("queue.db-wal");
    assert!(log.metadata().unwrap().len() > 8 << 20);
    until_its_length(&log, |bytes| bytes == 0).await;
}

/// A sync is cheaper if the file does not grow.
#[tokio::test]
async fn a_short_log_is_copied_when_writing_pauses_and_written_over() {
    let file = File::new();
    let ports = file.open();
    let [database, log] = ["", "-wal"].map(|suffix| file.directory.path().join(format!("queue.db{suffix}")));
    send(&ports, 1 << 20).await.unwrap();
    until_its_length(&database, |bytes| bytes > 1 << 20).await;
    let before = log.metadata().unwrap().len();
    assert!(before > 1 << 20, "the log was cut to {before} bytes");
    send(&ports, 1 << 19).await.unwrap();
    assert_eq!(log.metadata().unwrap().len(), before, "the log was not written over");
    drop(ports);
    assert_eq!(receive(&file.open()).await.len(), 2);
}

async fn until_its_length(path: &Path, is_so: impl Fn(u64) -> bool) {
    for _ in 0..600 {
        if is_so(path.metadata().unwrap().len()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("`{}` still has {} bytes", path.display(), path.metadata().unwrap().len());
}

#[tokio::test]
async fn the_log_does_not_grow_with_what_is_written() {
    let file = File::new();
    let ports = file.open();
    let log = file.directory.path().join("queue.db-wal");
    let mut written = 0;
    let mut longest = 0;
    while written < 240 << 20 {
        let sent = futures::future::join_all((0..8).map(|_| send(&ports, PARCEL))).await;
        assert!(sent.iter().all(Result::is_ok));
        written += 8 * PARCEL;
        for delivery in receive(&ports).await {
            ports.queue.settle(vec![delivery.deleted()]).await.remove(0).unwrap();
        }
        longest = longest.max(log.metadata().unwrap().len());
    }
    // A third of this would be enough. The limit leaves room for slow disks.
    assert!(longest < 160 << 20, "{longest} bytes");
}

/// Removes files that have not been written for days, as cleaning programs do (systemd#30760).
#[tokio::test]
async fn a_lock_file_that_is_cleaned_up_frees_nothing_that_a_living_process_has() {
    let file = File::new();
    let (one, other) = (file.open(), file.open());
    let batch = BatchId::new(1, 1);
    send(&one, 100).await.unwrap();
    assert_eq!(receive(&one).await.len(), 1);
    assert!(matches!(claim(&one, file.request(batch)).await, Claim::Claimed(_)));
    // The other process has begun its life and has looked for dead processes.
    assert!(receive(&other).await.is_empty());

    for clean in [clean_up_lives, clean_up_folder] {
        clean(&file.directory.path().join("queue.db-locks"));
        for _ in 0..3 {
            file.clock.advance(Duration::from_secs(2));
            assert!(receive(&other).await.is_empty());
            assert!(matches!(claim(&other, file.request(batch)).await, Claim::Busy { .. }));
        }
    }
    file.clock.advance(Duration::from_hours(1));
    assert_eq!(receive(&other).await.len(), 1, "the lease has ended");
    assert!(matches!(claim(&other, file.request(batch)).await, Claim::Claimed(_)));
}

/// After the clean-up, the end of a new life is noticed at once again.
#[tokio::test]
async fn after_a_clean_up_deaths_are_noticed_again() {
    let file = File::new();
    let (dies, lives) = (file.open(), file.open());
    assert!(receive(&dies).await.is_empty());
    clean_up_folder(&file.directory.path().join("queue.db-locks"));
    send(&dies, 100).await.unwrap();
    assert_eq!(receive(&dies).await.len(), 1);
    let batch = BatchId::new(1, 1);
    assert!(matches!(claim(&dies, file.request(batch)).await, Claim::Claimed(_)));
    drop(dies);
    file.clock.advance(Duration::from_secs(2));
    assert_eq!(receive(&lives).await.len(), 1);
    assert!(matches!(claim(&lives, file.request(batch)).await, Claim::Claimed(_)));
}

/// The file comes back after its process has begun another life. Its lock was never released.
#[tokio::test]
async fn a_lock_file_that_is_moved_away_and_back_frees_nothing_that_a_living_process_has() {
    let file = File::new();
    let (one, other) = (file.open(), file.open());
    send(&one, 100).await.unwrap();
    assert_eq!(receive(&one).await.len(), 1);
    let batch = BatchId::new(1, 1);
    assert!(matches!(claim(&one, file.request(batch)).await, Claim::Claimed(_)));
    let (locks, away) = (file.directory.path().join("queue.db-locks"), file.directory.path().join("away"));
    std::fs::create_dir(&away).unwrap();
    move_lives(&locks, &away);
    file.clock.advance(Duration::from_secs(2));
    assert!(receive(&one).await.is_empty());
    move_lives(&away, &locks);
    for _ in 0..3 {
        file.clock.advance(Duration::from_secs(2));
        assert!(receive(&other).await.is_empty());
        assert!(matches!(claim(&other, file.request(batch)).await, Claim::Busy { .. }));
    }
}

fn move_lives(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().starts_with("live-") {
            std::fs::rename(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

fn clean_up_lives(locks: &Path) {
    for file in std::fs::read_dir(locks).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_string_lossy().starts_with("live-") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
}

fn clean_up_folder(locks: &Path) {
    std::fs::remove_dir_all(locks).unwrap();
}

#[tokio::test]
async fn nothing_is_accepted_into_a_file_that_is_gone() {
    for (suffix, settled) in [("", false), ("-wal", false), ("-shm", false), ("", true), ("-wal", true)] {
        let site = File::new();
        let ports = site.open();
        // The time of the file's directory tells whether anything changed in it, once it is older than a tick of the
        // kernel: both before that and after.
        if settled {
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        send(&ports, 10).await.unwrap();
        let path = PathBuf::from(format!("{}{suffix}", site.path().display()));
        let aside = path.with_extension("aside");
        std::fs::rename(&path, &aside).unwrap();
        let lost = format!(
            "`{}` was deleted or replaced while it was in use, so nothing more is written to it; put it back, or start \
             again",
            path.display()
        );
        for replaced in [false, true] {
            if replaced {
                std::fs::write(&path, "another").unwrap();
            }
            let error = send(&ports, 10).await.unwrap_err();
            assert!(matches!(&error, SendError::Rejected(PortError::Gone { what }) if *what == lost), "{error:?}");
            let request =
                Receive { queues: vec!["mail".into()], lanes: Lane::ALL, max: 1, hide_ms: 1, wait_ms: 60_000 };
            let received = ports.queue.receive(request).await;
            assert!(matches!(&received, Err(PortError::Gone { .. })), "{received:?}");
            let read = ports.queue.depths().await;
            assert!(matches!(&read, Err(PortError::Gone { .. })), "{read:?}");
        }
        std::fs::rename(&aside, &path).unwrap();
        send(&ports, 10).await.unwrap();
        assert_eq!(receive(&ports).await.len(), 2);
    }
}

#[tokio::test]
async fn nothing_is_accepted_into_a_file_whose_directory_was_moved() {
    let root = tempfile::tempdir().unwrap();
    let (directory, moved) = (root.path().join("data"), root.path().join("moved"));
    std::fs::create_dir(&directory).unwrap();
    let ports = celeriac_embedded::open(&directory.join("queue.db")).unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    for _ in 0..2 {
        send(&ports, 10).await.unwrap();
        std::fs::rename(&directory, &moved).unwrap();
        let error = send(&ports, 10).await.unwrap_err();
        assert!(matches!(&error, SendError::Rejected(PortError::Gone { .. })), "{error:?}");
        std::fs::rename(&moved, &directory).unwrap();
    }
}
