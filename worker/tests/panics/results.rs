//! Results that panic: when they are written, read back or dropped.

use celeriac_core::{
    task::{Ended, Outcome, Stop},
    wire::decode_args,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    common::{Bench, def},
    fragile::{Ending, ONCE, WRONG, bodies, two_of_six_die},
};

/// A result that panics when it is written, or when it is dropped, even after it was read back.
struct Parcel<const DROPS_BADLY: bool>;

impl<const DROPS_BADLY: bool> Serialize for Parcel<DROPS_BADLY> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(DROPS_BADLY, "a hole in the parcel");
        serializer.serialize_u8(7)
    }
}

impl<'de, const DROPS_BADLY: bool> Deserialize<'de> for Parcel<DROPS_BADLY> {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

impl<const DROPS_BADLY: bool> Drop for Parcel<DROPS_BADLY> {
    fn drop(&mut self) {
        assert!(!DROPS_BADLY || std::thread::panicking(), "the parcel fell");
    }
}

impl<const DROPS_BADLY: bool> Ending for Parcel<DROPS_BADLY> {
    fn end() -> Ended {
        Ok::<_, Stop>(Self).encode()
    }
}

#[tokio::test]
async fn a_result_that_panics_while_it_is_serialised_is_not_run_again() {
    let begins = "ran, but its result panicked while it was serialised, at worker/tests/panics/results.rs:";
    two_of_six_die::<Parcel<false>>("cancel", begins, ": a hole in the parcel").await;
}

/// A result that panics when it is read.
#[derive(Serialize)]
struct Unreadable(u8);

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("a letter without glasses")
    }
}

impl Ending for Unreadable {
    fn end() -> Ended {
        Ok::<_, Stop>(Self(7)).encode()
    }
}

#[tokio::test]
async fn a_result_that_panics_when_it_is_read_back_is_not_run_again() {
    let begins = "ran, but its result panicked while it was read back, at worker/tests/panics/results.rs:";
    two_of_six_die::<Unreadable>("cancel", begins, ": a letter without glasses").await;
}

#[tokio::test]
async fn a_result_that_panics_when_it_is_dropped_counts() {
    for body in bodies::<Parcel<true>>() {
        let bench = Bench::new([def("fragile", ONCE, body)]);
        bench.send("fragile", 6).await;
        bench.while_time_passes(bench.run(&bench.worker())).await;
        assert_eq!((bench.tally().await.succeeded, bench.dead().await.len()), (6, 0));
        let value = bench.ports.ledger.result_of(bench.call(WRONG[0].into())).await.unwrap().unwrap();
        assert_eq!(decode_args::<u8>(&value).unwrap(), 7);
    }
}
