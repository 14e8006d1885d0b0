//! Pauses between attempts at what others are in the way of. They take the machine's time, whatever the ports' clock
//! says: it is the service that is waited for.

use std::time::Duration;

use celeriac_core::{backoff::doubled_ms, ports::Entropy};

/// The longest first pause, in milliseconds; each further one may be twice as long.
const FIRST_MS: u64 = 10;

/// The longest pause, in milliseconds.
const LONGEST_MS: u64 = 1000;

/// How many pauses there are: some five seconds in all.
const PAUSES: u32 = 14;

/// Pauses that have not been taken yet.
pub(super) struct Patience<'a> {
    entropy: &'a dyn Entropy,
    taken: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(entropy: &'a dyn Entropy) -> Self {
        Self { entropy, taken: 0 }
    }

    /// Waits. `false`, at once, when there is no patience left.
    pub(super) async fn wait(&mut self) -> bool {
        if self.taken == PAUSES {
            return false;
        }
        // All of a pause is random: those who met would meet again otherwise.
        self.taken += 1;
        let most_ms = doubled_ms(FIRST_MS, self.taken, LONGEST_MS);
        tokio::time::sleep(Duration::from_millis(self.entropy.next_u64() % (most_ms + 1))).await;
        true
    }
}
