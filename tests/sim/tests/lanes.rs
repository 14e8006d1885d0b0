//! Neither lane of a queue starves the other.

use celeriac_core::ports::Lanes;
use simulation::{Contest, Load, Shares, contest};

const APART: Contest = Contest { lanes: Lanes::Apart, concurrency: None, load: Load::Lone, backlog: true };

/// Sixty calls in 50 ms are more than any of these workers starts.
const ENDLESS: Load = Load::Endless(60);

/// The longest that a lone call may wait, from when it is accepted until it starts. A few requests of up to 2 ms.
const MOST_WAIT_MS: u64 = 50;

fn longest(shares: &Shares) -> u64 {
    shares.waits_ms.iter().copied().max().unwrap_or(u64::MAX)
}

#[test]
fn a_lone_call_does_not_wait_for_a_bulk_backlog() {
    let shares = contest(&APART);
    println!("{} lone calls, longest wait {} ms, {} bulk calls", shares.accepted, longest(&shares), shares.bulk);
    assert!(shares.accepted > 40 && shares.waits_ms.len() >= shares.accepted - 1, "{shares:?}");
    assert!(longest(&shares) <= MOST_WAIT_MS, "{shares:?}");
    let alone = contest(&Contest { load: Load::None, ..APART });
    assert!(shares.bulk * 100 >= alone.bulk * 95, "{} of {} without lone calls", shares.bulk, alone.bulk);
}

/// So the test above notices it when lanes are mixed.
#[test]
fn without_lanes_it_waits_for_the_whole_backlog() {
    let shares = contest(&Contest { lanes: Lanes::Together, ..APART });
    println!("{} of {} lone calls have started", shares.waits_ms.len(), shares.accepted);
    assert!(shares.waits_ms.is_empty() || longest(&shares) > 10_000, "{shares:?}");
}

/// A worker that may run ten calls at a time, or one: its places are shared.
#[test]
fn a_lone_call_waits_for_one_place_of_a_limited_worker_and_not_for_the_backlog() {
    for concurrency in [1, 10] {
        let shares = contest(&Contest { concurrency: Some(concurrency), ..APART });
        println!("{concurrency} places: longest wait {} ms, {} bulk calls", longest(&shares), shares.bulk);
        // A place is free when one of the running calls ends, after 50 ms at most.
        assert!(longest(&shares) <= MOST_WAIT_MS + 50, "{shares:?}");
    }
}

#[test]
fn bulk_keeps_a_fifth_under_endless_interactive_load() {
    for concurrency in [None, Some(1), Some(4), Some(10)] {
        let alone = contest(&Contest { concurrency, load: Load::None, ..APART });
        let beside = contest(&Contest { concurrency, load: ENDLESS, ..APART });
        let share = beside.bulk as f64 / alone.bulk as f64;
        let started = beside.waits_ms.len();
        println!("{concurrency:?}: {} bulk calls of {} alone, {started} interactive", beside.bulk, alone.bulk);
        assert!(share >= 0.2, "{share} of bulk is left at {concurrency:?}");
        assert!(started as u64 > beside.bulk / 5, "{started} interactive calls beside {}", beside.bulk);
    }
}
