//! Tasks whose calls behave as their number says, and note it.

use std::{thread, time::Duration};

use celeriac::{BoxError, Context, State, Stop, task};

use crate::witness::Witness;

/// Which task, for those who ask for calls and those who check them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ends at its first poll.
    Quick,
    /// Takes some milliseconds.
    Slow,
    /// Takes some milliseconds of a thread.
    Block,
    /// Fails a few times, perhaps for good.
    Shaky,
    /// Must not run twice.
    Once,
}

/// How often a shaky call is retried.
const RETRIES: u32 = 3;

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Quick, Self::Slow, Self::Block, Self::Shaky, Self::Once];

    /// The task's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Slow => "slow",
            Self::Block => "block",
            Self::Shaky => "shaky",
            Self::Once => "once",
        }
    }

    /// The task of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether a call with this number succeeds in the end.
    pub fn succeeds(self, number: u64) -> bool {
        self != Self::Shaky || fails(number) <= RETRIES
    }

    /// How many attempts an undisturbed call makes.
    pub fn attempts(self, number: u64) -> u32 {
        if self == Self::Shaky { fails(number).min(RETRIES) + 1 } else { 1 }
    }
}

/// How many attempts of a shaky call fail: more than there are, for two of seven.
fn fails(number: u64) -> u32 {
    [0, 1, 1, 2, 3, 4, 9][(number % 7) as usize]
}

/// How long a call takes: mostly a few milliseconds, some half a second.
fn takes(number: u64) -> Duration {
    Duration::from_millis(if number.is_multiple_of(41) { 500 } else { number % 13 * 3 })
}

#[task(retries = 3, backoff = "20ms..80ms", queue = "wide")]
pub(crate) async fn quick(cx: &Context, witness: State<Witness>, number: u64) -> Result<String, BoxError> {
    Ok(witness.starts(cx, number).succeeds())
}

#[task(retries = 3, backoff = "20ms..80ms", queue = "wide", concurrency = 8)]
pub(crate) async fn slow(cx: &Context, witness: State<Witness>, number: u64) -> Result<String, BoxError> {
    let attempt = witness.starts(cx, number);
    tokio::time::sleep(takes(number)).await;
    Ok(attempt.succeeds())
}

#[task(retries = 3, backoff = "20ms..80ms", queue = "narrow", concurrency = 4)]
pub(crate) fn block(cx: &Context, witness: State<Witness>, number: u64) -> Result<String, BoxError> {
    let attempt = witness.starts(cx, number);
    thread::sleep(takes(number) / 4);
    Ok(attempt.succeeds())
}

#[task(retries = 3, backoff = "20ms..80ms", queue = "wide", concurrency = 8)]
pub(crate) async fn shaky(cx: &Context, witness: State<Witness>, number: u64) -> Result<String, Stop> {
    let attempt = witness.starts(cx, number);
    tokio::time::sleep(takes(number) / 4).await;
    if cx.attempt() <= fails(number) {
        attempt.fails();
        return Err(Stop::from("it does not work yet"));
    }
    Ok(attempt.succeeds())
}

#[task(retries = 0, queue = "narrow", concurrency = 4, at_most_once)]
pub(crate) async fn once(cx: &Context, witness: State<Witness>, number: u64) -> Result<String, BoxError> {
    let attempt = witness.starts(cx, number);
    tokio::time::sleep(takes(number) / 2).await;
    Ok(attempt.succeeds())
}
