//! Cases of the port that remembers schedules.

use super::{World, cases};

cases!["schedules": the_latest_run_is_remembered_and_never_goes_back];

async fn the_latest_run_is_remembered_and_never_goes_back(world: World) {
    let schedules = &world.ports.schedules;
    assert_eq!(schedules.last("report.nightly").await.expect("last"), None);
    for (due_ms, last_ms) in [(1000, 1000), (3000, 3000), (2000, 3000)] {
        schedules.sent("report.nightly", due_ms).await.expect("sent");
        assert_eq!(schedules.last("report.nightly").await.expect("last"), Some(last_ms));
    }
    assert_eq!(schedules.last("report.weekly").await.expect("last"), None);
}
