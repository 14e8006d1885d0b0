//! Ends calls that are over their time, and takes over sequences that are stuck.

use std::{sync::Arc, time::Duration};

use super::{
    parcel_run::ParcelRun,
    suspended::{RunsOn, SuspendedCall},
};
use crate::outcome::End;

impl ParcelRun<'_> {
    /// Ends the calls that are over their time.
    pub(super) fn cut_overdue(&mut self, now_us: u64) {
        if self.grace_us.is_none() && self.worker.is_stopping() {
            self.state.halt();
            self.grace_us = Some(self.worker.grace_us());
        }
        if self.claim.has_lapsed() {
            // The claim protects the parcel again once the renewal in flight is written.
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

    /// Takes over sequences that are stuck: a call blocks their thread, or all threads that could poll them are
    /// blocked.
    fn take_over_stuck(&mut self, now_us: u64) {
        let graceless = self.is_graceless(now_us);
        let threads = &self.state.threads;
        let closed = !self.state.may_start(now_us);
        for (sequence, _) in &self.sequences {
            let progress = sequence.progress();
            let Some(since_us) = progress.polling_since_us else {
                // The sequence may be in the run queue of a blocked thread, where no other thread finds it.
                let strands = threads.is_blocked(sequence.generation()) && threads.can_replace(sequence.generation());
                // It may also wait for calls of other parcels to end. Calls that may not start need not wait for that.
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

    /// Whether the worker is being stopped, and the grace of the running calls is over.
    fn is_graceless(&self, now_us: u64) -> bool {
        self.grace_us.is_some_and(|grace_us| grace_us <= now_us)
    }

    /// When a poll that began at `since_us` counts as stalled, so that other calls must not wait behind it.
    fn stalls_us(&self, since_us: u64) -> u64 {
        since_us.saturating_add(self.worker.stall().as_micros() as u64)
    }
}
