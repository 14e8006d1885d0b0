//! Decides which calls a run starts: all that may start, or the next window of careful mode.

use std::{collections::VecDeque, sync::Arc};

use celeriac_core::ports::Window;

use super::{parcel_run::ParcelRun, sequence::Sequence, sequence_driver::drive, start::Start};

impl ParcelRun<'_> {
    /// Starts the calls that may start now.
    pub(super) fn start_calls(&mut self, now_us: u64) {
        self.expire(now_us);
        if !self.state.may_start(now_us) {
            return;
        }
        if self.careful.is_none() {
            self.todo.extend(self.outcomes.due(now_us));
            let starts: Vec<Start> = self.todo.drain(..).collect();
            self.start_sequence(starts);
        } else if self.in_window > 0 && self.sequences.is_empty() && self.state.running() == 0 {
            let calls = std::mem::take(&mut self.in_window);
            self.careful.iter_mut().for_each(|careful| careful.survived(calls));
        }
    }

    /// Turns first attempts that were not started in time into dead letters.
    fn expire(&mut self, now_us: u64) {
        if let Some((expires_ms, expires_us)) = self.expires
            && expires_us <= now_us
        {
            let (late, rest): (VecDeque<_>, _) =
                self.todo.drain(..).partition(|start| (start.attempt, start.waits) == (1, 0));
            self.todo = rest;
            for start in late {
                self.outcomes.expire(start, expires_ms);
            }
        }
    }

    pub(super) fn start_sequence(&mut self, starts: Vec<Start>) {
        if starts.is_empty() {
            return;
        }
        let closes_us = match self.expires {
            Some((_, expires_us)) if starts.iter().any(|start| start.attempt == 1) => expires_us,
            _ => u64::MAX,
        };
        let runtime = self.state.threads.freest();
        let sequence = Arc::new(Sequence::new(starts, closes_us, runtime.generation));
        self.state.open(Arc::clone(&sequence));
        runtime.handle.spawn(tokio::task::unconstrained(drive(Arc::clone(&self.state), Arc::clone(&sequence))));
        self.sequences.push((sequence, 0));
    }

    /// Waits for a permit in the background, and wakes the run when a call of the next window may start.
    fn ask_for_permit(&self) {
        if !self.state.permits.begins_to_wait() {
            return;
        }
        let state = Arc::clone(&self.state);
        self.state.threads.freest().handle.spawn(async move {
            state.permits.reserve_one().await;
            state.reports.wake();
        });
    }

    /// The calls of the next window, if one may be marked now.
    pub(super) fn next_window(&mut self, now_us: u64) -> Option<Window> {
        let size = self.careful.as_ref()?.size() as usize;
        let idle = self.state.running() == 0 && self.sequences.is_empty() && self.marked.is_empty();
        if !idle || self.todo.is_empty() || !self.state.may_start(now_us) {
            return None;
        }
        let size = self.state.permits.reserve(self.todo.len().min(size));
        if size == 0 {
            self.ask_for_permit();
            return None;
        }
        self.marked = self.todo.drain(..size).collect();
        let careful = self.careful.as_ref()?;
        Some(careful.window(self.marked.iter().map(|start| start.position).collect()))
    }
}
