//! Decides which child parcel each unfinished call moves to. A parcel has few children, so calls that are due at about
//! the same time share one.

use celeriac_core::{
    bitmap::Bitmap,
    ports::{ChildPlan, Seal},
};

/// A call that runs again, or for the first time, in a child parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HandedOn {
    /// The attempt that it is to make.
    pub(crate) attempt: u32,
    /// When it is due; 0 for at once.
    pub(crate) due_ms: u64,
    /// Its position in the parcel.
    pub(crate) position: u32,
}

/// Plans the children for these calls. Calls of one attempt that are due at once share one child. The others are
/// grouped by their delay: calls that are due within `gather_ms` of each other, or within half of the delay of the
/// first, share one. If that makes too many groups, the delays are divided on a logarithmic scale instead. No call
/// becomes due early: a group is due with its last call.
///
/// # Panics
/// If the calls make more different attempts than half of [`Seal::MAX_CHILDREN`]. A run adds at most two to the attempt
/// of its parcel.
pub(crate) fn plan_children(mut calls: Vec<HandedOn>, now_ms: u64, gather_ms: u64) -> Seal {
    for call in &mut calls {
        if call.due_ms <= now_ms {
            call.due_ms = 0;
        }
    }
    calls.sort_unstable();
    let classes: Vec<&[HandedOn]> =
        calls.chunk_by(|a, b| a.attempt == b.attempt && (a.due_ms == 0) == (b.due_ms == 0)).collect();
    assert!(classes.len() <= Seal::MAX_CHILDREN, "a run adds at most two to the attempt of its parcel");
    let spare = Seal::MAX_CHILDREN - classes.len();
    let largest = classes.iter().filter(|class| class[0].due_ms > 0).map(|class| class.len()).max();
    let mut plans = Vec::new();
    let mut spare = Some(spare);
    for class in classes {
        // The spare room goes to the largest class of calls that wait.
        let room = if Some(class.len()) == largest && class[0].due_ms > 0 { 1 + spare.take().unwrap_or(0) } else { 1 };
        let groups = Some(gather(class, now_ms, gather_ms)).filter(|groups| gather_ms > 0 && groups.len() <= room);
        let groups = groups.unwrap_or_else(|| {
            class.chunk_by(|a, b| bucket(a, class, room, now_ms) == bucket(b, class, room, now_ms)).collect()
        });
        plans.extend(groups.into_iter().map(child));
    }
    Seal { children: plans }
}

/// Groups calls that may wait for each other.
fn gather(class: &[HandedOn], now_ms: u64, gather_ms: u64) -> Vec<&[HandedOn]> {
    let mut groups = Vec::new();
    let mut rest = class;
    while let Some(first) = rest.first() {
        let until_ms = first.due_ms + gather_ms.max(first.due_ms.saturating_sub(now_ms) / 2);
        let (group, others) = rest.split_at(rest.partition_point(|call| call.due_ms <= until_ms));
        groups.push(group);
        rest = others;
    }
    groups
}

/// Which of `room` groups a call belongs to: equal steps of the delay's logarithm.
fn bucket(call: &HandedOn, class: &[HandedOn], room: usize, now_ms: u64) -> usize {
    let far = |call: &HandedOn| (call.due_ms.saturating_sub(now_ms).max(1) as f64).ln();
    let (nearest, farthest) = (far(&class[0]), far(&class[class.len() - 1]));
    let width = farthest - nearest;
    if width <= 0.0 { 0 } else { (((far(call) - nearest) / width * room as f64) as usize).min(room - 1) }
}

fn child(calls: &[HandedOn]) -> ChildPlan {
    ChildPlan {
        calls: calls.iter().map(|call| call.position).collect::<Bitmap>(),
        attempt: calls[0].attempt,
        due_ms: calls.iter().map(|call| call.due_ms).max().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(plan: &ChildPlan) -> Vec<u32> {
        plan.calls.iter().collect()
    }

    #[test]
    fn unstarted_calls_and_retries_get_separate_children() {
        let calls = [(0, 1, 0), (1, 2, 2000), (2, 1, 0), (3, 2, 2000), (4, 2, 900)];
        let calls = calls.map(|(position, attempt, due_ms)| HandedOn { attempt, due_ms, position });
        let seal = plan_children(calls.into(), 1000, 0);
        let plans: Vec<_> = seal.children.iter().map(|plan| (positions(plan), plan.attempt, plan.due_ms)).collect();
        assert_eq!(plans, [(vec![0, 2], 1, 0), (vec![4], 2, 0), (vec![1, 3], 2, 2000)]);
    }

    #[test]
    fn thousands_of_due_times_fit_eight_children_and_none_is_early() {
        let calls: Vec<_> =
            (0..4096).map(|n| HandedOn { attempt: 2, due_ms: 10_000 + u64::from(n) * 7, position: n }).collect();
        let seal = plan_children(calls.clone(), 1000, 0);
        assert_eq!(seal.children.len(), Seal::MAX_CHILDREN);
        assert_eq!(seal.children.iter().map(|plan| plan.calls.len()).sum::<u32>(), 4096);
        for call in calls {
            let plan = seal.children.iter().find(|plan| plan.calls.contains(call.position)).unwrap();
            assert!(plan.due_ms >= call.due_ms);
            // Eight steps from 9 s to 37.7 s: each is a fifth longer than the one before.
            assert!((plan.due_ms - 1000) as f64 <= (call.due_ms - 1000) as f64 * 1.25, "{plan:?} for {call:?}");
        }
    }

    #[test]
    fn a_call_due_in_a_second_does_not_wait_for_one_due_in_an_hour() {
        let calls = [(0, 2000), (1, 3_601_000), (2, 2100)];
        let seal =
            plan_children(calls.map(|(position, due_ms)| HandedOn { attempt: 2, due_ms, position }).into(), 1000, 0);
        let plans: Vec<_> = seal.children.iter().map(|plan| (positions(plan), plan.due_ms)).collect();
        assert_eq!(plans, [(vec![0, 2], 2100), (vec![1], 3_601_000)]);
    }

    #[test]
    fn calls_due_at_about_the_same_time_share_a_parcel_where_parcels_are_expensive() {
        let due = |due_ms: &[u64]| {
            let calls =
                due_ms.iter().zip(0..).map(|(due_ms, position)| HandedOn { attempt: 2, due_ms: *due_ms, position });
            let seal = plan_children(calls.collect(), 1000, 2000);
            seal.children.iter().map(|plan| plan.due_ms).collect::<Vec<_>>()
        };
        assert_eq!(due(&[1500, 2000, 3400, 3600]), [3400, 3600]);
        assert_eq!(due(&[11_000, 15_900, 16_100]), [15_900, 16_100], "half of ten seconds");
        let far_apart: Vec<u64> = (0..20).map(|n| 1000 + (2000 << n)).collect();
        assert_eq!(due(&far_apart).len(), Seal::MAX_CHILDREN);
    }

    #[test]
    fn no_unfinished_calls_make_an_empty_seal() {
        assert_eq!(plan_children(Vec::new(), 1, 0), Seal::default());
    }
}
