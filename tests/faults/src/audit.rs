//! Checks the promises once all processes are idle.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::Result;
use celeriac::{CallStatus, Client, DeadQuery, Reason, TaskId, embedded};
use celeriac_core::{
    ports::{DeadLetter, Tally},
    wire::decode_args,
};
use rusqlite::Connection;
use serde::Deserialize;

use crate::{
    facts::{Answer, Facts, Seen},
    observer::Observed,
    record::How,
    site::Blow,
    tasks::Kind,
};

/// The most violations that are printed.
const MAX_TOLD: usize = 20;

/// How often a worker records ended calls, in milliseconds, as the backend promises.
const CHECKPOINT_MS: u64 = 25;

/// How much longer a verdict may take to be on the disk, since the machine has other work.
const SLACK_MS: u64 = 3000;

/// The ways in which a holder can have lost a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Losses {
    /// Only by a kill, since leases are long.
    Kills,
    /// Also by its lease, which was not renewed because the worker or the process with the turn to write was frozen, or
    /// because clocks disagree.
    Leases,
}

/// The result of an audit.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Calls that were accepted.
    pub accepted: usize,
    /// Calls that ran although no producer was told that they are accepted.
    pub doubtful: usize,
    /// Starts of calls.
    pub runs: usize,
    /// Those that repeat an attempt.
    pub runs_again: usize,
    /// How often a call was lost with its holder.
    pub losses: usize,
    /// Dead letters.
    pub dead: usize,
    /// The oldest unrecorded call that ran again after its holder was killed: how long before the kill it had ended.
    pub oldest_ms: u64,
    /// Accepted calls that have no end.
    pub lost: Vec<String>,
    /// Calls that ran more often than they may, or after they had been recorded.
    pub doubled: Vec<String>,
    /// All other violations.
    pub wrong: Vec<String>,
}

#[derive(Deserialize)]
struct Args {
    number: u64,
}

/// How much of a period had no frozen process, which may have had the turn to write.
fn awake_us(from_us: u64, upto_us: u64, blows: &[Blow]) -> u64 {
    let overlap = |blow: &Blow| blow.upto_us.min(upto_us).saturating_sub(blow.from_us.max(from_us));
    let still_us: u64 = blows.iter().filter(|blow| !blow.killed).map(overlap).sum();
    upto_us.saturating_sub(from_us).saturating_sub(still_us)
}

/// Checks all promises. No process may be running.
pub fn audit(
    database: &Path,
    facts: &Facts,
    blows: &[Blow],
    observed: &BTreeMap<TaskId, Observed>,
    by: Losses,
) -> Result<Verdicts> {
    let mut verdicts = Verdicts { wrong: facts.contradictions.clone(), ..Verdicts::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = Client::new(embedded::open(database)?);
    let dead = runtime.block_on(client.dead(DeadQuery::new(100_000)))?;
    let dead: BTreeMap<TaskId, DeadLetter> = dead.into_iter().map(|letter| (letter.id, letter)).collect();
    verdicts.dead = dead.len();
    verdicts.answers(facts);
    for (call, seen) in &facts.calls {
        let status = runtime.block_on(client.status(*call))?;
        verdicts.end(*call, seen, &status, dead.get(call), blows, by);
        verdicts.runs(*call, seen, blows, by);
        if let Some(observed) = observed.get(call) {
            verdicts.after(*call, seen, observed, &status, blows);
        }
        if status == CallStatus::Succeeded {
            let result = runtime.block_on(client.ports().ledger.result_of(*call))?;
            verdicts.result(*call, seen, result.as_deref(), observed.get(call));
        }
    }
    for letter in dead.values().filter(|letter| !facts.calls.contains_key(&letter.id)) {
        verdicts.unseen(letter, facts);
    }
    runtime.block_on(verdicts.batches(&client, facts, &dead))?;
    drop(client);
    verdicts.file(database)?;
    Ok(verdicts)
}

impl Verdicts {
    /// Whether all promises hold.
    pub fn is_good(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.wrong.is_empty()
    }

    /// The violations, for people.
    pub fn story(&self) -> String {
        let of = |what: &str, list: &[String]| {
            let told: Vec<_> = list.iter().take(MAX_TOLD).map(|line| format!("{what}: {line}")).collect();
            told.join("\n")
        };
        [of("lost", &self.lost), of("doubled", &self.doubled), of("wrong", &self.wrong)].join("\n")
    }

    /// G1: one number is one call, and what was rejected does not run.
    fn answers(&mut self, facts: &Facts) {
        let mut by_number: BTreeMap<u64, Vec<TaskId>> = BTreeMap::new();
        facts.calls.iter().for_each(|(call, seen)| by_number.entry(seen.number).or_default().push(*call));
        for (number, calls) in by_number {
            if calls.len() > 1 {
                self.doubled
                    .push(format!("number {number} was asked for once and is {} calls: {calls:?}", calls.len()));
            }
            match facts.request_of(number).map(|asked| &asked.answer) {
                None => self.wrong.push(format!("number {number} ran and nobody asked for it")),
                Some(Some(Answer::Rejected(why))) => {
                    self.wrong.push(format!("number {number} was rejected and ran: {why}"));
                }
                Some(_) => {}
            }
        }
        for (number, asked) in &facts.asked {
            if asked.request.key().is_some() && !matches!(asked.answer, Some(Answer::Accepted(_))) {
                let answer = &asked.answer;
                self.wrong
                    .push(format!("request {number} is asked for until it is accepted, and never was: {answer:?}"));
            }
        }
    }

    /// G2: one final state, and the right one.
    fn end(
        &mut self,
        call: TaskId,
        seen: &Seen,
        status: &CallStatus,
        letter: Option<&DeadLetter>,
        blows: &[Blow],
        by: Losses,
    ) {
        self.accepted += usize::from(seen.accepted);
        self.doubtful += usize::from(!seen.accepted);
        // Its letter says that it was lost: it had ended and was not recorded, if it did not run again.
        let is_lost = matches!(letter.map(|letter| letter.reason), Some(Reason::Crashed | Reason::Unknown));
        let unrecorded_us = if is_lost { (CHECKPOINT_MS + SLACK_MS) * 1000 } else { 0 };
        let losses = seen.losses(blows, unrecorded_us);
        self.losses += losses;
        let lapsed = by == Losses::Leases && seen.met_a_freeze(blows, unrecorded_us);
        if !status.is_final() {
            self.lost.push(format!("{call} ({:?} {}) is {status}", seen.kind, seen.number));
            return;
        }
        let ended_well = seen.starts.iter().any(|start| matches!(start.end, Some((_, How::Well))));
        let fits = match letter.map(|letter| letter.reason) {
            None => ended_well && seen.kind.succeeds(seen.number),
            Some(Reason::Failed) => !seen.kind.succeeds(seen.number),
            Some(Reason::Crashed) => losses >= 2 || lapsed,
            // Marked before it starts, it may not have started.
            Some(Reason::Unknown) => {
                seen.kind == Kind::Once && (losses >= 1 || lapsed || (seen.starts.is_empty() && !blows.is_empty()))
            }
            Some(_) => false,
        };
        let Seen { kind, number, starts, .. } = seen;
        if !fits {
            self.wrong.push(format!("{call} ({kind:?} {number}) {status}, after {losses} losses: {starts:?}"));
        }
        let last = starts.iter().map(|start| start.attempt).max().unwrap_or(0);
        let expected = kind.attempts(*number);
        let whole = letter.is_none_or(|letter| letter.reason == Reason::Failed);
        if last > expected || (whole && last != expected) {
            self.wrong.push(format!("{call} ({kind:?} {number}) made attempt {last}, of {expected}"));
        }
        if let Some(letter) = letter {
            let found: Option<Args> = decode_args(&letter.args).ok();
            if found.as_ref().map(|args| args.number) != Some(*number) || letter.task != kind.name() {
                self.wrong.push(format!("the dead letter of {call} ({kind:?} {number}) has other arguments"));
            }
            if letter.reason == Reason::Failed && letter.attempts != expected {
                let made = letter.attempts;
                self.wrong.push(format!("the dead letter of {call} says {made} attempts, of {expected}"));
            }
        }
    }

    /// A call that never started may have a letter only if its worker was lost with it, and its producer died before it
    /// was answered.
    fn unseen(&mut self, letter: &DeadLetter, facts: &Facts) {
        self.doubtful += 1;
        let number = decode_args(&letter.args).ok().map(|args: Args| args.number);
        let asked = number.and_then(|number| facts.request_of(number));
        let unanswered = asked.is_some_and(|asked| matches!(asked.answer, None | Some(Answer::Doubtful(_))));
        let known = facts.calls.values().any(|seen| Some(seen.number) == number);
        if !unanswered || known || !matches!(letter.reason, Reason::Unknown | Reason::Crashed) {
            self.wrong.push(format!("{} is a dead letter that nobody asked for: {}", letter.id, letter.message));
        }
    }

    /// G3: an attempt is repeated only if its worker lost it.
    fn runs(&mut self, call: TaskId, seen: &Seen, blows: &[Blow], by: Losses) {
        self.runs += seen.starts.len();
        self.runs_again += seen.again();
        if seen.kind == Kind::Once && seen.starts.len() > 1 {
            self.doubled.push(format!(
                "{call} is at most once, and ran {} times: {:?}",
                seen.starts.len(),
                seen.starts
            ));
        }
        for (at, start) in seen.starts.iter().enumerate() {
            let Some(next) = seen.starts[at + 1..].iter().find(|next| next.attempt == start.attempt) else { continue };
            let killed =
                blows.iter().find(|blow| blow.killed && blow.life == start.life && blow.upto_us >= start.at_us);
            let lapsed = by == Losses::Leases
                && blows.iter().any(|blow| !blow.killed && blow.upto_us >= start.at_us && blow.from_us <= next.at_us);
            match killed {
                Some(blow) => {
                    let ended = start.end.filter(|(_, how)| *how != How::Dropped);
                    let age_ms = ended.map_or(0, |(at_us, _)| awake_us(at_us, blow.from_us, blows) / 1000);
                    self.oldest_ms = self.oldest_ms.max(age_ms);
                    if age_ms > CHECKPOINT_MS + SLACK_MS {
                        let what = format!("{call} ran again, and had ended {age_ms} ms before its worker was killed");
                        self.doubled.push(what);
                    }
                }
                None if lapsed => {}
                None => {
                    let Seen { kind, number, starts, .. } = seen;
                    let what = format!("{call} ({kind:?} {number}) ran again, and nobody had lost it: {starts:?}");
                    self.doubled.push(what);
                }
            }
        }
    }

    /// G3: a recorded verdict stays, and only a worker that already had the call runs it again.
    fn after(&mut self, call: TaskId, seen: &Seen, observed: &Observed, status: &CallStatus, blows: &[Blow]) {
        if observed.status != *status {
            let was = &observed.status;
            self.wrong.push(format!("{call} was recorded as `{was}`, and is `{status}`"));
        }
        for start in seen.starts.iter().filter(|start| start.at_us > observed.at_us) {
            // A process that was frozen when it was recorded may have had it before.
            let had_it = blows.iter().any(|blow| {
                !blow.killed && blow.life == start.life && blow.from_us <= observed.at_us && start.at_us >= blow.upto_us
            });
            if !had_it {
                let late_us = start.at_us - observed.at_us;
                self.doubled.push(format!("{call} ran {late_us} us after it was found recorded, in {}", start.life));
            }
        }
    }

    /// The result of a call says where it ran, and stays.
    fn result(&mut self, call: TaskId, seen: &Seen, result: Option<&[u8]>, observed: Option<&Observed>) {
        let found: Option<String> = result.and_then(|bytes| decode_args(bytes).ok());
        let ran = |life: &String| {
            seen.starts.iter().any(|start| *start.life == **life && matches!(start.end, Some((_, How::Well))))
        };
        if !found.as_ref().is_some_and(ran) {
            self.wrong.push(format!("{call} returned {found:?}, where it has not ended well: {:?}", seen.starts));
        }
        let before = observed.and_then(|observed| observed.result.as_ref());
        if before.is_some_and(|before| Some(before) != found.as_ref()) {
            self.wrong.push(format!("{call} had returned {before:?}, and now {found:?}"));
        }
    }

    /// Batches count the truth.
    async fn batches(&mut self, client: &Client, facts: &Facts, dead: &BTreeMap<TaskId, DeadLetter>) -> Result<()> {
        let records = client.batches(100_000).await?;
        let found: BTreeSet<_> = records.iter().map(|record| record.id).collect();
        for batch in facts.batches.keys().filter(|batch| !found.contains(batch)) {
            self.lost.push(format!("batch {batch} was accepted, and there is none"));
        }
        for record in records {
            let Some(request) = facts.batches.get(&record.id) else {
                self.wrong.push(format!("batch {} is there, and was never accepted", record.id));
                continue;
            };
            let mut truth = Tally::default();
            for index in 0..request.calls() {
                match dead.get(&record.id.call(index)) {
                    Some(letter) => truth.died(letter.reason),
                    None => truth.succeeded += 1,
                }
            }
            let calls: Vec<&Seen> =
                (0..request.calls()).filter_map(|index| facts.calls.get(&record.id.call(index))).collect();
            // A failure recorded before its worker was lost happens, and is recorded, again.
            let failed = calls.iter().flat_map(|seen| &seen.starts);
            let failed = failed.filter(|start| matches!(start.end, Some((_, How::Failed)))).count() as u64;
            let finals = calls.iter().filter(|seen| !seen.kind.succeeds(seen.number)).count() as u64;
            if record.tally.retries > failed.saturating_sub(finals.min(truth.failed)) {
                self.wrong.push(format!("{record:?} counts more retries than {failed} failures allow"));
            }
            let counted = Tally { retries: 0, ..record.tally };
            let whole = (record.accepted, record.closed, record.finished_ms.is_some()) == (request.calls(), true, true);
            if counted != truth || !whole {
                self.wrong.push(format!("batch of {} calls counts {record:?}, and {truth:?} is true", request.calls()));
            }
        }
        Ok(())
    }

    /// The file is sound, and contains no unfinished work.
    fn file(&mut self, database: &Path) -> Result<()> {
        let db = Connection::open(database)?;
        let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        if sound != "ok" {
            self.wrong.push(format!("the file is damaged: {sound}"));
        }
        for (what, query) in [
            ("messages are left", "SELECT count(*) FROM message"),
            ("bodies are left", "SELECT count(*) FROM body"),
            ("parcels are not finished", "SELECT count(*) FROM parcel WHERE state <> 2"),
            ("callbacks are owed", "SELECT count(*) FROM callback"),
        ] {
            let left: i64 = db.query_row(query, [], |row| row.get(0))?;
            if left > 0 {
                self.wrong.push(format!("{left} {what}"));
            }
        }
        Ok(())
    }
}
