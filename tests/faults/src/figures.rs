//! The figures of many rounds, as one line.

use serde::Serialize;

use crate::torment::Round;

/// The results of many rounds.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "they are those of `Verdicts`, counted")]
pub struct Figures {
    pub seed: u64,
    pub rounds: u64,
    pub kills: usize,
    pub killed_starting: usize,
    pub killed_sending: usize,
    pub killed_running: usize,
    pub killed_recording: usize,
    pub killed_idle: usize,
    pub stops: usize,
    pub accepted: usize,
    pub doubtful: usize,
    pub runs: usize,
    pub runs_again: usize,
    pub losses: usize,
    pub dead: usize,
    pub oldest_unrecorded_ms: u64,
    pub lost: usize,
    pub doubled: usize,
    pub wrong: usize,
}

impl Figures {
    /// Figures of rounds from this seed on.
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Adds a round.
    pub fn take(&mut self, round: &Round) {
        let Round { verdicts, kills, freezes, moments } = round;
        self.rounds += 1;
        self.kills += kills;
        self.killed_starting += moments.starting;
        self.killed_sending += moments.sending;
        self.killed_running += moments.running;
        self.killed_recording += moments.recording;
        self.killed_idle += moments.idle;
        self.stops += freezes;
        self.accepted += verdicts.accepted;
        self.doubtful += verdicts.doubtful;
        self.runs += verdicts.runs;
        self.runs_again += verdicts.runs_again;
        self.losses += verdicts.losses;
        self.dead += verdicts.dead;
        self.oldest_unrecorded_ms = self.oldest_unrecorded_ms.max(verdicts.oldest_ms);
        self.lost += verdicts.lost.len();
        self.doubled += verdicts.doubled.len();
        self.wrong += verdicts.wrong.len();
    }

    /// Whether nothing was lost, doubled or wrong.
    pub fn is_good(&self) -> bool {
        self.lost + self.doubled + self.wrong == 0
    }
}
