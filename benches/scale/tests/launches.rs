//! The count of outstanding invocations does not bind before many thousands are launched in a second.

use std::time::Duration;

use scale::launches;

/// One item takes a thousand writes a second: with one, about 900 were launched.
#[test]
fn ten_thousand_workers_are_launched_faster_than_one_item_can_be_written() {
    let launches = launches(100, 10_000, Duration::from_secs(5));
    println!("{launches:?}");
    assert!(launches.per_second >= 5_000.0, "{launches:?}");
    assert_eq!((launches.throttled, launches.left), (0, 0), "{launches:?}");
}

/// With a cap of 64 there is one item.
#[test]
fn ends_that_could_not_be_counted_are_counted_by_the_next() {
    let launches = launches(100, 64, Duration::from_secs(20));
    println!("{launches:?}");
    assert!(launches.left <= 5, "{launches:?}");
}
