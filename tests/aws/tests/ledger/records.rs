//! Tests large records, and records of parcels that span two buckets.

use celeriac_core::{
    id::BatchId,
    ports::{Failure, Record, ResultRow},
};

use crate::table::{Table, noise, open, requests, settings, succeeded, table, with_bucket};

/// Four megabytes of results: more than an item takes, and more than a transaction takes.
fn results() -> Record {
    let results = (0..200).map(|index| ResultRow { index, value: noise(20 << 10, index).into() });
    Record { results: results.collect(), ..succeeded(200) }
}

async fn assert_results(table: &Table, batch: BatchId) {
    for index in [0, 1, 99, 199] {
        let result = table.ports.ledger.result_of(batch.call(index)).await.expect("result");
        assert!(result.as_deref() == Some(&noise(20 << 10, index)), "call {index}");
    }
    assert_eq!(table.ports.ledger.result_of(batch.call(200)).await.expect("result"), None);
}

pub(crate) async fn results_that_are_too_many_for_an_item_are_split() {
    let table = table().await;
    let batch = table.batch(200, None).await;
    table.run(table.request(batch, 0, 200), results()).await.expect("finish");
    assert_eq!(requests(&table, "DynamoDB", "TransactWriteItems"), 3, "one opened the batch");
    assert_results(&table, batch).await;
}

pub(crate) async fn results_that_are_too_many_for_an_item_go_to_the_bucket() {
    let table = open(&with_bucket(settings().await), |_| aws_tests::Fault::None);
    let batch = table.batch(200, None).await;
    table.run(table.request(batch, 0, 200), results()).await.expect("finish");
    assert_eq!(requests(&table, "DynamoDB", "TransactWriteItems"), 2, "one opened the batch");
    assert!(requests(&table, "S3", "PutObject") > 0);
    assert_results(&table, batch).await;
}

pub(crate) async fn a_parcel_over_two_buckets_is_found_in_both() {
    let table = table().await;
    let batch = table.batch(8192, None).await;
    let failure = |index| Failure {
        index,
        attempt: 1,
        at_ms: 5,
        took_ms: 1,
        kind: "error".to_owned(),
        message: format!("refused {index}"),
        worker: "here".to_owned(),
    };
    let record = Record {
        results: [4090, 4097].map(|index| ResultRow { index, value: noise(9, index).into() }).to_vec(),
        failures: vec![failure(4095), failure(4096)],
        ..succeeded(4096)
    };
    table.run(table.request(batch, 4000, 4096), record).await.expect("finish");
    for index in [4090, 4097] {
        let result = table.ports.ledger.result_of(batch.call(index)).await.expect("result");
        assert_eq!(result.as_deref(), Some(&noise(9, index)[..]), "call {index}");
    }
    for index in [4095, 4096] {
        assert_eq!(table.ports.ledger.history(batch.call(index)).await.expect("history"), [failure(index)]);
    }
}

pub(crate) async fn a_root_parcel_is_found_from_the_next_bucket() {
    let table = table().await;
    let batch = table.batch(20_000, None).await;
    table.claimed(table.request(batch, 4000, 4096)).await;
    table.claimed(table.request(batch, 9000, 10)).await;
    for (index, first) in [(4000, Some(4000)), (8095, Some(4000)), (8096, None), (9009, Some(9000)), (17_000, None)] {
        let row = table.ports.ledger.root_of(batch.call(index)).await.expect("root_of");
        assert_eq!(row.map(|row| row.first), first, "call {index}");
    }
}
