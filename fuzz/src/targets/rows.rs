//! Fuzzes the bytes in a ledger's rows, on a file and on DynamoDB alike: seals, windows, tallies, results, failures,
//! dead letters.

use celeriac_core::{
    bitmap::Bitmap,
    id::BatchId,
    ports::{ChildPlan, DeadLetter, Entry, Failure, Reason, ResultRow, Seal, Tally, Window, entries},
    wire::decode_args,
};
use serde::{Serialize, de::DeserializeOwned};

/// The call that results and failures are asked for.
const CALL: u64 = 7;

/// The first byte says which kind of row the rest is.
pub fn run(data: &[u8]) {
    let Some((kind, row)) = data.split_first() else { return };
    match kind % 7 {
        0 => read::<Seal>(row),
        1 => read::<Window>(row),
        2 => read::<Tally>(row),
        3 => about::<ResultRow>(row),
        4 => about::<Failure>(row),
        5 => read::<DeadLetter>(row),
        _ => bitmap(row),
    }
}

/// As `backends/embedded/src/records.rs` does, and nearly as `backends/aws/src/dynamo/item.rs`.
fn read<T: DeserializeOwned + Serialize + PartialEq>(row: &[u8]) {
    if let Ok(value) = decode_args::<T>(row) {
        let written = rmp_serde::to_vec_named(&value).expect("rows have only types that MessagePack has");
        assert!(decode_args::<T>(&written).is_ok_and(|again| again == value));
    }
}

fn about<T: Entry + Serialize + PartialEq>(row: &[u8]) {
    if let Ok(found) = entries::<T>(row, CALL) {
        assert!(found.iter().all(|entry| entry.index() == CALL));
        let written = rmp_serde::to_vec_named(&found).expect("rows have only types that MessagePack has");
        assert!(entries::<T>(&written, CALL).is_ok_and(|again| again == found));
    }
}

fn bitmap(row: &[u8]) {
    let set = Bitmap::from_bytes(row);
    let positions: Vec<u32> = set.iter().collect();
    assert_eq!((positions.len() as u32, positions.is_empty()), (set.len(), set.is_empty()));
    assert!(positions.iter().all(|position| set.contains(*position)));
    let again: Bitmap = positions.iter().copied().collect();
    assert!(again.iter().eq(positions));
}

/// One of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let calls: Bitmap = [0, 7, 8, 4000].into_iter().collect();
    let seal = Seal { children: vec![ChildPlan { calls: calls.clone(), attempt: 2, due_ms: 1 << 41 }; 2] };
    let window = Window { calls: calls.clone(), deaths: 1 };
    let results = vec![ResultRow { index: 7, value: b"\xa2ok".as_slice().into() }];
    let failure = Failure {
        index: 7,
        attempt: 1,
        at_ms: 1 << 41,
        took_ms: 20,
        kind: "error".to_owned(),
        message: "smtp: 550".to_owned(),
        worker: "host-1".to_owned(),
    };
    let letter = DeadLetter {
        id: BatchId::new(1 << 41, 42).call(7),
        counted: true,
        task: "mail.send".to_owned(),
        queue: "mail".to_owned(),
        args: b"\x80".as_slice().into(),
        reason: Reason::Failed,
        message: "smtp: 550".to_owned(),
        attempts: 4,
        died_ms: 1 << 41,
    };
    vec![
        row(0, &seal),
        row(1, &window),
        row(2, &Tally { succeeded: 70, ..Tally::default() }),
        row(3, &results),
        row(4, &vec![failure]),
        row(5, &letter),
        [&[6], calls.as_bytes()].concat(),
    ]
}

fn row<T: Serialize>(kind: u8, value: &T) -> Vec<u8> {
    [&[kind], rmp_serde::to_vec_named(value).expect("rows have only types that MessagePack has").as_slice()].concat()
}
