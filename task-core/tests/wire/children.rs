//! Tests that children are a pure function of the parent and the seal (rule 4), and together have all unfinished calls.

use std::collections::BTreeSet;

use celeriac_core::{
    Lane,
    bitmap::Bitmap,
    id::TaskId,
    parcel::{Packer, Parcel},
    ports::{ChildPlan, Outgoing, Seal},
    wire::Header,
};
use proptest::prelude::*;

use super::parcels::*;

fn plan(calls: impl IntoIterator<Item = u32>, attempt: u32, due_ms: u64) -> ChildPlan {
    ChildPlan { calls: calls.into_iter().collect(), attempt, due_ms }
}

fn children(parent: &Parcel, plans: Vec<ChildPlan>) -> Vec<Parcel> {
    let sent = parent.children(&Seal { children: plans });
    sent.iter().map(|child| Parcel::open(&child.body).unwrap()).collect()
}

fn calls(parcel: &Parcel) -> impl Iterator<Item = (TaskId, &[u8])> {
    (0..parcel.count()).map(|position| (parcel.call(position), parcel.args(position).as_ref()))
}

#[test]
fn a_child_may_be_due_after_its_parent_is_too_old() {
    const DAY_MS: u64 = 24 * 3600 * 1000;
    let bytes = pack(header(0), [mail("ada@example.org", "x"), mail("bob@example.org", "x")]);
    let root = Parcel::open(&bytes).unwrap();
    let due_ms = root.header.not_after_ms + DAY_MS;
    let made = children(&root, vec![plan([0], 2, due_ms), plan([1], 2, 0)]);
    let not_after: Vec<_> = made.iter().map(|child| child.header.not_after_ms).collect();
    assert_eq!(not_after, [due_ms + 14 * DAY_MS, root.header.not_after_ms]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Over two generations of children, every unfinished call is in exactly one parcel, with its own id and arguments,
    /// and computing them again gives the same bytes.
    #[test]
    fn pure_and_complete(
        homes in prop::collection::vec((0_u32..4, 0_u32..4), 1..300),
        first in 0..1_u64 << 60,
    ) {
        let args: Vec<_> = (0..homes.len()).map(|n| mail(&format!("{n}@example.org"), "x")).collect();
        let bytes = pack(Header { expires_ms: Some(9), counted: true, ..header(first) }, &args);
        let root = Parcel::open(&bytes).unwrap();
        let at = |home: u32| homes.iter().zip(0..).filter(move |(homes, _)| homes.0 == home).map(|(_, position)| position);
        // Home 0 is done: it has no child.
        let seal = Seal { children: (1..4).map(|home| plan(at(home), 1 + home, u64::from(home))).collect() };

        let bodies = |parent: &Parcel| parent.children(&seal).into_iter().map(|child| child.body).collect::<Vec<_>>();
        prop_assert_eq!(bodies(&root), bodies(&Parcel::open(&bytes).unwrap()));

        let mut found = BTreeSet::new();
        for (k, child) in (0..).zip(root.children(&seal)) {
            prop_assert_eq!((&*child.queue, child.due_ms), ("mail", u64::from(k) + 1));
            let child = Parcel::open(&child.body).unwrap();
            let wanted = Header {
                id: root.header.id.child(k),
                parent: Some(root.header.id),
                first: if child.count() == 0 { first } else { child.index(0) },
                count: at(k + 1).count() as u32,
                attempt: k + 2,
                hops: 1,
                due_ms: u64::from(k) + 1,
                ..root.header.clone()
            };
            prop_assert_eq!(&child.header, &wanted);
            let halves = [0, 1].map(|half| plan((0..child.count()).filter(|position| position % 2 == half), 9, 0));
            for grandchild in children(&child, halves.into()) {
                prop_assert_eq!((grandchild.header.hops, grandchild.header.parent), (2, Some(child.header.id)));
                for (id, args) in calls(&grandchild) {
                    prop_assert!(found.insert(id), "{id} twice");
                    prop_assert_eq!(args, mail(&format!("{}@example.org", id.index - first), "x"));
                }
            }
        }
        let left = homes.iter().zip(first..).filter(|(home, _)| home.0 > 0).map(|(_, index)| header(0).batch.call(index));
        prop_assert_eq!(found, left.collect());
    }
}

/// Retried calls travel in children. A child that exceeded the limit of its parent could not be sent.
#[test]
fn a_child_keeps_to_the_limit_that_its_parent_was_packed_to() {
    for scattered in [1, 2, 3, 511] {
        let mut noise = 1_u64;
        let mut packer = Packer::new(ROOMY);
        loop {
            let args: Vec<u8> = (0..62)
                .map(|_| {
                    noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (noise >> 56) as u8
                })
                .collect();
            if !packer.fits(args.len()) {
                break;
            }
            packer.push(&args);
        }
        let long =
            Header { task: "t".repeat(128), queue: "q".repeat(80), expires_ms: Some(1 << 40), ..header(1 << 60) };
        let parent = packer.encode(long);
        assert!(parent.len() > ROOMY.bytes - 3000, "full");
        let parent = Parcel::open(&parent).unwrap();
        let calls = (0..parent.count()).filter(|position| scattered == 1 || position % scattered != 1);
        let seal = Seal { children: vec![plan(calls, u32::MAX, u64::MAX)] };
        let child = parent.children(&seal).remove(0).body;
        assert!(child.len() <= ROOMY.bytes, "{} bytes when one in {scattered} is left out", child.len());
    }
}

#[test]
fn a_seal_that_names_calls_beyond_the_parcel_adds_none() {
    let parent = Parcel::open(&pack(header(5), [mail("ada@example.org", "x")])).unwrap();
    let child = children(&parent, vec![ChildPlan { calls: Bitmap::full(64), attempt: 2, due_ms: 0 }]).remove(0);
    assert_eq!((child.count(), child.index(0)), (1, 5));
}

#[test]
fn hops_do_not_overflow() {
    let parent = Parcel::open(&pack(Header { hops: u32::MAX, ..header(0) }, [[0x80]])).unwrap();
    assert_eq!(children(&parent, vec![plan([0], 2, 0)])[0].header.hops, u32::MAX);
}

#[test]
fn a_child_stays_in_the_lane_of_its_parent() {
    for counted in [false, true] {
        for lane in [None, Some(Lane::Interactive), Some(Lane::Bulk)] {
            let parent = Parcel::open(&pack(Header { counted, lane, ..header(0) }, [[0x80]])).unwrap();
            let sent = parent.children(&Seal { children: vec![plan([0], 2, 5)] }).remove(0);
            let child = Parcel::open(&sent.body).unwrap().header;
            assert_eq!((sent.lane, child.lane()), (parent.header.lane(), parent.header.lane()));
            assert_eq!(Outgoing::of("mail", sent.body, 0).lane, sent.lane, "as from the bytes");
        }
    }
}
