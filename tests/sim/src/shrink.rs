//! Finds the smallest run that still fails: cuts one part after the other, as long as the same fault shows.

use crate::{
    Case, Mutation, Report,
    cut::Cut,
    run::{CasePlan, run_case},
};

/// How many salts to try for each cut.
const SALTS: u64 = 12;

/// The result of shrinking.
#[derive(Debug)]
pub struct Shrunk {
    /// The smallest case found.
    pub case: Case,
    /// Its report, with the story.
    pub report: Report,
    /// How many runs it took.
    pub runs: u64,
}

/// Cuts everything that the fault does not need. `None` if the run has no fault.
pub fn shrink(case: &Case, mutation: Option<Mutation>) -> Option<Shrunk> {
    let wanted = kind(&run_case(case, mutation, false))?;
    let (mut case, mut runs) = (case.clone(), 1);
    loop {
        let before = case.cuts.len();
        for cut in Cut::all(CasePlan::new(&case).requests.len()) {
            // As often as it helps: calls and blows are halved.
            while let Some(less) = without(&case, cut, mutation, &wanted, &mut runs) {
                case = less;
            }
        }
        if case.cuts.len() == before {
            let report = run_case(&case, mutation, true);
            return Some(Shrunk { case, report, runs });
        }
    }
}

/// The case with one more cut, if the same fault shows with one of the salts.
fn without(case: &Case, cut: Cut, mutation: Option<Mutation>, wanted: &str, runs: &mut u64) -> Option<Case> {
    if !CasePlan::new(case).has(cut) {
        return None;
    }
    (0..SALTS).map(|more| case.without(cut, case.salt + more)).find(|less| {
        *runs += 1;
        kind(&run_case(less, mutation, false)).as_deref() == Some(wanted)
    })
}

/// The kind of the first violation, without names and numbers, which differ in every run.
fn kind(report: &Report) -> Option<String> {
    let what = report.violations.first()?;
    let words = what.split_whitespace().filter(|word| !word.contains(|letter: char| letter.is_ascii_digit()));
    Some(words.collect::<Vec<_>>().join(" "))
}
