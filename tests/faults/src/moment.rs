//! Tells what a process was doing when it was killed, from its notes.

use std::collections::BTreeSet;

use crate::{
    record::{What, lines},
    site::Site,
    witness::now_us,
};

/// A call that ended at most this long ago may be unrecorded, in microseconds: a checkpoint's interval.
const FRESH_US: u64 = 30_000;

/// What a process was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It had not opened the file yet.
    Starting,
    /// It had sent a request and had no answer yet.
    Sending,
    /// Calls were running.
    Running,
    /// No call was running, and some had just ended: they were being recorded.
    Recording,
    /// Nothing.
    Idle,
}

/// How many processes were killed in each activity.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "they are those of `Moment`")]
pub struct Moments {
    pub starting: usize,
    pub sending: usize,
    pub running: usize,
    pub recording: usize,
    pub idle: usize,
}

impl Moments {
    /// Counts one.
    pub fn note(&mut self, moment: Moment) {
        *match moment {
            Moment::Starting => &mut self.starting,
            Moment::Sending => &mut self.sending,
            Moment::Running => &mut self.running,
            Moment::Recording => &mut self.recording,
            Moment::Idle => &mut self.idle,
        } += 1;
    }

    /// Counts others.
    pub fn add(&mut self, other: Self) {
        self.starting += other.starting;
        self.sending += other.sending;
        self.running += other.running;
        self.recording += other.recording;
        self.idle += other.idle;
    }
}

/// The activity of the process in a place.
pub fn moment(site: &Site, slot: usize) -> Moment {
    let (mut ready, mut running, mut asked, mut ended_us) = (false, BTreeSet::new(), BTreeSet::new(), 0);
    for event in lines(&site.log().join(&*site.life(slot))) {
        match event.what {
            What::Ready => ready = true,
            What::Started { call, .. } => drop(running.insert(call)),
            What::Ended { call, .. } => {
                running.remove(&call);
                ended_us = event.at_us;
            }
            What::Asked(request) => drop(asked.insert(request.number)),
            What::Accepted { number, .. } | What::Rejected { number, .. } | What::Doubtful { number, .. } => {
                asked.remove(&number);
            }
            _ => {}
        }
    }
    match () {
        () if !ready => Moment::Starting,
        () if !asked.is_empty() => Moment::Sending,
        () if !running.is_empty() => Moment::Running,
        () if now_us().saturating_sub(ended_us) < FRESH_US => Moment::Recording,
        () => Moment::Idle,
    }
}
