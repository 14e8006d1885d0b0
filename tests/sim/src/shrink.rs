//! The least that still goes wrong: one thing after the other is left out of a run, as long as the same goes wrong
//! without it.

use crate::{
    Case, Mutation, Report,
    cut::Cut,
    run::{CasePlan, run_case},
};

/// With how many salts it is tried to do without something.
const SALTS: u64 = 12;

/// What came of it.
#[derive(Debug)]
pub struct Shrunk {
    /// The least that was found.
    pub case: Case,
    /// What still goes wrong, with its story.
    pub report: Report,
    /// How many runs it took.
    pub runs: u64,
}

/// Leaves out of a run what is not needed for what goes wrong in it. `None` if nothing does.
pub fn shrink(case: &Case, mutation: Option<Mutation>) -> Option<Shrunk> {
    let wanted = kind(&run_case(case, mutation, false))?;
    let (mut case, mut runs) = (case.clone(), 1);
    loop {
        let before = case.cuts.len();
        for cut in Cut::all(CasePlan::new(&case).requests.len()) {
            // As often as it helps: calls are halved, blows too.
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

/// The run without something, if the same goes wrong in it with one of the salts.
fn without(case: &Case, cut: Cut, mutation: Option<Mutation>, wanted: &str, runs: &mut u64) -> Option<Case> {
    if !CasePlan::new(case).has(cut) {
        return None;
    }
    (0..SALTS).map(|more| case.without(cut, case.salt + more)).find(|less| {
        *runs += 1;
        kind(&run_case(less, mutation, false)).as_deref() == Some(wanted)
    })
}

/// What went wrong first, without the names and numbers, which are others in every run.
fn kind(report: &Report) -> Option<String> {
    let what = report.violations.first()?;
    let words = what.split_whitespace().filter(|word| !word.contains(|letter: char| letter.is_ascii_digit()));
    Some(words.collect::<Vec<_>>().join(" "))
}
