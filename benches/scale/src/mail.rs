//! The calls: each takes its time and does nothing else. Records which have started, and when.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
    time::Duration,
};

use celeriac_core::{
    ports::Clock,
    task::{Body, Context, Ended, Options, Registry, Takes, Task, TaskDef},
};
use celeriac_sim::Host;
use futures::{
    Stream,
    future::{BoxFuture, FutureExt as _},
};

use crate::limits;

/// The queue of all calls.
pub(crate) const QUEUE: &str = "mail";

/// About how many bytes the arguments have.
pub(crate) const ARGS_BYTES: usize = 100;

/// The number of calls after which the client's processor time passes.
const BURST: u64 = 4096;

macro_rules! mails {
    ($($task:ident = $name:literal, $takes:literal, $ms:literal;)*) => {
        $(
            /// Calls of one length.
            #[derive(Debug)]
            pub(crate) struct $task;

            impl Task for $task {
                const NAME: &'static str = $name;
                const OPTIONS: Options = Options::new().queue(QUEUE).takes($takes).timeout("2m");
                type Args = String;
                type Output = ();
            }

            impl Takes<String> for $task {
                fn args(args: String) -> String {
                    args
                }
            }
        )*

        static TASKS: [TaskDef; 4] = [$(TaskDef::untyped(
            $name,
            $task::OPTIONS,
            Body::Async(|_, cx| Ok(run(&cx, Duration::from_millis($ms)))),
        )),*];
    };
}

mails! {
    Quick = "mail.quick", "1ms", 1;
    Usual = "mail.usual", "50ms", 50;
    Slow = "mail.slow", "1s", 1000;
    Long = "mail.long", "30s", 30_000;
}

/// # Panics
/// If two tasks have one name.
pub(crate) fn registry() -> Arc<Registry> {
    Arc::new(Registry::new(&TASKS).expect("every task has a name of its own"))
}

fn run(cx: &Context, takes: Duration) -> BoxFuture<'static, Ended> {
    let post = cx.state::<Post>();
    post.book.started(cx.id().index, post.clock.monotonic_us());
    let mut nap = post.0.nap(takes);
    std::future::poll_fn(move |context| nap.poll(context.waker())).map(|()| Ok(None)).boxed()
}

/// The state that the calls of one worker share.
pub(crate) struct Post {
    book: Book,
    host: Host,
    clock: Arc<dyn Clock>,
    alarms: Mutex<BTreeMap<u64, Arc<Alarm>>>,
}

/// Calls that end at the same time share one timer. That saves the simulation's time: the worker still polls each of
/// them.
#[derive(Default)]
struct Alarm {
    rings: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

struct Nap {
    alarm: Arc<Alarm>,
    at: Option<usize>,
}

impl Post {
    pub(crate) fn new(host: &Host, book: Book) -> Self {
        Self { book, host: host.clone(), clock: host.clock(), alarms: Mutex::default() }
    }

    fn nap(self: &Arc<Self>, takes: Duration) -> Nap {
        let due_us = self.clock.monotonic_us() + takes.as_micros() as u64;
        let mut alarms = lock(&self.alarms);
        let alarm = alarms.entry(due_us).or_insert_with(|| {
            let (alarm, post) = (Arc::<Alarm>::default(), Arc::clone(self));
            let rings = Arc::clone(&alarm);
            self.host.spawn(async move {
                post.clock.sleep(takes).await;
                lock(&post.alarms).remove(&due_us);
                rings.ring();
            });
            alarm
        });
        Nap { alarm: Arc::clone(alarm), at: None }
    }
}

impl Alarm {
    fn ring(&self) {
        self.rings.store(true, Ordering::Relaxed);
        lock(&self.waiting).drain(..).for_each(Waker::wake);
    }
}

impl Nap {
    fn poll(&mut self, waker: &Waker) -> Poll<()> {
        if self.alarm.rings.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        let mut waiting = lock(&self.alarm.waiting);
        if let Some(at) = self.at {
            waiting[at].clone_from(waker);
        } else {
            self.at = Some(waiting.len());
            waiting.push(waker.clone());
        }
        Poll::Pending
    }
}

/// The calls that have started.
#[derive(Clone)]
pub(crate) struct Book(Arc<Mutex<Pages>>);

struct Pages {
    /// A bit for each call.
    started: Vec<u64>,
    /// How many started in each step.
    steps: Vec<u64>,
    calls: u64,
    again: u64,
    first_us: u64,
    last_us: u64,
}

/// The length of a step in the drawings.
pub(crate) const STEP: Duration = Duration::from_millis(100);

/// All starts of calls, once the calls are over.
#[derive(Clone, Debug, Default)]
pub struct Started {
    /// How many have started.
    pub calls: u64,
    /// How many starts were not the first of their call.
    pub again: u64,
    /// When the first and the last of them started.
    pub first: Duration,
    /// See `first`.
    pub last: Duration,
    /// How many started in each tenth of a second.
    pub steps: Vec<u64>,
}

impl Book {
    pub(crate) fn new(calls: u64) -> Self {
        let started = vec![0; calls.div_ceil(64) as usize];
        let pages = Pages { started, steps: Vec::new(), calls: 0, again: 0, first_us: u64::MAX, last_us: 0 };
        Self(Arc::new(Mutex::new(pages)))
    }

    fn started(&self, call: u64, now_us: u64) {
        let pages = &mut *lock(&self.0);
        let (word, bit) = (&mut pages.started[(call / 64) as usize], 1 << (call % 64));
        let again = *word & bit != 0;
        *word |= bit;
        pages.again += u64::from(again);
        pages.calls += u64::from(!again);
        (pages.first_us, pages.last_us) = (pages.first_us.min(now_us), pages.last_us.max(now_us));
        let step = (now_us / STEP.as_micros() as u64) as usize;
        if pages.steps.len() <= step {
            pages.steps.resize(step + 1, 0);
        }
        pages.steps[step] += 1;
    }

    pub(crate) fn calls(&self) -> u64 {
        lock(&self.0).calls
    }

    pub(crate) fn read(&self) -> Started {
        let pages = lock(&self.0);
        Started {
            calls: pages.calls,
            again: pages.again,
            first: Duration::from_micros(pages.first_us),
            last: Duration::from_micros(pages.last_us),
            steps: pages.steps.clone(),
        }
    }
}

/// The arguments of this many calls, yielded no faster than a processor encodes them.
pub(crate) struct Source {
    calls: u64,
    next: u64,
    clock: Arc<dyn Clock>,
    pause: Option<BoxFuture<'static, ()>>,
    /// Whether it says how many calls there are.
    counted: bool,
}

impl Source {
    pub(crate) fn new(calls: u64, clock: Arc<dyn Clock>, counted: bool) -> Self {
        Self { calls, next: 0, clock, pause: None, counted }
    }
}

impl Stream for Source {
    type Item = String;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Option<String>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.poll_unpin(context));
            self.pause = None;
        }
        if self.next == self.calls {
            return Poll::Ready(None);
        }
        let item = measure::payload(self.next, ARGS_BYTES);
        self.next += 1;
        if self.next.is_multiple_of(BURST) {
            self.pause = Some(self.clock.sleep(limits::CLIENT_CPU * BURST as u32));
        }
        Poll::Ready(Some(item))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.calls - self.next) as usize;
        if self.counted { (left, Some(left)) } else { (0, None) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
