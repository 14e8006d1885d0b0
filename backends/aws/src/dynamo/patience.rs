//! Pauses between attempts that other writers obstruct. They use the machine's clock and not the ports' clock, since
//! they wait for a real service.

use std::time::Duration;

use celeriac_core::{backoff::doubled_ms, ports::Entropy};

/// The longest first pause, in milliseconds; each further pause may be twice as long.
const FIRST_MS: u64 = 10;

/// The longest pause, in milliseconds.
const LONGEST_MS: u64 = 1000;

/// The number of pauses: about five seconds in all.
const PAUSES: u32 = 14;

/// The pauses that are left.
pub(super) struct Patience<'a> {
    entropy: &'a dyn Entropy,
    taken: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(entropy: &'a dyn Entropy) -> Self {
        Self { entropy, taken: 0 }
    }

    /// Pauses. Returns `false` at once when no pause is left.
    pub(super) async fn wait(&mut self) -> bool {
        if self.taken == PAUSES {
            return false;
        }
        // The whole pause is random: writers that collided would otherwise collide again.
        self.taken += 1;
        let most_ms = doubled_ms(FIRST_MS, self.taken, LONGEST_MS);
        tokio::time::sleep(Duration::from_millis(self.entropy.next_u64() % (most_ms + 1))).await;
        true
    }
}
