//! What becomes of a call, depending on how it ends.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use celeriac_core::{
    ports::{Clock as _, Reason},
    task::{Body, Options, Stop},
    wire::{decode_args, encode_args},
};
use common::{Bench, ManualClock, def};
use futures::FutureExt as _;

const OPTIONS: Options = Options::new().retries(2).backoff("2s..10s");

fn quick() -> Body {
    Body::Async(|_, _| Ok(async { Ok(None) }.boxed()))
}

/// A body that is not ready at its first poll.
fn slow() -> Body {
    Body::Async(|_, _| {
        let body = async {
            tokio::task::yield_now().await;
            Ok(None)
        };
        Ok(body.boxed())
    })
}

fn blocking() -> Body {
    Body::Blocking(|_, _| Ok(Box::new(|| Ok(None))))
}

#[tokio::test]
async fn calls_of_every_kind_succeed_and_leave_nothing() {
    for body in [quick(), slow(), blocking()] {
        let bench = Bench::new([def("noop", OPTIONS, body)]);
        let parcel = bench.send("noop", 3000).await;
        let worker = bench.worker();
        assert_eq!(bench.run(&worker).await, 1);
        assert_eq!(bench.row(parcel).await.unwrap().done.len(), 3000);
        assert_eq!((bench.tally().await.succeeded, bench.tally().await.ended()), (3000, 3000));
        assert!(bench.is_empty().await && bench.dead().await.is_empty());
    }
}

#[tokio::test]
async fn results_are_kept() {
    let body = Body::Async(|args, _| {
        let n: u32 = decode_args(args).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        encode_args(&(n * 2), &mut out).unwrap();
        Ok(async move { Ok(Some(out)) }.boxed())
    });
    let bench = Bench::new([def("double", OPTIONS, body)]);
    bench.send("double", 100).await;
    bench.run(&bench.worker()).await;
    let value = bench.ports.ledger.result_of(bench.call(21)).await.unwrap().unwrap();
    assert_eq!(decode_args::<u32>(&value).unwrap(), 42);
}

#[tokio::test]
async fn an_error_is_tried_again_with_back_off_and_then_dead() {
    let body = Body::Async(|_, cx| {
        let attempt = cx.attempt();
        Ok(async move { Err(Stop::Retry(format!("no answer, attempt {attempt}").into())) }.boxed())
    });
    let bench = Bench::new([def("call_out", OPTIONS, body)]);
    bench.send("call_out", 1).await;
    let moments = bench.run_all(&bench.worker()).await;
    let waits: Vec<_> = moments.windows(2).map(|pair| pair[1].abs_diff(pair[0]).as_millis()).collect();
    assert_eq!(waits.len(), 2);
    assert!((1000..=2100).contains(&waits[0]) && (2000..=4100).contains(&waits[1]), "{waits:?}");
    let history: Vec<_> =
        bench.history(0).await.into_iter().map(|f| (f.attempt, f.kind, f.message, f.worker)).collect();
    let row =
        |attempt: u32| (attempt, "error".to_owned(), format!("no answer, attempt {attempt}"), "tester".to_owned());
    assert_eq!(history, [row(1), row(2), row(3)]);
    let dead = bench.dead().await;
    assert_eq!(
        (dead[0].reason, dead[0].message.as_str(), dead[0].attempts),
        (Reason::Failed, "no answer, attempt 3", 3)
    );
    let tally = bench.tally().await;
    assert_eq!((tally.failed, tally.retries, tally.succeeded), (1, 2, 0));
}

#[tokio::test]
async fn retry_after_waits_as_long_as_it_says() {
    let body = Body::Async(|_, cx| {
        let first = cx.attempt() == 1;
        let end = if first { Err(Stop::RetryAfter(Duration::from_secs(77), "busy".into())) } else { Ok(None) };
        Ok(async move { end }.boxed())
    });
    let bench = Bench::new([def("polite", OPTIONS, body)]);
    bench.send("polite", 1).await;
    assert_eq!(bench.run_all(&bench.worker()).await, [Duration::ZERO, Duration::from_secs(77)]);
    assert_eq!(bench.tally().await.succeeded, 1);
}

#[tokio::test]
async fn cancel_is_dead_at_once() {
    let body = Body::Async(|_, _| Ok(async { Err(Stop::Cancel("no such address".into())) }.boxed()));
    let bench = Bench::new([def("send", OPTIONS, body)]);
    bench.send("send", 1).await;
    assert_eq!(bench.run_all(&bench.worker()).await.len(), 1);
    let dead = bench.dead().await;
    assert_eq!((dead[0].message.as_str(), dead[0].attempts), ("no such address", 1));
    assert_eq!(bench.history(0).await[0].kind, "cancel");
}

#[tokio::test]
async fn a_snooze_is_no_attempt() {
    let body = Body::Async(|_, cx| {
        let now_us = cx.state::<Arc<ManualClock>>().monotonic_us();
        let end = if now_us < 60_000_000 { Err(Stop::Snooze(Duration::from_secs(20))) } else { Ok(None) };
        assert_eq!(cx.attempt(), 1);
        Ok(async move { end }.boxed())
    });
    let bench = Bench::new([def("later", OPTIONS, body)]);
    let bench = bench.with_clock();
    bench.send("later", 1).await;
    let moments = bench.run_all(&bench.worker()).await;
    assert_eq!(moments, [0, 20, 40, 60].map(Duration::from_secs));
    assert!(bench.history(0).await.is_empty());
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.retries), (1, 0));
}

#[tokio::test]
async fn a_panic_fails_its_call_alone() {
    let bodies = [
        Body::Async(|args, _| {
            let panics = decode_args::<u32>(args).unwrap() == 5;
            Ok(async move { if panics { panic!("number {}", 5) } else { Ok(None) } }.boxed())
        }),
        Body::Async(|args, _| {
            let panics = decode_args::<u32>(args).unwrap() == 5;
            let body = async move {
                tokio::task::yield_now().await;
                if panics { panic!("number {}", 5) } else { Ok(None) }
            };
            Ok(body.boxed())
        }),
        Body::Blocking(|args, _| {
            let panics = decode_args::<u32>(args).unwrap() == 5;
            Ok(Box::new(move || if panics { panic!("number {}", 5) } else { Ok(None) }))
        }),
    ];
    for body in bodies {
        let bench = Bench::new([def("fragile", OPTIONS, body)]);
        bench.send("fragile", 10).await;
        bench.run_all(&bench.worker()).await;
        let dead = bench.dead().await;
        assert_eq!((dead.len(), dead[0].id, dead[0].attempts), (1, bench.call(5), 3));
        let said = &dead[0].message;
        assert!(said.starts_with("panicked at worker/tests/verdicts.rs:") && said.ends_with(": number 5"), "{said}");
        let history = bench.history(5).await;
        assert_eq!(history.iter().map(|f| f.kind.as_str()).collect::<Vec<_>>(), ["panic"; 3]);
        assert_eq!(bench.tally().await.succeeded, 9);
    }
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_dead_at_once() {
    let body = Body::Async(|args, _| {
        let n: u32 = decode_args(args).map_err(|error| error.to_string())?;
        if n == 1 {
            return Err("argument `to`: invalid type: integer `1`, expected a string".to_owned());
        }
        Ok(async { Ok(None) }.boxed())
    });
    let bench = Bench::new([def("mail.send", OPTIONS, body)]);
    bench.send("mail.send", 3).await;
    assert_eq!(bench.run_all(&bench.worker()).await.len(), 1);
    let dead = bench.dead().await;
    assert_eq!(dead.len(), 1);
    assert_eq!(
        dead[0].message,
        "its arguments are not those of task `mail.send`: argument `to`: invalid type: integer `1`, expected a string"
    );
    assert_eq!((bench.history(1).await[0].kind.as_str(), bench.tally().await.succeeded), ("decode", 2));
}

#[tokio::test]
async fn messages_are_cut_at_their_limit() {
    let body = Body::Async(|_, _| Ok(async { Err(Stop::Cancel("ü".repeat(5000))) }.boxed()));
    let bench = Bench::new([def("loud", OPTIONS, body)]);
    bench.send("loud", 1).await;
    bench.run(&bench.worker()).await;
    let message = bench.dead().await.remove(0).message;
    assert!(message.len() <= 2000 && message.ends_with("ü…"), "{} bytes", message.len());
}

#[tokio::test]
async fn a_result_beyond_the_limit_says_what_to_do() {
    let body = Body::Async(|_, _| Ok(async { Ok(Some(vec![0; 300_000])) }.boxed()));
    let bench = Bench::new([def("huge", OPTIONS, body)]);
    bench.send("huge", 1).await;
    assert_eq!(bench.run_all(&bench.worker()).await.len(), 1);
    assert_eq!(
        bench.dead().await[0].message,
        "ran, but its result has 300000 bytes, at most 262144: store it elsewhere and return where"
    );
}

#[tokio::test]
async fn a_result_that_cannot_be_serialised_is_not_run_again() {
    use celeriac_core::task::Outcome;
    struct Never;
    impl serde::Serialize for Never {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("a socket cannot be sent"))
        }
    }
    impl<'de> serde::Deserialize<'de> for Never {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom("nor received"))
        }
    }
    let body = Body::Async(|_, _| Ok(async { Outcome::<true>::encode(Ok::<_, Stop>(vec![Never])) }.boxed()));
    let bench = Bench::new([def("socket", OPTIONS, body)]);
    bench.send("socket", 1).await;
    assert_eq!(bench.run_all(&bench.worker()).await.len(), 1);
    assert_eq!(bench.dead().await[0].message, "ran, but its result cannot be serialised: a socket cannot be sent");
}

#[tokio::test]
async fn a_call_that_snoozes_for_no_time_does_not_keep_its_run_from_ending() {
    let body = Body::Async(|_, cx| {
        let starts = cx.state::<AtomicU32>().fetch_add(1, Ordering::SeqCst);
        let end = if starts < 5000 { Err(Stop::Snooze(Duration::ZERO)) } else { Ok(None) };
        Ok(async move { end }.boxed())
    });
    let bench = Bench::new([def("spin", Options::new(), body)]).with(AtomicU32::new(0));
    bench.send("spin", 20).await;
    assert_eq!(bench.run(&bench.worker()).await, 1);
    let starts = bench.states.get::<AtomicU32>().unwrap().load(Ordering::SeqCst);
    assert!(starts <= 20 * 5, "{starts} starts in one run");
    assert_eq!(bench.tally().await.ended(), 0, "none of them has ended");
    assert!(!bench.is_empty().await, "the calls are handed on, which counts as a hop");
}

#[tokio::test]
async fn a_short_snooze_is_no_success() {
    let body = Body::Async(|_, cx| {
        let (starts, clock) = (cx.state::<AtomicU32>(), cx.state::<Arc<ManualClock>>());
        let first = starts.fetch_add(1, Ordering::SeqCst) == 0;
        Ok(async move {
            if first {
                return Err(Stop::Snooze(Duration::from_millis(500)));
            }
            clock.sleep(Duration::from_secs(1)).await;
            Err(Stop::Cancel("it is closed for good".into()))
        }
        .boxed())
    });
    let bench = Bench::new([def("open", Options::new(), body)]).with_clock().with(AtomicU32::new(0));
    bench.send("open", 2).await;
    let worker = bench.worker();
    while !bench.is_empty().await {
        bench.run_in_time(&worker).await;
    }
    let tally = bench.tally().await;
    assert_eq!((tally.succeeded, tally.failed, bench.dead().await.len()), (0, 2, 2));
}
