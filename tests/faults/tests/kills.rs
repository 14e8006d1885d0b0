//! Kills processes at any moment. No call is lost, and no recorded call runs twice.

use std::env;

use process_faults::torment::{TormentPlan, round};

/// How many kills are enough here; `just faults` makes more.
const KILLS: usize = 25;

#[test]
fn nothing_is_lost_and_only_what_was_in_flight_runs_again() {
    let seed = env::var("CELERIAC_SEED").map_or(2026, |seed| seed.parse().expect("CELERIAC_SEED is a number"));
    println!("CELERIAC_SEED={seed}");
    let program = env!("CARGO_BIN_EXE_process-faults");
    let round = round(program.as_ref(), TormentPlan { seed, kills: KILLS, freezes: 0 }).expect("a round can be played");
    println!("{round:?}");
    assert!(round.verdicts.is_good(), "{}", round.verdicts.story());
    assert_eq!(round.kills, KILLS);
    assert!(round.verdicts.accepted > 100, "they asked for {} calls", round.verdicts.accepted);
    assert!(round.verdicts.losses > 0, "no kill hit a call: the moments are not what they should be");
}
