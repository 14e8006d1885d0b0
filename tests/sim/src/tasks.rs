//! Tasks whose calls do what their arguments say.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use celeriac_core::{
    task::{Body, Context, Ended, Job, Options, Registry, Stop, Takes, Task, TaskDef},
    wire::{decode_args, encode_args},
};
use futures::future::{BoxFuture, FutureExt as _, ready};
use serde::{Deserialize, Serialize};

use crate::{figures::Ran, lanes::Pace, witness::Insider};

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Script {
    /// It ends at its first poll.
    Succeeds,
    /// It succeeds after this many milliseconds.
    Takes(u32),
    /// It returns this.
    Returns(u32),
    /// This many attempts fail.
    Fails(u32),
    /// It never ends.
    Hangs,
    /// It cancels itself.
    Cancels,
    /// It wants to run later, once.
    Snoozes,
    /// It kills its process.
    Kills,
}

/// The arguments of every task here.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Args {
    /// What the call does.
    pub(crate) script: Script,
    /// Distinguishes it from all other calls.
    pub(crate) number: u32,
}

impl Args {
    /// The arguments of a call that has none.
    pub(crate) const NONE: Self = Self { script: Script::Succeeds, number: 0 };
}

macro_rules! tasks {
    ($($(#[$doc:meta])* $task:ident = $name:literal, $body:expr, $options:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(crate) struct $task;

            impl Task for $task {
                const NAME: &'static str = $name;
                const OPTIONS: Options = $options;
                type Args = Args;
                type Output = u32;
            }

            impl Takes<Args> for $task {
                fn args(args: Args) -> Args {
                    args
                }
            }
        )*

        /// All of them.
        static TASKS: [TaskDef; [$($name),*].len() + 1] = [$(TaskDef::untyped($name, $options, $body)),*, TICK];
    };
}

const ASYNC: Body = Body::Async(perform);
const BLOCKING: Body = Body::Blocking(block);

/// A scheduled task, whose runs have no arguments.
const TICK: TaskDef = TaskDef::untyped(
    "tick",
    Options::new().queue("mail").retries(1).backoff("1s..2s").timeout("10s").schedule("rate(20s)"),
    Body::Async(tick),
);
const COUNTED: Body = Body::Async(count);
const PACED: Body = Body::Async(pace);

tasks! {
    /// Short calls, many to a parcel.
    Quick = "quick", ASYNC,
        Options::new().queue("mail").retries(3).backoff("200ms..5s").timeout("20s").concurrency(16).takes("50ms");
    /// Calls of seconds.
    Slow = "slow", ASYNC,
        Options::new().queue("bulk").retries(2).backoff("1s..20s").timeout("30s").concurrency(4).takes("2s");
    /// Calls that must not run twice.
    Once = "once", ASYNC,
        Options::new().queue("mail").retries(1).backoff("1s..2s").timeout("10s").concurrency(3).takes("1s").at_most_once();
    /// Calls that expire.
    Late = "late", ASYNC,
        Options::new().queue("bulk").retries(0).timeout("15s").concurrency(2).takes("1s").expires("20s");
    /// Calls that block a thread.
    Thread = "thread", BLOCKING,
        Options::new().queue("mail").retries(1).backoff("1s..2s").timeout("5s").concurrency(8).takes("100ms");
    /// A task that older programs do not have.
    Newer = "newer", ASYNC,
        Options::new().queue("bulk").retries(1).backoff("1s..2s").timeout("10s").concurrency(8).takes("100ms");
    /// Calls that only count, thousands to a parcel, for figures.
    Plain = "plain", COUNTED, Options::new().queue("figures").concurrency(4096).takes("1ms");
    /// The same, each in its own parcel.
    Single = "single", COUNTED, Options::new().queue("figures").concurrency(1).takes("30s");
    /// Calls that take their time and are counted, in either lane.
    Paced = "paced", PACED, Options::new().queue("lanes").concurrency(10).takes("50ms");
    /// The callbacks of complete batches.
    Callback = "callback", ASYNC,
        Options::new().queue("mail").retries(0).timeout("10s");
}

/// The options of a task.
pub(crate) fn options(task: &str) -> Option<&'static Options> {
    TASKS.iter().find(|def| def.name == task).map(|def| &def.options)
}

/// The tasks of a program, which may be an old one.
///
/// # Panics
/// If two have one name.
pub(crate) fn registry(old: bool) -> Arc<Registry> {
    let defs = TASKS.iter().filter(|def| !(old && def.name == Newer::NAME));
    Arc::new(Registry::new(defs).expect("every task has a name of its own"))
}

fn perform(args: &[u8], cx: Context) -> Result<BoxFuture<'static, Ended>, String> {
    let Args { script, .. } = decode_args(args).map_err(|error| error.to_string())?;
    let insider = cx.state::<Insider>();
    Ok(async move {
        let Some(mut attempt) = insider.begin(&cx) else { return std::future::pending().await };
        let ended = play(script, &cx, &insider, attempt.starts()).await;
        attempt.ends(&ended);
        ended
    }
    .boxed())
}

#[allow(clippy::needless_pass_by_value, reason = "the body of a task is given its context")]
fn count(args: &[u8], cx: Context) -> Result<BoxFuture<'static, Ended>, String> {
    let _: Args = decode_args(args).map_err(|error| error.to_string())?;
    cx.state::<Arc<Ran>>().0.0.fetch_add(1, Ordering::Relaxed);
    Ok(ready(Ok(None)).boxed())
}

#[allow(clippy::needless_pass_by_value, reason = "the body of a task is given its context")]
fn pace(args: &[u8], cx: Context) -> Result<BoxFuture<'static, Ended>, String> {
    let Args { script, number } = decode_args(args).map_err(|error| error.to_string())?;
    let pace = cx.state::<Arc<Pace>>();
    Ok(async move {
        let clock = pace.starts(number);
        if let Script::Takes(ms) = script {
            clock.sleep(Duration::from_millis(u64::from(ms))).await;
        }
        Ok(None)
    }
    .boxed())
}

#[allow(clippy::unnecessary_wraps, reason = "so is the body of every task")]
fn tick(_: &[u8], cx: Context) -> Result<BoxFuture<'static, Ended>, String> {
    let insider = cx.state::<Insider>();
    Ok(async move {
        let Some(mut attempt) = insider.begin(&cx) else { return std::future::pending().await };
        insider.clock().sleep(Duration::from_millis(700)).await;
        attempt.ends(&Ok(None));
        Ok(None)
    }
    .boxed())
}

fn block(args: &[u8], cx: Context) -> Result<Job, String> {
    let Args { script, .. } = decode_args(args).map_err(|error| error.to_string())?;
    Ok(Box::new(move || {
        let insider = cx.state::<Insider>();
        let Some(mut attempt) = insider.begin(&cx) else { return Ok(None) };
        let ended = end(script, &cx, attempt.starts());
        attempt.ends(&ended);
        ended
    }))
}

async fn play(script: Script, cx: &Context, insider: &Insider, starts: u32) -> Ended {
    match script {
        Script::Takes(ms) => insider.clock().sleep(Duration::from_millis(u64::from(ms))).await,
        Script::Hangs => std::future::pending::<()>().await,
        Script::Kills => {
            insider.die(cx);
            std::future::pending::<()>().await;
        }
        _ => {}
    }
    end(script, cx, starts)
}

/// The end of a call that does not wait.
fn end(script: Script, cx: &Context, starts: u32) -> Ended {
    match script {
        Script::Returns(value) => {
            let mut bytes = Vec::new();
            encode_args(&value, &mut bytes)?;
            Ok(Some(bytes))
        }
        Script::Fails(attempts) if cx.attempt() <= attempts => Err(Stop::from("it does not work")),
        Script::Cancels => Err(Stop::Cancel("it cannot work".to_owned())),
        Script::Snoozes if starts == 1 => Err(Stop::Snooze(Duration::from_secs(2))),
        _ => Ok(None),
    }
}
