//! Calls that are over their time, and sequences that do not come on.

use std::{sync::Arc, time::Duration};

use super::{
    parcel_run::ParcelRun,
    suspended::{RunsOn, SuspendedCall},
};
use crate::outcome::End;

impl ParcelRun<'_> {
    /// Ends what is over its time.
    pub(super) fn cut_overdue(&mut self, now_us: u64) {
        if self.grace_us.is_none() && self.worker.is_stopping() {
            self.state.halt();
            self.grace_us = Some(self.worker.grace_us());
        }
        if self.claim.has_lapsed() {
            // Unguarded until the renewal that must be on its way is written.
            self.state.halt();
        }
        self.take_over_stuck(now_us);
        let graceless = self.is_graceless(now_us);
        for call in self.state.suspended() {
            if call.deadline_us <= now_us {
                let limit = Duration::from_micros(call.deadline_us - call.started_us);
                self.state.cut(&call, End::TimedOut { limit, hung: call.hung(now_us) }, now_us);
            } else if graceless {
                self.state.cut(&call, End::Interrupted, now_us);
            } else if call.polled_for(now_us).is_some_and(|polling| polling >= self.worker.stall()) {
                self.state.block(&call);
            }
        }
    }

    /// Takes sequences over that do not come on: a call blocks their thread, or all threads that could poll them.
    fn take_over_stuck(&mut self, now_us: u64) {
        let graceless = self.is_graceless(now_us);
        let threads = self.worker.threads();
        let closed = !self.state.may_start(now_us);
        for (sequence, _) in &self.sequences {
            let progress = sequence.progress();
            let Some(since_us) = progress.polling_since_us else {
                // It may be in the run queue of a thread that is blocked, where no other finds it.
                let strands = threads.is_blocked(sequence.generation()) && threads.can_replace(sequence.generation());
                // It may also wait for calls of other parcels to end, and what may not start waits for nothing.
                if (strands || graceless || closed) && sequence.take_over_idle(progress) {
                    self.state.ended();
                }
                continue;
            };
            let deadline_us = self.state.deadline_us(since_us);
            let stalls = self.stalls_us(since_us) <= now_us && threads.can_replace(sequence.generation());
            if let Some(start) = sequence.starts().get(progress.passed).copied()
                && (stalls || graceless || deadline_us <= now_us)
            {
                let call = Arc::new(SuspendedCall::new(
                    start,
                    RunsOn::PollThread(sequence.generation()),
                    since_us,
                    deadline_us,
                ));
                call.entered(since_us, sequence.thread());
                self.state.suspend(&call);
                if sequence.take_over_polling(progress, &call) {
                    self.outcomes.suspended(start);
                    self.state.block(&call);
                    self.state.ended();
                } else {
                    self.state.withdraw(&call);
                }
            }
        }
    }

    /// Whether the worker is being stopped, and the calls under way have had their grace.
    fn is_graceless(&self, now_us: u64) -> bool {
        self.grace_us.is_some_and(|grace_us| grace_us <= now_us)
    }

    /// When a poll that began then has taken too long to let others wait behind it.
    fn stalls_us(&self, since_us: u64) -> u64 {
        since_us.saturating_add(self.worker.stall().as_micros() as u64)
    }
}
