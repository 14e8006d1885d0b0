//! Combines what the witnesses saw, by call, with the blows to the processes.

use std::{collections::BTreeMap, sync::Arc};

use celeriac::{BatchId, TaskId};

use crate::{
    record::{Event, How, What},
    requests::{Request, Shape},
    site::Blow,
    tasks::Kind,
};

/// One call, as the witnesses saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its task.
    pub kind: Kind,
    /// Its argument.
    pub number: u64,
    /// Whether a producer was told that it is accepted.
    pub accepted: bool,
    /// Its starts, in order.
    pub starts: Vec<Start>,
}

/// One start of a call.
#[derive(Clone, Debug)]
pub struct Start {
    /// When.
    pub at_us: u64,
    /// In which life.
    pub life: Arc<str>,
    /// Which attempt.
    pub attempt: u32,
    /// When it ended and how, if it did.
    pub end: Option<(u64, How)>,
}

/// A producer's request, and its last answer.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// The last answer.
    pub answer: Option<Answer>,
}

/// An answer to a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Accepted, under this id.
    Accepted(String),
    /// It will not run.
    Rejected(String),
    /// It may.
    Doubtful(String),
}

/// All known facts.
#[derive(Debug, Default)]
pub struct Facts {
    /// By number of the request.
    pub asked: BTreeMap<u64, Asked>,
    /// By id.
    pub calls: BTreeMap<TaskId, Seen>,
    /// By id.
    pub batches: BTreeMap<BatchId, Request>,
    /// Observations that cannot be.
    pub contradictions: Vec<String>,
}

impl Facts {
    /// Combines the recorded events.
    pub fn new(events: &[Event]) -> Self {
        let mut facts = Self::default();
        let mut events: Vec<&Event> = events.iter().collect();
        events.sort_by_key(|event| event.at_us);
        for event in &events {
            facts.asks(&event.what);
        }
        facts.accepts();
        for event in events {
            facts.runs(event);
        }
        facts
    }

    fn asks(&mut self, what: &What) {
        let (number, answer) = match what {
            What::Asked(request) => {
                self.asked.entry(request.number).or_insert(Asked { request: *request, answer: None });
                return;
            }
            What::Accepted { number, id } => (number, Answer::Accepted(id.clone())),
            What::Rejected { number, why } => (number, Answer::Rejected(why.clone())),
            What::Doubtful { number, why } => (number, Answer::Doubtful(why.clone())),
            _ => return,
        };
        let asked = self.asked.get_mut(number).expect("what is answered was asked");
        match (&asked.answer, &answer) {
            (Some(Answer::Accepted(before)), Answer::Accepted(now)) if before != now => {
                let what = format!("request {number} was accepted as {before} and as {now}");
                self.contradictions.push(what);
            }
            (Some(Answer::Accepted(_)), _) => {}
            _ => asked.answer = Some(answer),
        }
    }

    fn accepts(&mut self) {
        for Asked { request, answer } in self.asked.values() {
            let Some(Answer::Accepted(id)) = answer else { continue };
            let seen =
                |index| Seen { kind: request.kind, number: request.number + index, accepted: true, starts: Vec::new() };
            if let Shape::Batch(calls) = request.shape {
                let batch: BatchId = id.parse().expect("a batch has an id");
                self.batches.insert(batch, *request);
                self.calls.extend((0..calls).map(|index| (batch.call(index), seen(index))));
            } else {
                self.calls.insert(id.parse().expect("a call has an id"), seen(0));
            }
        }
    }

    fn runs(&mut self, event: &Event) {
        match event.what {
            What::Started { call, attempt, kind, number } => {
                let new = || Seen { kind, number, accepted: false, starts: Vec::new() };
                let seen = self.calls.entry(call).or_insert_with(new);
                if (seen.kind, seen.number) != (kind, number) {
                    let what = format!("call {call} is {:?} {}, and ran as {kind:?} {number}", seen.kind, seen.number);
                    self.contradictions.push(what);
                }
                let life = Arc::clone(&event.life);
                seen.starts.push(Start { at_us: event.at_us, life, attempt, end: None });
            }
            What::Ended { call, attempt, how } => {
                let seen = self.calls.get_mut(&call);
                let starts = seen.into_iter().flat_map(|seen| seen.starts.iter_mut().rev());
                let mut of_it = starts.filter(|start| start.life == event.life && start.attempt == attempt);
                match of_it.next() {
                    Some(start) => start.end = Some((event.at_us, how)),
                    None => self.contradictions.push(format!("call {call} ended and had not started")),
                }
            }
            _ => {}
        }
    }

    /// The request with this number.
    pub fn request_of(&self, number: u64) -> Option<&Asked> {
        let asked = self.asked.range(..=number).next_back().map(|(_, asked)| asked);
        asked.filter(|asked| number < asked.request.end())
    }
}

impl Seen {
    /// How many of its starts repeat an attempt.
    pub fn again(&self) -> usize {
        let mut attempts: Vec<u32> = self.starts.iter().map(|start| start.attempt).collect();
        attempts.sort_unstable();
        attempts.dedup();
        self.starts.len() - attempts.len()
    }

    /// Whether a process was frozen while it ran, or within `unrecorded_us` after it had ended: its holder may have
    /// lost its lease because it did not get the turn to write.
    pub fn met_a_freeze(&self, blows: &[Blow], unrecorded_us: u64) -> bool {
        self.starts.iter().any(|start| {
            let upto_us = start.end.map_or(u64::MAX, |(at_us, _)| at_us + unrecorded_us);
            blows.iter().any(|blow| !blow.killed && blow.upto_us >= start.at_us && blow.from_us <= upto_us)
        })
    }

    /// In how many lives it was lost: it was running when they were killed or frozen, or it was being repeated, or it
    /// had ended within `unrecorded_us` before.
    pub fn losses(&self, blows: &[Blow], unrecorded_us: u64) -> usize {
        let mut hit: Vec<(&str, u64)> = Vec::new();
        for (at, start) in self.starts.iter().enumerate() {
            if let Some((at_us, How::Dropped)) = start.end {
                // Its worker noticed it by itself.
                hit.push((&start.life, at_us));
                continue;
            }
            let blow = blows.iter().find(|blow| blow.life == start.life && blow.upto_us >= start.at_us);
            let Some(blow) = blow else { continue };
            let under_way = start.end.is_none_or(|(at_us, _)| at_us + unrecorded_us > blow.from_us);
            let again = self.starts[at + 1..].iter().any(|next| next.attempt == start.attempt);
            if under_way || again {
                hit.push((&blow.life, blow.from_us));
            }
        }
        hit.sort_unstable();
        hit.dedup();
        hit.len()
    }
}
