//! Tells the story of a violation: the events that concern one call.

use std::collections::BTreeSet;

use celeriac_sim::short;

use crate::{
    Case, Report,
    facts::{Facts, Stored},
    run_case,
};

/// Runs a case again and tells the story of its violation.
pub fn story(case: &Case) -> Report {
    run_case(case, None, true)
}

/// The lines of a trace that concern the first violation.
pub(crate) fn tell(facts: &Facts, trace: &str) -> String {
    let Some(violation) = facts.violations.first().filter(|_| !trace.is_empty()) else { return String::new() };
    let holds = |stored: &&Stored| {
        violation.call.is_some_and(|call| stored.batch == call.batch && stored.position(call.index).is_some())
    };
    let parcels = facts.parcels.iter().filter(|(id, stored)| violation.parcel == Some(**id) || holds(stored));
    let mut keys: BTreeSet<String> = parcels.map(|(id, _)| short(*id)).collect();
    if let Some(parent) = violation.parcel.and_then(|id| facts.parcels.get(&id)).and_then(|stored| stored.parent) {
        keys.insert(short(parent));
    }
    let call = violation.call.map(|call| format!("{call}"));
    let about =
        |line: &&str| keys.iter().any(|key| line.contains(key.as_str())) || call.iter().any(|id| names(line, id));
    let hosts: BTreeSet<&str> = trace.lines().filter(about).filter_map(host).collect();
    let fates = ["begins: ", "is dead", "stands still", "goes on"];
    let of_hosts = |line: &&str| {
        fates.iter().any(|fate| line.contains(fate)) && host(line).is_some_and(|host| hosts.contains(host))
    };
    let told: Vec<&str> = trace.lines().filter(|line| about(line) || of_hosts(line)).collect();
    told.join("\n")
}

/// Whether a line names this call, and not one whose number starts in the same way.
fn names(line: &str, call: &str) -> bool {
    line.match_indices(call).any(|(at, _)| !line[at + call.len()..].starts_with(|next: char| next.is_ascii_digit()))
}

fn host(line: &str) -> Option<&str> {
    line.split_once("host ")?.1.split_whitespace().next()
}
