//! Errors that panic: when they are displayed, dropped, converted, or asked for their source.

use std::{fmt, time::Duration};

use celeriac_core::{
    ports::BoxError,
    task::{Body, Ended, Options, Outcome, Stop},
};
use futures::FutureExt as _;

use crate::{
    common::{Bench, def},
    fragile::{Ending, two_of_six_die},
};

/// An error that misbehaves in the way that `WHAT` names.
#[derive(Debug)]
struct Tricky<const WHAT: u8>;

const DISPLAYS: u8 = 0;
const SOURCES: u8 = 1;
const DROPS: u8 = 2;
const CIRCLES: u8 = 3;
const REFUSES: u8 = 4;

impl<const WHAT: u8> fmt::Display for Tricky<WHAT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match WHAT {
            // As celery#298: slicing a short text.
            DISPLAYS => f.write_str(&"too short"[..20]),
            REFUSES => Err(fmt::Error),
            _ => f.write_str("no answer"),
        }
    }
}

impl<const WHAT: u8> std::error::Error for Tricky<WHAT> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match WHAT {
            SOURCES => panic!("the source ran dry"),
            CIRCLES => Some(self),
            _ => None,
        }
    }
}

impl<const WHAT: u8> Drop for Tricky<WHAT> {
    fn drop(&mut self) {
        assert!(WHAT != DROPS || std::thread::panicking(), "dropped");
    }
}

impl<const WHAT: u8> Ending for Tricky<WHAT> {
    fn end() -> Ended {
        Err(Stop::Retry(Self.into()))
    }
}

#[tokio::test]
async fn an_error_whose_display_panics() {
    let begins = "failed, and its error panicked while it was displayed, at worker/tests/panics/errors.rs:";
    two_of_six_die::<Tricky<DISPLAYS>>("panic", begins, "of `too short`").await;
    two_of_six_die::<Tricky<SOURCES>>("panic", begins, ": the source ran dry").await;
    let begins = "failed, and its error panicked while it was displayed, at ";
    two_of_six_die::<Tricky<REFUSES>>("panic", begins, "").await;
}

#[tokio::test]
async fn an_error_that_panics_when_it_is_dropped_is_reported_all_the_same() {
    two_of_six_die::<Tricky<DROPS>>("error", "no answer", "no answer").await;
}

#[tokio::test]
async fn an_error_that_is_its_own_source_is_read_only_so_far() {
    two_of_six_die::<Tricky<CIRCLES>>("error", "no answer", "no answer").await;
}

#[tokio::test]
async fn a_call_whose_error_panics_on_display_is_tried_again_after_the_time_that_it_asked_for() {
    let body = Body::Async(|_, cx| {
        let again = cx.attempt() == 1;
        let error: BoxError = Tricky::<DISPLAYS>.into();
        Ok(async move { if again { Err(Stop::RetryAfter(Duration::from_secs(77), error)) } else { Ok(None) } }.boxed())
    });
    let bench = Bench::new([def("polite", Options::new(), body)]);
    bench.send("polite", 1).await;
    assert_eq!(bench.run_all(&bench.worker()).await, [Duration::ZERO, Duration::from_secs(77)]);
    assert_eq!(bench.tally().await.succeeded, 1);
}

/// An error that panics when it is converted into the end of a call.
struct Unspeakable;

impl From<Unspeakable> for BoxError {
    fn from(_: Unspeakable) -> Self {
        panic!("words fail me")
    }
}

impl Ending for Unspeakable {
    fn end() -> Ended {
        Err::<(), _>(Self).encode()
    }
}

#[tokio::test]
async fn an_error_that_panics_when_it_is_converted() {
    two_of_six_die::<Unspeakable>("panic", "panicked at worker/tests/panics/errors.rs:", ": words fail me").await;
}
