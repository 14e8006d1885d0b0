//! Tests tasks written by `macro_rules!`, and tasks whose parameters have names of tasks: the macros' own names never
//! collide with a user's.

#![allow(clippy::unused_async, reason = "these tasks have nothing to wait for")]

use celeriac::{Context, Perform, Registry, State, Stop, Task, TaskDef, task};
use serde::{Deserialize, Serialize};

/// PyO3#1506: the macro writes all of a task except the parts that its caller gives: name, type, options and body.
macro_rules! given {
    ($name:ident, $wire:literal, $retries:expr, $arg:ident: $ty:ty, $body:expr) => {
        #[task(name = $wire, retries = $retries, timeout = "5s", at_most_once)]
        async fn $name(cx: &Context, state: State<u8>, $arg: $ty) -> Result<$ty, Stop> {
            std::hint::black_box((cx.attempt(), *state));
            $body
        }
    };
}

given!(echo, "given.echo", 2 + 5, text: String, Ok(text));
given!(sum, "given.sum", 1, numbers: Vec<u64>, Ok(numbers.into_iter().rev().collect()));

/// Only the name is given; the argument's name is the macro's.
macro_rules! named {
    ($($name:ident),*) => {
        $(
            #[task(retries = 9)]
            fn $name(value: u32, also: String) -> (u32, String) {
                (value + 1, also)
            }
        )*
    };
}

named!(first, second);

/// The caller gives the whole function and its options, through a second macro.
macro_rules! whole {
    ([$($options:tt)*] $function:item) => {
        inner! { [$($options)*] $function }
    };
}
macro_rules! inner {
    ([$($options:tt)*] $function:item) => {
        #[task($($options)*)]
        $function
    };
}

whole! {
    [name = "whole.nightly", schedule = "0 3 * * 1", state(u8)]
    async fn nightly(cx: &Context) -> u32 { cx.attempt() }
}

/// A struct. The caller gives its name, field and option.
macro_rules! report {
    ($name:ident, $queue:expr, $field:ident: $ty:ty) => {
        #[derive(Task, Serialize, Deserialize)]
        #[task(queue = $queue, timeout = "2m")]
        struct $name {
            $field: $ty,
        }

        impl Perform for $name {
            type Output = $ty;
            type Error = Stop;

            async fn perform(self, _: &Context) -> Result<$ty, Stop> {
                Ok(self.$field)
            }
        }
    };
}

report!(Weekly, "reports", week: u32);

/// actix-web#1761: one parameter has the name of its own task, and one that of another task.
#[task]
async fn email(email: String) -> String {
    email
}

#[task]
fn welcome(email: String, mut echo: String, state: State<u8>) -> String {
    std::hint::black_box(*state);
    echo.push_str(&email);
    echo
}

/// It calls itself, and a task whose name is no parameter's.
#[task]
async fn again(first: u32) -> Result<(), celeriac::Error> {
    if first > 0 {
        again.delay(first - 1).await?;
        second.delay(first, "second").await?;
    }
    Ok(())
}

fn task_of(name: &str) -> &'static TaskDef {
    Registry::linked().expect("they have different names").get(name).expect("it is linked")
}

#[test]
fn tasks_of_macros_are_registered_as_written() {
    let given = task_of("given.echo");
    assert_eq!((given.options.retries, given.options.at_most_once, given.args), (7, true, &["text"][..]));
    assert_eq!((task_of("given.sum").options.retries, task_of("given.sum").states.len()), (1, 1));
    assert_eq!((task_of("first").options.retries, task_of("second").args), (9, &["value", "also"][..]));
    assert_eq!(task_of("whole.nightly").options.schedule, Some("0 3 * * 1"));
    assert_eq!((task_of("Weekly").options.queue, task_of("Weekly").args), ("reports", &["week"][..]));
}

#[test]
fn arguments_of_macros_are_read_by_the_names_that_they_have() {
    // {"text": "a"}, {"value": 1, "also": "b"}, {"week": 7}, {"email": "c"}
    for (name, args) in [
        ("given.echo", &b"\x81\xa4text\xa1a"[..]),
        ("first", b"\x82\xa5value\x01\xa4also\xa1b"),
        ("Weekly", b"\x81\xa4week\x07"),
        ("email", b"\x81\xa5email\xa1c"),
    ] {
        assert_eq!((task_of(name).check)(args), Ok(()), "{name}");
    }
    assert_eq!((task_of("first").check)(b"\x81\xa5value\x01"), Err("missing argument `also`".to_owned()));
}

#[tokio::test]
async fn a_parameter_may_be_named_as_a_task() {
    assert_eq!(email.call("ada@example.org".to_owned()).await, "ada@example.org");
    assert_eq!(first.call(1, "two".to_owned()), (2, "two".to_owned()));
    // Each way to call takes them too.
    drop((email.delay("ada"), email.apply("ada"), email.fan_out(["ada", "grace"]), welcome.delay("ada", "grace")));
    drop((again.delay(1_u32), echo.delay("a"), sum.delay(vec![1]), Weekly { week: 1 }.delay()));
}
