//! User code that panics fails only its call, and the error says which code panicked. Faults of the worker itself stop
//! no parcel.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use std::{
    fmt,
    future::Future,
    panic::panic_any,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as Polling, Poll},
    time::Duration,
};

use celeriac_core::{
    ports::{Blocking, BoxError, Clock, Entropy, Reason, Threads},
    task::{Body, Ended, Options, Outcome, Stop},
    wire::decode_args,
};
use common::{Bench, ManualClock, def};
use futures::{FutureExt as _, future::BoxFuture};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ONCE: Options = Options::new().retries(0).timeout("2s");

/// Of six calls, those that go wrong.
const WRONG: [u32; 2] = [1, 4];

/// A body of each kind. The calls that go wrong end as `E` says.
fn bodies<E: Ending>() -> [Body; 3] {
    fn end<E: Ending>(wrong: bool) -> Ended {
        if wrong { E::end() } else { Ok(None) }
    }
    [
        Body::Async(|args, _| {
            let wrong = WRONG.contains(&decode_args::<u32>(args).unwrap());
            Ok(async move { end::<E>(wrong) }.boxed())
        }),
        Body::Async(|args, _| {
            let wrong = WRONG.contains(&decode_args::<u32>(args).unwrap());
            let body = async move {
                tokio::task::yield_now().await;
                end::<E>(wrong)
            };
            Ok(body.boxed())
        }),
        Body::Blocking(|args, _| {
            let wrong = WRONG.contains(&decode_args::<u32>(args).unwrap());
            Ok(Box::new(move || end::<E>(wrong)))
        }),
    ]
}

trait Ending: 'static {
    fn end() -> Ended;
}

/// Runs six calls of each kind of body. Two of them go wrong: they die, and their errors read like this.
async fn two_of_six_die<E: Ending>(kind: &str, begins: &str, ends: &str) {
    for body in bodies::<E>() {
        let bench = Bench::new([def("fragile", ONCE, body)]);
        bench.send("fragile", 6).await;
        bench.while_time_passes(bench.run(&bench.worker())).await;
        let dead = bench.dead().await;
        let mut ids: Vec<_> = dead.iter().map(|letter| letter.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, WRONG.map(|n| bench.call(n.into())));
        for letter in &dead {
            let said = &letter.message;
            assert!(said.starts_with(begins) && said.ends_with(ends), "{said}");
            assert_eq!((letter.reason, letter.attempts), (Reason::Failed, 1));
        }
        assert_eq!(bench.history(WRONG[0].into()).await[0].kind, kind);
        assert_eq!((bench.tally().await.succeeded, bench.is_empty().await), (4, true));
    }
}

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
    let begins = "failed, and its error panicked while it was displayed, at worker/tests/panics.rs:";
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

/// Panics when it is dropped, and so does its panic's value.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 > 0 && !std::thread::panicking() {
            panic_any(Bomb(self.0 - 1));
        }
    }
}

struct PanicsWithABomb;

impl Ending for PanicsWithABomb {
    fn end() -> Ended {
        panic_any(Bomb(2))
    }
}

#[tokio::test]
async fn a_panic_whose_value_panics_when_it_is_dropped() {
    let begins = "panicked at worker/tests/panics.rs:";
    two_of_six_die::<PanicsWithABomb>("panic", begins, ": with a value that is no text").await;
}

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
    let begins = "ran, but its result panicked while it was serialised, at worker/tests/panics.rs:";
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
    let begins = "ran, but its result panicked while it was read back, at worker/tests/panics.rs:";
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
    two_of_six_die::<Unspeakable>("panic", "panicked at worker/tests/panics.rs:", ": words fail me").await;
}

#[tokio::test]
async fn arguments_that_panic_while_they_are_read() {
    let bodies = [
        Body::Async(|args, _| {
            assert!(!WRONG.contains(&decode_args::<u32>(args).unwrap()), "not this one");
            Ok(async { Ok(None) }.boxed())
        }),
        Body::Blocking(|args, _| {
            assert!(!WRONG.contains(&decode_args::<u32>(args).unwrap()), "not this one");
            Ok(Box::new(|| Ok(None)))
        }),
    ];
    for body in bodies {
        let bench = Bench::new([def("fragile", ONCE, body)]);
        bench.send("fragile", 6).await;
        bench.while_time_passes(bench.run(&bench.worker())).await;
        let said = bench.dead().await.remove(0).message;
        let begins = "panicked while its arguments were read, at worker/tests/panics.rs:";
        assert!(said.starts_with(begins) && said.ends_with(": not this one"), "{said}");
        assert_eq!((bench.tally().await.succeeded, bench.dead().await.len()), (4, 2));
    }
}

/// A future that panics when it is dropped, however it ended.
struct Slippery {
    pending: u32,
    _bomb: Bomb,
}

impl Future for Slippery {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Polling<'_>) -> Poll<Ended> {
        if self.pending == 0 {
            return Poll::Ready(Ok(None));
        }
        self.pending -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[tokio::test]
async fn a_future_that_panics_when_it_is_dropped() {
    let bodies = [
        Body::Async(|_, _| Ok(Box::pin(Slippery { pending: 0, _bomb: Bomb(2) }))),
        Body::Async(|_, _| Ok(Box::pin(Slippery { pending: 3, _bomb: Bomb(2) }))),
    ];
    for body in bodies {
        let bench = Bench::new([def("slippery", ONCE, body)]);
        bench.send("slippery", 300).await;
        bench.while_time_passes(bench.run(&bench.worker())).await;
        assert_eq!((bench.tally().await.succeeded, bench.dead().await.len()), (300, 0), "it had returned by then");
    }
}

#[tokio::test]
async fn a_future_that_panics_when_it_is_cut() {
    let body = Body::Async(|_, _| {
        let bomb = Bomb(2);
        Ok(async move {
            std::future::pending::<()>().await;
            drop(bomb);
            Ok(None)
        }
        .boxed())
    });
    let bench = Bench::new([def("endless", ONCE, body)]);
    bench.send("endless", 300).await;
    bench.while_time_passes(bench.run(&bench.worker())).await;
    assert_eq!((bench.tally().await.timed_out, bench.is_empty().await), (300, true));
}

/// Runs no work: its threads are gone, or it panics when it is called.
struct NoThreads {
    panics: bool,
    times: AtomicBool,
}

impl Blocking for NoThreads {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        if self.times.swap(false, Ordering::SeqCst) {
            assert!(!self.panics, "no more threads");
            return drop(work);
        }
        Threads.run(work);
    }
}

#[tokio::test]
async fn a_call_whose_thread_dies_is_tried_again() {
    for panics in [false, true] {
        let body = Body::Blocking(|_, _| Ok(Box::new(|| Ok(None))));
        let mut bench = Bench::new([def("resize", Options::new(), body)]);
        bench.ports.blocking = Arc::new(NoThreads { panics, times: AtomicBool::new(true) });
        bench.send("resize", 6).await;
        bench.run_all(&bench.worker()).await;
        assert_eq!((bench.tally().await.succeeded, bench.tally().await.retries), (6, 1));
        let history = bench.history(0).await.remove(0);
        assert_eq!(history.kind, "worker");
        assert!(history.message.starts_with("the worker lost it: its thread"), "{}", history.message);
    }
}

#[tokio::test]
async fn a_call_that_must_not_run_twice_is_unknown_when_its_thread_dies() {
    let body = Body::Blocking(|_, _| Ok(Box::new(|| Ok(None))));
    let mut bench = Bench::new([def("pay", Options::new().at_most_once(), body)]);
    bench.ports.blocking = Arc::new(NoThreads { panics: false, times: AtomicBool::new(true) });
    bench.send("pay", 6).await;
    bench.run_all(&bench.worker()).await;
    assert_eq!((bench.tally().await.succeeded, bench.dead().await.remove(0).reason), (5, Reason::Unknown));
}

/// A clock that panics once on a thread that polls calls.
struct Broken(Arc<ManualClock>, AtomicBool);

impl Clock for Broken {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn monotonic_us(&self) -> u64 {
        let polls = std::thread::current().name().is_some_and(|name| name.starts_with("celeriac-"));
        assert!(!polls || !self.1.swap(false, Ordering::SeqCst), "the spring broke");
        self.0.monotonic_us()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(duration)
    }
}

#[tokio::test]
async fn a_panic_of_a_polling_thread_holds_up_no_parcel() {
    let body = Body::Async(|args, cx| {
        // The clock is read next after this call was polled.
        let breaks = decode_args::<u32>(args).unwrap() == 5 && cx.attempt() == 1;
        let clock = cx.state::<Arc<Broken>>();
        Ok(async move {
            clock.1.store(breaks, Ordering::SeqCst);
            Ok(None)
        }
        .boxed())
    });
    let mut bench = Bench::new([def("tick", Options::new(), body)]);
    let broken = Arc::new(Broken(Arc::clone(&bench.clock), AtomicBool::new(false)));
    bench.ports.clock = Arc::clone(&broken) as Arc<dyn Clock>;
    let bench = bench.with(broken);
    bench.send("tick", 100).await;
    bench.run_all(&bench.worker()).await;
    assert_eq!((bench.tally().await.succeeded, bench.tally().await.retries), (100, 1));
    let history = bench.history(5).await.remove(0);
    assert_eq!(history.kind, "worker");
    assert!(history.message.contains("its thread panicked outside of its code"), "{}", history.message);
}

/// Random bits that panic once. The run of a parcel draws them.
struct Loaded(AtomicBool);

impl Entropy for Loaded {
    fn next_u64(&self) -> u64 {
        assert!(!self.0.swap(false, Ordering::SeqCst), "the die broke");
        4
    }
}

#[tokio::test]
async fn a_run_that_panics_gives_its_parcel_back() {
    let body = Body::Async(|_, cx| {
        let end = if cx.attempt() == 1 { Err(Stop::Retry("no answer".into())) } else { Ok(None) };
        Ok(async move { end }.boxed())
    });
    let mut bench = Bench::new([def("call_out", Options::new(), body)]);
    bench.ports.entropy = Arc::new(Loaded(AtomicBool::new(true)));
    bench.send("call_out", 6).await;
    let worker = bench.worker();
    assert_eq!(bench.run(&worker).await, 1);
    assert_eq!(bench.tally().await.ended(), 0, "the run has ended without a verdict");
    let moments = bench.run_all(&worker).await;
    assert_eq!(moments[0], Duration::from_secs(1), "its lease ended with it");
    assert_eq!((bench.tally().await.succeeded, bench.dead().await.len()), (6, 0));
}
