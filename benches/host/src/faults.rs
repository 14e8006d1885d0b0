//! The faults of Invokes. A seed and the Invoke's number decide them, so that a run can be repeated.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Latency and faults of Invokes. Probabilities are between 0 and 1, and none happens by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// How long each Invoke takes until it is answered, in milliseconds. Defaults to 100.
    pub latency_ms: u64,
    /// Decides which Invokes the faults hit. Defaults to 0.
    pub seed: u64,
    /// Answered 429; nothing happens.
    pub throttle: f64,
    /// Answered 500; nothing happens.
    pub error: f64,
    /// Answered 500, although the event was accepted.
    pub lost: f64,
    /// An event that is accepted and never runs.
    pub drop: f64,
    /// An event that runs twice.
    pub duplicate: f64,
    /// An event that runs [`delay_ms`](Self::delay_ms) later.
    pub delay: f64,
    /// How much later a delayed event runs, in milliseconds. Defaults to 1,000.
    pub delay_ms: u64,
}

impl Faults {
    /// No faults, and answers at once.
    pub const NONE: Self = Self {
        latency_ms: 0,
        seed: 0,
        throttle: 0.0,
        error: 0.0,
        lost: 0.0,
        drop: 0.0,
        duplicate: 0.0,
        delay: 0.0,
        delay_ms: 1_000,
    };
}

impl Default for Faults {
    fn default() -> Self {
        Self { latency_ms: 100, ..Self::NONE }
    }
}

/// The fate of one Invoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvokeFate {
    pub(crate) answer: Answer,
    /// How many times its event runs.
    pub(crate) runs: u32,
    /// How much later, in milliseconds.
    pub(crate) delay_ms: u64,
}

/// How an Invoke is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    Throttled,
    Failed,
    Lost,
}

impl Faults {
    /// The fate of the Invoke with this number.
    pub(crate) fn fate(&self, number: u64) -> InvokeFate {
        let hit = |kind: u8, probability: f64| {
            probability > 0.0 && chance(self.seed.wrapping_add(u64::from(kind)), number) < probability
        };
        let answer = if hit(0, self.throttle) {
            Answer::Throttled
        } else if hit(1, self.error) {
            Answer::Failed
        } else if hit(2, self.lost) {
            Answer::Lost
        } else {
            Answer::Accepted
        };
        let runs = match (hit(3, self.drop), hit(4, self.duplicate)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        };
        InvokeFate { answer, runs, delay_ms: if hit(5, self.delay) { self.delay_ms } else { 0 } }
    }
}

/// A number in 0..1 that depends on nothing else.
fn chance(seed: u64, number: u64) -> f64 {
    xxh3_64_with_seed(&number.to_le_bytes(), seed) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_hit_as_often_as_asked_and_the_same_ones_again() {
        let faults = Faults { drop: 0.1, throttle: 0.3, ..Faults::default() };
        let fates: Vec<InvokeFate> = (0..10_000).map(|number| faults.fate(number)).collect();
        let dropped = fates.iter().filter(|fate| fate.runs == 0).count();
        let throttled = fates.iter().filter(|fate| fate.answer == Answer::Throttled).count();
        assert!((900..1100).contains(&dropped), "{dropped}");
        assert!((2800..3200).contains(&throttled), "{throttled}");
        assert_eq!(fates, (0..10_000).map(|number| faults.fate(number)).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_goes_wrong_unasked() {
        let fine = InvokeFate { answer: Answer::Accepted, runs: 1, delay_ms: 0 };
        assert!((0..1000).all(|number| Faults::default().fate(number) == fine));
    }
}
