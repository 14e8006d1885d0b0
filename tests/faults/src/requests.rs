//! The requests of a producer, drawn from its seed. Each has its own number, which its calls have as argument.

use std::{fmt, time::Duration};

use rand::{RngExt as _, rngs::StdRng};

use crate::tasks::Kind;

/// How many numbers a life of a producer has.
const NUMBERS: u64 = 1_000_000;

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The number of its first call, and its name.
    pub number: u64,
    /// The task.
    pub kind: Kind,
    /// How its calls are sent.
    pub shape: Shape,
    /// When they are due.
    pub countdown: Duration,
}

/// How calls are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One call without a key, which is not repeated.
    Single,
    /// One call with a key: if its producer dies, the next one sends it again.
    Keyed,
    /// A batch of this size with a key: if its producer dies, the next one continues it.
    Batch(u64),
}

impl Request {
    /// The next of a producer.
    pub fn draw(number: u64, rng: &mut StdRng) -> Self {
        let kind = Kind::ALL[rng.random_range(0..Kind::ALL.len())];
        let shape = match rng.random_range(0..10) {
            0..=5 => Shape::Single,
            6 | 7 => Shape::Keyed,
            _ if matches!(kind, Kind::Quick) => Shape::Batch(rng.random_range(1..400)),
            _ => Shape::Batch(rng.random_range(1..60)),
        };
        let countdown = if rng.random_range(0..6) == 0 { rng.random_range(1..300) } else { 0 };
        Self { number, kind, shape, countdown: Duration::from_millis(countdown) }
    }

    /// The first number of a producer's life.
    pub fn first(producer: u64, life: u64) -> u64 {
        (producer * 1000 + life) * NUMBERS
    }

    /// The number after its last call's.
    pub fn end(&self) -> u64 {
        self.number + self.calls()
    }

    /// How many calls it has.
    pub fn calls(&self) -> u64 {
        if let Shape::Batch(calls) = self.shape { calls } else { 1 }
    }

    /// Its key, which stays the same when it is sent again.
    pub fn key(&self) -> Option<String> {
        (self.shape != Shape::Single).then(|| format!("request-{}", self.number))
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let number = words.next()?.parse().ok()?;
        let kind = Kind::of(words.next()?)?;
        let shape = match (words.next()?, words.next()?.parse().ok()?) {
            ("single", _) => Shape::Single,
            ("keyed", _) => Shape::Keyed,
            ("batch", calls) => Shape::Batch(calls),
            _ => return None,
        };
        let countdown = Duration::from_millis(words.next()?.parse().ok()?);
        Some(Self { number, kind, shape, countdown })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = match self.shape {
            Shape::Single => "single",
            Shape::Keyed => "keyed",
            Shape::Batch(_) => "batch",
        };
        let (kind, countdown_ms) = (self.kind.name(), self.countdown.as_millis());
        write!(f, "{} {kind} {shape} {} {countdown_ms}", self.number, self.calls())
    }
}
