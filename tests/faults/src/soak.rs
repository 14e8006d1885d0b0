//! Runs many rounds.

use std::path::Path;

use anyhow::Result;

use crate::{
    Figures,
    torment::{TormentPlan, round},
};

/// How many processes are killed in a round, and how many are frozen in every fourth round.
const KILLS: usize = 25;
const FREEZES: usize = 4;

/// Runs rounds until this many processes have been killed. Round `n` has the seed `seed + n`.
pub fn soak(program: &Path, kills: usize, seed: u64) -> Result<Figures> {
    let mut figures = Figures::new(seed);
    while figures.kills < kills {
        let seed = seed + figures.rounds;
        let freezes = if figures.rounds % 4 == 3 { FREEZES } else { 0 };
        let played = round(program, TormentPlan { seed, kills: KILLS.min(kills - figures.kills), freezes })?;
        figures.take(&played);
        let (killed, good) = (figures.kills, played.verdicts.is_good());
        eprintln!("round {seed}: {killed} kills, {} calls{}", figures.accepted, if good { "" } else { ", WRONG" });
        if !good {
            println!("seed {seed}:\n{}", played.verdicts.story());
        }
    }
    Ok(figures)
}
