//! Replays the fuzz targets on a stable compiler: their seeds, past findings, mutated inputs, and random bytes. `just
//! fuzz` does more.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{fs, path::Path};

use proptest::{prelude::*, sample::Index};

#[allow(dead_code, unreachable_pub, missing_docs, reason = "written for the fuzzer's crate")]
#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

use targets::{ALL, Target};

/// The inputs in `fuzz/regressions/TARGET`, which once made the target fail.
fn regressions(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target.name);
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn past_findings_are_fixed() {
    for target in ALL {
        for input in (target.seeds)().into_iter().chain(regressions(target)) {
            (target.run)(&input);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for target in ALL {
            (target.run)(&bytes);
        }
    }

    #[test]
    fn seeds_with_some_bytes_changed(
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<Index>()),
        seed in any::<Index>(),
    ) {
        for target in ALL {
            let mut input = seed.get(&(target.seeds)()).clone();
            for (at, byte) in &changes {
                let at = at.index(input.len());
                input[at] = *byte;
            }
            input.truncate(cut.map_or(input.len(), |cut| cut.index(input.len())));
            (target.run)(&input);
        }
    }
}
