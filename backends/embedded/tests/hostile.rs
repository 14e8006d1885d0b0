//! Tests a file whose rows were tampered with: only a read of such a row fails, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use celeriac_conformance::claim_request;
use celeriac_core::{
    bitmap::Bitmap,
    id::{BatchId, ParcelId},
    ports::{ChildPlan, ClaimRequest, DeadQuery, Ports, Seal, Window},
};
use celeriac_embedded::open;
use proptest::{prelude::*, sample::Index};
use rusqlite::{Connection, params};

const NOW_MS: u64 = 1_700_000_000_000;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn request(batch: BatchId) -> ClaimRequest {
    ClaimRequest { counted: false, lease_until_ms: NOW_MS, ..claim_request(batch, 0, 10, NOW_MS) }
}

/// A plausible row with some bytes changed, or arbitrary bytes.
fn blob() -> impl Strategy<Value = Vec<u8>> {
    let calls: Bitmap = [0, 7, 4000].into_iter().collect();
    let seal = Seal { children: vec![ChildPlan { calls: calls.clone(), attempt: 2, due_ms: 1 }] };
    let right = [
        rmp_serde::to_vec_named(&seal).unwrap(),
        rmp_serde::to_vec_named(&Window { calls, deaths: 1 }).unwrap(),
        b"\x91\x82\xa5index\x00\xa5value\xc4\x01\x01".to_vec(),
        b"\xdd\xff\xff\xff\xff".to_vec(),
        [0x91; 2000].to_vec(),
    ];
    let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..4);
    let changed = (prop::sample::select(right.to_vec()), changes).prop_map(|(mut bytes, changes)| {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![changed, prop::collection::vec(any::<u8>(), 0..100)]
}

/// Reads all rows of a batch.
fn read(ports: &Ports, batch: BatchId) {
    let call = batch.call(0);
    let _ = block_on(ports.ledger.claim(vec![request(batch)]));
    let _ = block_on(ports.ledger.rows(vec![ParcelId::root(batch, 0)]));
    let _ = block_on(ports.ledger.root_of(call));
    let _ = block_on(ports.ledger.result_of(call));
    let _ = block_on(ports.ledger.history(call));
    let _ = block_on(ports.dead_letters.get(call));
    let _ = block_on(ports.dead_letters.list(DeadQuery::new(10).batch(batch)));
}

#[test]
fn a_damaged_row_is_an_error_only_for_its_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue.db");
    let ports = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    let (hostile, sound) = (BatchId::new(NOW_MS, 1), BatchId::new(NOW_MS, 2));
    for batch in [hostile, sound] {
        assert!(block_on(ports.ledger.claim(vec![request(batch)]))[0].is_ok());
        for table in ["result", "failure"] {
            let insert =
                format!("INSERT INTO {table} (batch, low, high, keep_until_ms, rows) VALUES (?1, 0, 9, ?2, x'90')");
            other.execute(&insert, params![batch.to_bytes(), i64::MAX]).unwrap();
        }
        let insert =
            "INSERT INTO dead_letter (batch, call, counted, task, queue, args, reason, message, attempts, died_ms)
             VALUES (?1, 0, 0, 'mail.send', 'mail', x'80', 'failed', 'smtp: 550', 1, 1)";
        other.execute(insert, [batch.to_bytes()]).unwrap();
    }
    proptest!(ProptestConfig::with_cases(64), |(state in -1..4_i64, blobs in prop::array::uniform6(blob()))| {
        let [done, window, seal, result, failure, reason] = blobs;
        let id = hostile.to_bytes();
        let update = "UPDATE parcel SET state = ?2, done = ?3, window = ?4, seal = ?5 WHERE batch = ?1";
        other.execute(update, params![id, state, done, window, seal]).unwrap();
        other.execute("UPDATE result SET rows = ?2 WHERE batch = ?1", params![id, result]).unwrap();
        other.execute("UPDATE failure SET rows = ?2 WHERE batch = ?1", params![id, failure]).unwrap();
        other.execute("UPDATE dead_letter SET reason = ?2 WHERE batch = ?1", params![id, reason]).unwrap();
        read(&ports, hostile);
        prop_assert!(block_on(ports.ledger.claim(vec![request(sound)]))[0].is_ok());
        prop_assert!(block_on(ports.dead_letters.get(sound.call(0))).unwrap().is_some());
        prop_assert_eq!(block_on(ports.ledger.history(sound.call(0))).unwrap(), []);
    });
}
