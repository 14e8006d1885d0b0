//! Checks the promises once the simulation is quiet.

use std::collections::BTreeMap;

use celeriac_core::{
    id::{BatchId, ParcelId, TaskId},
    ports::{DeadLetter, Failure, Reason, Tally},
    wire::encode_args,
};
use celeriac_sim::Sim;

use crate::{
    facts::{Age, Facts, Seen, Stored},
    tasks::{self, Script},
    work,
};

/// The end of a call.
struct End {
    call: TaskId,
    task: String,
    script: Script,
    letter: Option<DeadLetter>,
    history: Vec<Failure>,
}

/// Checks all promises.
pub(crate) fn check(facts: &mut Facts, sim: &Sim) {
    told(facts);
    if facts.age == Age::Forgotten {
        // Calls of later parcels are dead letters, whatever their earlier outcome (rule 8).
        return;
    }
    let ends = ends(facts, sim);
    let mut wrong: Vec<(String, TaskId)> = Vec::new();
    for end in &ends {
        let default = Seen::default();
        let seen = facts.calls.get(&end.call).unwrap_or(&default);
        let say = |what: Option<String>| what.map(|what| (what, end.call));
        wrong.extend(say(verdicts(seen)));
        wrong.extend(say(state(end, seen, sim)));
        wrong.extend(say(reason(end, seen, facts)));
        wrong.extend(say(cause(end, seen)));
    }
    for (what, call) in wrong {
        facts.violated(what, Some(call), None);
    }
    batches(facts, sim, &ends);
}

fn ends(facts: &Facts, sim: &Sim) -> Vec<End> {
    let roots = facts.parcels.values().filter(|stored| stored.parent.is_none() && !stored.revived);
    let end = |stored: &Stored, call: TaskId, script| End {
        call,
        task: stored.task.clone(),
        script,
        letter: sim.letter(call),
        history: sim.history(call),
    };
    roots
        .flat_map(|stored| stored.calls().zip(&stored.args).map(|(call, args)| end(stored, call, args.script)))
        .collect()
}

/// G2: one final state, and one more for each time that a dead letter was sent again.
fn verdicts(seen: &Seen) -> Option<String> {
    let expected = 1 + seen.revived;
    (seen.verdicts != expected).then(|| format!("has {} final verdicts, not {expected} (G2)", seen.verdicts))
}

fn state(end: &End, seen: &Seen, sim: &Sim) -> Option<String> {
    if end.letter.is_some() {
        return None;
    }
    if seen.succeeded == 0 {
        return Some("counts as succeeded and never did".to_owned());
    }
    let Script::Returns(value) = end.script else { return None };
    let mut bytes = Vec::new();
    encode_args(&value, &mut bytes).expect("a number can be encoded");
    let found = sim.result_of(end.call);
    (found.as_deref() != Some(&bytes[..])).then(|| format!("returned {bytes:?}, and {found:?} is what is known"))
}

/// Whether a call's end is allowed.
fn reason(end: &End, seen: &Seen, facts: &Facts) -> Option<String> {
    let options = tasks::options(&end.task)?;
    let fails = match end.script {
        Script::Fails(attempts) => attempts > options.retries,
        Script::Cancels => true,
        _ => false,
    };
    let allowed = match end.letter.as_ref().map(|letter| letter.reason) {
        None => !fails && !matches!(end.script, Script::Hangs | Script::Kills),
        Some(Reason::Failed) => fails || (is_drained(end) && seen.lost > 0) || is_unbegun(end, seen, facts),
        // A job that gets no thread in time was never observed.
        Some(Reason::TimedOut) => seen.cut + seen.vanished > 0 || end.task == "thread",
        // A failing ledger or lost requests are no excuse.
        Some(Reason::Crashed) => seen.lost >= 2 && facts.harmed,
        Some(Reason::Unknown) => options.at_most_once && (seen.lost >= 1 || seen.stopped >= 1),
        Some(Reason::Revoked) => facts.revoked.contains_key(&end.call.batch),
        Some(Reason::Expired) => options.expires.is_some() || facts.age > Age::Fresh,
        // A reason that came later has to be told here when it may be.
        Some(_) => false,
    };
    let ended = end.letter.as_ref().map_or("succeeded", |letter| letter.reason.as_str());
    let Seen { lost, cut, starts, .. } = seen;
    (!allowed).then(|| {
        format!(
            "{:?} of task `{}` ended as `{ended}` ({starts} starts, {lost} losses, {cut} cut)",
            end.script, end.task
        )
    })
}

/// Whether a call died because its message had been received as often as its queue allows.
fn is_drained(end: &End) -> bool {
    end.letter.as_ref().is_some_and(|letter| letter.message.contains("as often as its queue allows"))
}

/// Whether a call died because a parcel of it was sent again and again and no worker ever began it. That may be a child,
/// with a call that was snoozed or is to be tried again: then the call has started before, in a parent.
fn is_unbegun(end: &End, seen: &Seen, facts: &Facts) -> bool {
    let says_so = |letter: &DeadLetter| letter.message.starts_with("no worker ever began it");
    let has_call = |stored: &Stored| stored.batch == end.call.batch && stored.position(end.call.index).is_some();
    let mut parcels = facts.parcels.iter().filter(|(_, stored)| has_call(stored));
    end.letter.as_ref().is_some_and(says_so) && parcels.any(|(id, _)| !seen.begun.contains(id))
}

/// G4: each overrun or vanished attempt is recorded, with its cause.
fn cause(end: &End, seen: &Seen) -> Option<String> {
    let letter = end.letter.as_ref()?;
    let kinds: &[&str] = match letter.reason {
        Reason::TimedOut => &["timeout"],
        Reason::Crashed => &["crash"],
        Reason::Unknown => &["crash", "stop"],
        // The letter is enough.
        _ => &[],
    };
    let recorded = kinds.is_empty() || end.history.iter().any(|entry| kinds.contains(&entry.kind.as_str()));
    let told = !letter.message.is_empty();
    let (found, cut) = (end.history.len(), seen.cut);
    (!recorded || !told).then(|| {
        format!("is dead ({}), and its cause is not recorded: {found} entries, {cut} cut (G4)", letter.reason.as_str())
    })
}

/// G1: accepted calls exist, rejected calls do not.
fn told(facts: &mut Facts) {
    let known = facts.accepted();
    let lost: Vec<_> = facts.told.calls.iter().copied().filter(|call| !known.contains(call)).collect();
    let of_batches = facts.told.batches.iter().flat_map(|(batch, count)| (0..*count).map(|index| batch.call(index)));
    let lost: Vec<_> = lost.into_iter().chain(of_batches.filter(|call| !known.contains(call))).collect();
    let stored = facts.parcels.values().flat_map(|stored| stored.args.iter().zip(stored.calls()));
    let ran: Vec<_> =
        stored.filter(|(args, _)| facts.told.rejected.contains(&args.number)).map(|(_, call)| call).collect();
    for call in lost {
        facts.violated("was accepted, and nobody knows it (G1)", Some(call), None);
    }
    for call in ran {
        facts.violated("was rejected, and is there (G1)", Some(call), None);
    }
}

/// Batches count correctly, and each complete batch has sent its callback once.
fn batches(facts: &mut Facts, sim: &Sim, ends: &[End]) {
    let mut truth: BTreeMap<BatchId, Tally> = BTreeMap::new();
    for end in ends {
        let tally = truth.entry(end.call.batch).or_default();
        match &end.letter {
            Some(letter) => tally.died(letter.reason),
            None => tally.succeeded += 1,
        }
    }
    for (batch, tally) in truth {
        let Some(record) = sim.batch(batch) else { continue };
        let found = Tally { retries: 0, ..record.tally };
        // If a call was sent again, name it first.
        let again = facts.calls.iter().find(|(call, seen)| call.batch == batch && seen.revived > 0);
        let first = Some(again.map_or_else(|| batch.call(0), |(call, _)| *call));
        if found != tally {
            facts.violated(format!("its batch counts {found:?}, and {tally:?} is true"), first, None);
        }
        let told = facts.told.batches.get(&batch).copied();
        if told.is_some_and(|count| (record.accepted, record.closed) != (count, true)) {
            facts.violated(format!("its batch was accepted, and has {} calls", record.accepted), first, None);
        }
        let complete = record.closed && record.tally.ended() >= record.accepted;
        let owed = facts.parcels.contains_key(&ParcelId::root(work::owed_by(batch), 0));
        if complete != record.finished_ms.is_some() || complete != owed {
            let what =
                format!("its batch is complete: {complete}, says so: {:?}, called back: {owed}", record.finished_ms);
            facts.violated(what, first, None);
        }
    }
}
