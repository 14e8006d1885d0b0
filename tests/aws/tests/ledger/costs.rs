//! Tests the units that DynamoDB bills.

use celeriac_core::{id::BatchId, ports::ClaimRequest};

use crate::table::{Table, succeeded, table};

/// The billed write units and read units, according to the service's answers.
fn units(table: &Table) -> (f64, f64) {
    let usage = table.backend.meter().usage();
    let is_read = |name: &str| ["GetItem", "BatchGetItem", "Query"].contains(&name);
    let sum = |read: bool| {
        let of_it = usage.iter().filter(|((service, name), _)| service == "DynamoDB" && is_read(name) == read);
        of_it.map(|(_, usage)| usage.units).sum()
    };
    (sum(false), sum(true))
}

fn assert_units(table: &Table, before: (f64, f64), writes: f64) {
    let (after, _) = units(table);
    assert!((after - before.0 - writes).abs() < 1e-9, "{:#?}", table.backend.meter().usage());
}

pub(crate) async fn a_lone_call_costs_two_write_units() {
    let table = table().await;
    let batch = BatchId::new(1, 7);
    let request = ClaimRequest { counted: false, ..table.request(batch, 0, 1) };
    table.run(request, succeeded(1)).await.expect("finish");
    assert_units(&table, (0.0, 0.0), 2.0);
    assert!(units(&table).1.abs() < 1e-9, "nothing is read: {:#?}", table.backend.meter().usage());
}

pub(crate) async fn a_recorded_parcel_costs_six_write_units_and_the_first_of_a_batch_five() {
    let table = table().await;
    let batch = table.batch(4096 * 2, None).await;
    for (first, writes) in [(0, 5.0), (4096, 6.0)] {
        let before = units(&table);
        table.run(table.request(batch, first, 4096), succeeded(4096)).await.expect("finish");
        assert_units(&table, before, writes);
    }
}
