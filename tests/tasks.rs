//! Tests what `#[task]` and `#[derive(Task)]` generate: the registration and its options, the body, errors for wrong
//! arguments, and each way to call.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use celeriac::{Context, Perform, Registry, Secret, State, States, Stop, Task, TaskDef, Verdict, task};
use celeriac_core::{
    id::BatchId,
    ports::SystemClock,
    task::{Body, Ended, Fields, Shared},
    wire::{Json, decode_args, from_json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

struct Mailer {
    by: &'static str,
}

#[task(
    name = "mail.send",
    alias = "send_mail",
    retries = 5,
    backoff = "2s..10m",
    timeout = "30s",
    queue = "mail",
    concurrency = 500,
    expires = "2h",
    takes = "80ms",
    memory = 512
)]
async fn send_email(mailer: State<Mailer>, to: String, template: String) -> Result<String, Stop> {
    if to.is_empty() {
        return Err(Stop::Cancel("no address".into()));
    }
    Ok(format!("{template} to {to} by {}", mailer.by))
}

#[task]
async fn ping(to: String) -> anyhow::Result<usize> {
    anyhow::ensure!(!to.is_empty(), "nobody to ping");
    Ok(to.len())
}

#[derive(Debug, thiserror::Error)]
enum MailError {
    #[error("no such address")]
    NoSuchAddress,
    #[error("the server is busy")]
    Busy,
    #[error("no connection")]
    Io(#[from] std::io::Error),
}

impl Verdict for MailError {
    fn verdict(self) -> Stop {
        match self {
            Self::NoSuchAddress => Stop::Cancel(self.to_string()),
            Self::Busy => Stop::RetryAfter(Duration::from_secs(77), self.into()),
            Self::Io(_) => Stop::Retry(self.into()),
        }
    }
}

/// Knows nothing about tasks.
fn deliver(to: &str) -> Result<usize, MailError> {
    match to {
        "nobody" => Err(MailError::NoSuchAddress),
        "busy" => Err(MailError::Busy),
        to => Ok(std::fs::read(to)?.len()),
    }
}

#[task]
async fn write_to(to: String) -> Result<usize, MailError> {
    let bytes = deliver(&to)?;
    Ok(bytes)
}

#[task]
fn write_slowly_to(to: String) -> Result<(), MailError> {
    deliver(&to)?;
    Ok(())
}

#[derive(Task, Serialize, Deserialize)]
struct WriteTo {
    to: String,
}

impl Perform for WriteTo {
    type Output = usize;
    type Error = MailError;

    async fn perform(self, _: &Context) -> Result<usize, MailError> {
        deliver(&self.to)
    }
}

/// Blocking, with a context between the arguments, and an argument that was added later.
#[task(timeout = "5m", at_most_once)]
fn resize(path: PathBuf, cx: &Context, sizes: Vec<u32>, #[serde(default)] dpi: Option<u16>) -> Result<String, Stop> {
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    Ok(format!("{} to {sizes:?}, {dpi:?}, attempt {} of {}, {thread}", path.display(), cx.attempt(), cx.id()))
}

#[task(state(Vec<u8>))]
async fn tick(State(mailer): State<Mailer>) {
    std::hint::black_box(mailer.by);
}

/// Its arguments have names that are not identifiers, or that generated code uses.
#[task]
async fn odd(r#type: u8, #[serde(rename = "max-size", default)] max_size: u64, args: u8, cx: u8, item: u8) {
    std::hint::black_box((r#type, max_size, args, cx, item));
}

/// Has a plain secret, a secret in a list, and a secret that is a map.
#[task]
async fn log_in(user: String, password: Secret<String>, #[serde(default)] keys: Vec<Key>, door: Option<Secret<Door>>) {
    std::hint::black_box((user, password, keys, door));
}

/// Panics when it is read.
#[derive(Serialize)]
struct Fragile;

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("it broke")
    }
}

#[task]
async fn unpack(thing: Fragile) {
    std::hint::black_box(thing);
}

#[derive(Debug, Serialize, Deserialize)]
struct Key {
    name: String,
    pin: Secret<u16>,
}

#[derive(Serialize, Deserialize)]
enum Door {
    Codes(BTreeMap<String, u16>),
}

/// Enqueues itself.
#[task]
async fn countdown(n: u32) -> Result<(), celeriac::Error> {
    if n > 0 {
        countdown.delay(n - 1).await?;
    }
    Ok(())
}

#[derive(Debug, Default, PartialEq, Task, Serialize, Deserialize)]
#[task(name = "report.nightly", schedule = "cron(0 3 * * ? *)", timezone = "Europe/Berlin", catch_up = false)]
#[task(state(Mailer))]
struct NightlyReport {
    day: u32,
    #[serde(rename = "for")]
    reader: String,
}

impl Perform for NightlyReport {
    type Output = String;
    type Error = std::io::Error;

    async fn perform(self, cx: &Context) -> Result<String, std::io::Error> {
        Ok(format!("day {} for {:?} by {}", self.day, self.reader, cx.state::<Mailer>().by))
    }
}

/// Its arguments have names that only serde knows.
#[derive(Task, Serialize, Deserialize)]
#[task(name = "cased")]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Cased {
    first_name: String,
    #[serde(alias = "age", alias = "years")]
    age_in_years: u8,
    #[serde(skip)]
    cached: bool,
}

impl Perform for Cased {
    type Output = String;
    type Error = std::io::Error;

    async fn perform(self, _: &Context) -> Result<String, std::io::Error> {
        Ok(format!("{} is {}, {}", self.first_name, self.age_in_years, self.cached))
    }
}

/// Is read as another type.
#[derive(Clone, Task, Serialize, Deserialize)]
#[task(name = "from_wire")]
#[serde(from = "Wire", into = "Wire")]
struct FromWire {
    sum: u32,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    left: u32,
    right: u32,
}

impl From<Wire> for FromWire {
    fn from(wire: Wire) -> Self {
        Self { sum: wire.left + wire.right }
    }
}

impl From<FromWire> for Wire {
    fn from(task: FromWire) -> Self {
        Self { left: task.sum, right: 0 }
    }
}

impl Perform for FromWire {
    type Output = u32;
    type Error = std::io::Error;

    async fn perform(self, _: &Context) -> Result<u32, std::io::Error> {
        Ok(self.sum)
    }
}

fn task_of(name: &str) -> &'static TaskDef {
    Registry::linked().unwrap().get(name).unwrap()
}

fn states() -> States {
    let mut states = States::default();
    states.insert(Mailer { by: "pigeon" });
    states.insert(vec![7_u8]);
    states
}

/// Runs a task as a worker does.
async fn run(name: &str, args: Value) -> Result<Ended, String> {
    let def = task_of(name);
    let shared = Arc::new(Shared { states: states(), clock: Arc::new(SystemClock::new()) });
    let cx = Context::new(BatchId::new(1, 1).call(0), def.name, 3, def.options.timeout, &shared);
    let bytes = from_json(&args).unwrap();
    Ok(match def.body {
        Body::Async(body) => body(&bytes, cx)?.await,
        Body::Blocking(body) => {
            let job = body(&bytes, cx)?;
            std::thread::Builder::new().name("blocking".into()).spawn(job).unwrap().join().unwrap()
        }
    })
}

fn text(ended: Ended) -> String {
    decode_args(&ended.unwrap().unwrap()).unwrap()
}

#[test]
fn each_task_is_registered_by_its_name() {
    let registry = Registry::linked().unwrap();
    let names: Vec<_> = registry.iter().map(|def| def.name).collect();
    let expected = [
        "WriteTo",
        "cased",
        "countdown",
        "from_wire",
        "log_in",
        "mail.send",
        "odd",
        "ping",
        "report.nightly",
        "resize",
        "tick",
        "unpack",
        "write_slowly_to",
        "write_to",
    ];
    assert_eq!(names, expected);
    assert!(registry.get("send_email").is_none());
    assert!(std::ptr::eq(registry.get("send_mail").unwrap(), registry.get("mail.send").unwrap()));
    assert_eq!(task_of("ping").at.0, file!());
}

#[test]
fn options_are_those_given_and_else_the_defaults() {
    let mail = task_of("mail.send").options;
    let expected = celeriac::Options {
        alias: Some("send_mail"),
        retries: 5,
        backoff: (Duration::from_secs(2), Duration::from_mins(10)),
        timeout: Duration::from_secs(30),
        queue: "mail",
        concurrency: 500,
        has_concurrency: true,
        expires: Some(Duration::from_hours(2)),
        takes: Some(Duration::from_millis(80)),
        memory: Some(512),
        ..celeriac::Options::new()
    };
    assert_eq!(mail, expected);
    assert_eq!(task_of("ping").options, celeriac::Options::new());
    assert!(task_of("resize").options.at_most_once);
    let report = task_of("report.nightly").options;
    assert_eq!((report.schedule, report.timezone), (Some("cron(0 3 * * ? *)"), "Europe/Berlin"));
    assert!(!report.catch_up);
}

#[test]
fn arguments_have_their_names_in_queued_calls() {
    assert_eq!(task_of("mail.send").args, ["to", "template"]);
    assert_eq!(task_of("resize").args, ["path", "sizes", "dpi"]);
    assert_eq!(task_of("odd").args, ["type", "max-size", "args", "cx", "item"]);
    assert_eq!(task_of("report.nightly").args, ["day", "for"]);
    assert!(task_of("tick").args.is_empty());
    for def in Registry::linked().unwrap().iter() {
        let Fields::Named(read) = (def.fields)() else { panic!("{} is open", def.name) };
        assert!(def.arg_names().iter().all(|name| read.contains(name)), "{}: {read:?}", def.name);
    }
    assert_eq!(task_of("cased").arg_names(), ["FIRST-NAME", "AGE-IN-YEARS"]);
    assert_eq!(task_of("from_wire").arg_names(), ["left", "right"]);
}

#[test]
fn arguments_given_as_json_are_sent_as_the_task_sends_them() {
    let accept = |name: &str, args: Value| (task_of(name).accept)(&args);
    let cased = accept("cased", json!({ "FIRST-NAME": "ada", "age": 36 })).unwrap();
    assert_eq!(
        serde_json::to_value(Json::of(cased).unwrap()).unwrap(),
        json!({ "FIRST-NAME": "ada", "AGE-IN-YEARS": 36 })
    );
    assert_eq!(accept("report.nightly", json!({})), Ok(vec![0x80]));
    let wrong = accept("log_in", json!({ "user": "ada", "password": ["hunter2"] }));
    assert_eq!(wrong, Err("argument `password`: holds a secret that cannot be read".to_owned()));
}

#[tokio::test]
async fn an_async_task_runs_with_state() {
    let ended = run("mail.send", json!({ "to": "ada", "template": "welcome" })).await.unwrap();
    assert_eq!(text(ended), "welcome to ada by pigeon");
    assert!(run("tick", json!({})).await.unwrap().unwrap().is_none(), "`()` needs no result");
}

#[tokio::test]
async fn a_plain_function_is_blocking() {
    assert!(matches!(task_of("resize").body, Body::Blocking(_)));
    let ended = run("resize", json!({ "path": "a.png", "sizes": [16, 32], "dpi": 72 })).await.unwrap();
    let id = BatchId::new(1, 1).call(0);
    assert_eq!(text(ended), format!("a.png to [16, 32], Some(72), attempt 3 of {id}, blocking"));
}

#[tokio::test]
async fn an_error_is_a_verdict() {
    let cancelled = run("mail.send", json!({ "to": "", "template": "welcome" })).await.unwrap();
    assert!(matches!(cancelled, Err(Stop::Cancel(reason)) if reason == "no address"));
    let failed = run("ping", json!({ "to": "" })).await.unwrap();
    assert!(matches!(failed, Err(Stop::Retry(error)) if error.to_string() == "nobody to ping"));
}

#[test]
fn arguments_that_panic_when_they_are_read_are_said_to() {
    let bytes = from_json(&json!({ "thing": null })).unwrap();
    let said = (task_of("unpack").check)(&bytes).unwrap_err();
    assert!(said.starts_with("panicked while they were read") && said.ends_with(": it broke"), "{said}");
    assert!((task_of("unpack").show)(&bytes).is_none());
}

#[tokio::test]
async fn an_error_of_ones_own_says_what_it_means() {
    for task in ["write_to", "write_slowly_to", "WriteTo"] {
        let nobody = run(task, json!({ "to": "nobody" })).await.unwrap();
        assert!(matches!(nobody, Err(Stop::Cancel(reason)) if reason == "no such address"), "{task}");
        let busy = run(task, json!({ "to": "busy" })).await.unwrap();
        assert!(matches!(busy, Err(Stop::RetryAfter(after, _)) if after.as_secs() == 77), "{task}");
        let missing = run(task, json!({ "to": "/no/such/file" })).await.unwrap();
        assert!(matches!(missing, Err(Stop::Retry(error)) if error.to_string() == "no connection"), "{task}");
        assert!(run(task, json!({ "to": "/dev/null" })).await.unwrap().is_ok(), "{task}");
    }
}

/// Calls queued by an older program lack the arguments that were added since. Calls of a newer program have more.
#[tokio::test]
async fn calls_of_other_versions_are_read() {
    let ended = run("resize", json!({ "path": "a.png", "sizes": [] })).await.unwrap();
    assert!(text(ended).starts_with("a.png to [], None"));
    let ended = run("resize", json!({ "path": "a.png", "sizes": [], "dpi": 72, "crop": { "x": [1] } })).await.unwrap();
    assert!(text(ended).starts_with("a.png to [], Some(72)"));
}

#[tokio::test]
async fn a_wrong_argument_is_named() {
    for (name, args, said) in [
        ("mail.send", json!({ "to": "ada" }), "missing argument `template`"),
        ("mail.send", json!({}), "missing argument `to`"),
        (
            "mail.send",
            json!({ "to": "ada", "template": 5 }),
            "argument `template`: invalid type: integer `5`, expected a string",
        ),
        ("resize", json!({ "path": "a.png", "sizes": [16, "big"] }), "argument `sizes[1]`: invalid type: string"),
        (
            "resize",
            json!({ "path": "a.png", "sizes": [-1] }),
            "argument `sizes[0]`: invalid value: integer `-1`, expected u32",
        ),
        (
            "odd",
            json!({ "type": 300, "args": 0, "cx": 0, "item": 0 }),
            "argument `type`: invalid value: integer `300`, expected u8",
        ),
        ("tick", json!("now"), "invalid type, expected the arguments by name"),
        ("report.nightly", json!({ "day": 1 }), "missing argument `for`"),
    ] {
        let bytes = from_json(&args).unwrap();
        assert_eq!((task_of(name).check)(&bytes), Err(said.to_owned()), "{name} {args}");
        assert_eq!(run(name, args).await.map(drop), Err(said.to_owned()));
    }
    assert_eq!((task_of("ping").check)(&from_json(&json!({ "to": "ada" })).unwrap()), Ok(()));
    assert!((task_of("ping").check)(&[0xc1]).is_err());
}

#[test]
fn a_secret_is_not_in_what_is_said_of_it() {
    let key = Key { name: "cellar".to_owned(), pin: 1234.into() };
    assert_eq!(format!("{key:?}"), r#"Key { name: "cellar", pin: Secret(..) }"#);
    assert_eq!(*key.pin.reveal(), 1234);
    assert_eq!(Secret::<String>::from("hunter2").into_revealed(), "hunter2");

    let right = json!({ "user": "ada", "password": "hunter2" });
    for (wrong, said) in [
        (json!({ "password": ["hunter2"] }), "argument `password`: holds a secret that cannot be read"),
        (json!({ "password": 1_234_567 }), "argument `password`: holds a secret that cannot be read"),
        (json!({ "keys": [{ "name": "a", "pin": "hunter2" }] }), "argument `keys`: holds a secret that cannot be read"),
        (json!({ "door": { "hunter2": {} } }), "argument `door`: holds a secret that cannot be read"),
        (json!({ "door": { "Codes": { "hunter2": "x" } } }), "argument `door`: holds a secret that cannot be read"),
    ] {
        let mut args = right.clone();
        args.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        assert_eq!((task_of("log_in").check)(&from_json(&args).unwrap()), Err(said.to_owned()), "{args}");
    }
    let bare = (task_of("log_in").check)(&from_json(&json!("hunter2")).unwrap());
    assert_eq!(bare, Err("invalid type, expected the arguments by name".to_owned()));
}

#[test]
fn a_secret_is_sent_as_what_it_is_and_shown_as_one() {
    let args =
        json!({ "user": "ada", "password": "hunter2", "keys": [{ "name": "a", "pin": 1 }], "door": { "Codes": {} } });
    let sent = from_json(&args).unwrap();
    let read: <__task_log_in as Task>::Args = decode_args(&sent).unwrap();
    let mut again = Vec::new();
    celeriac_core::wire::encode_args(&read, &mut again).unwrap();
    assert_eq!(serde_json::to_value(Json::of(again).unwrap()).unwrap(), args);

    let def = task_of("log_in");
    let shown = json!({
        "user": "ada", "password": "(secret)", "keys": [{ "name": "a", "pin": "(secret)" }], "door": "(secret)"
    });
    let show = |def: &TaskDef, args: &[u8]| (def.show)(args).map(|shown| serde_json::to_value(shown).unwrap());
    assert_eq!(show(def, &sent), Some(shown));
    assert_eq!(show(def, &from_json(&json!({ "user": 1, "password": "hunter2" })).unwrap()), None);
    assert_eq!(show(def, &from_json(&json!({})).unwrap()), Some(json!({})));
    assert_eq!(show(task_of("ping"), &from_json(&json!({ "to": "ada" })).unwrap()), Some(json!({ "to": "ada" })));
}

/// A schedule passes no arguments.
#[tokio::test]
async fn a_scheduled_struct_without_arguments_is_the_default() {
    assert_eq!((task_of("report.nightly").check)(&from_json(&json!({})).unwrap()), Ok(()));
    assert_eq!(text(run("report.nightly", json!({})).await.unwrap()), "day 0 for \"\" by pigeon");
    let ended = run("report.nightly", json!({ "day": 3, "for": "ada" })).await.unwrap();
    assert_eq!(text(ended), "day 3 for \"ada\" by pigeon");
}

#[tokio::test]
async fn call_is_the_function_as_written() {
    let sent = send_email.call(State(Arc::new(Mailer { by: "hand" })), "ada".to_owned(), "welcome".to_owned()).await;
    assert_eq!(sent.unwrap(), "welcome to ada by hand");
    let error: anyhow::Error = ping.call(String::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "nobody to ping");
}

#[test]
fn two_tasks_of_one_name_are_an_error_that_says_where() {
    let twin = |line| -> &'static TaskDef {
        let def = task_of("ping");
        Box::leak(Box::new(TaskDef { name: "twin", at: ("src/mail.rs", line), options: def.options, ..*def }))
    };
    assert_eq!(
        Registry::new([twin(7), twin(3)]).unwrap_err().to_string(),
        "two tasks are named `twin`: src/mail.rs:3 and src/mail.rs:7; give one of them `#[task(name = \"..\")]`"
    );
}

#[test]
fn no_task_at_all_is_an_error_that_knows_the_linker() {
    assert_eq!(
        Registry::new([]).unwrap_err().to_string(),
        "no task is linked into this program: write `#[task]` on a function, and if your tasks live in another crate, \
         `use my_tasks as _;` in this one, or the linker drops them"
    );
}

#[test]
fn missing_state_is_an_error_for_each_task_that_asks_for_it() {
    let registry = Registry::linked().unwrap();
    registry.check(&states()).unwrap();
    let error = registry.check(&States::default()).unwrap_err().to_string();
    let said: BTreeMap<_, Vec<_>> = error.lines().fold(BTreeMap::new(), |mut said, line| {
        let task = line.split('`').nth(1).unwrap_or_default();
        said.entry(task).or_insert_with(Vec::new).push(line);
        said
    });
    let names: Vec<_> = said.iter().map(|(name, lines)| (*name, lines.len())).collect();
    assert_eq!(names, [("mail.send", 1), ("report.nightly", 1), ("tick", 2)]);
    let line = task_of("mail.send").at.1;
    assert_eq!(
        said["mail.send"],
        [format!(
            "task `mail.send` (tests/tasks.rs:{line}) asks for State<tasks::Mailer>, which was not provided: write \
             `app.state(..)` in the set-up given to celeriac::main!"
        )]
    );
}

#[cfg(feature = "embedded")]
mod calls {
    use std::path::Path;

    use celeriac::{Batch, Client, Handle};

    use super::*;

    /// Each way to call in the documentation, with the types inferred.
    #[tokio::test]
    async fn each_way_to_call_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let ports = celeriac::embedded::open(&folder.path().join("tasks.db")).unwrap();
        let client = Client::new(ports);
        client.scope(each_way(&client)).await.unwrap();
    }

    async fn each_way(client: &Client) -> Result<(), celeriac::Error> {
        let handle: Handle<String> = send_email.delay("ada@example.org", String::from("welcome")).await?;
        assert_eq!(client.status(handle.id()).await?.to_string(), "queued, with no worker yet");
        let later = send_email.apply("ada@example.org", "welcome").countdown(Duration::from_mins(1));
        later.queue("mail").unique("welcome:ada").on(client).send().await?;
        resize.delay("photo.png", vec![], None).await?;
        resize.delay(Path::new("photo.png"), vec![16], Some(72)).await?;
        tick.delay().await?;
        log_in.delay("ada", "hunter2", vec![], None).await?;
        countdown.call(1).await?;
        NightlyReport { day: 3, reader: "ada".into() }.delay().await?;

        // A future that is awaited later, elsewhere, borrows nothing.
        let address = String::from("ada@example.org");
        let delayed = ping.delay(&address);
        drop(address);
        tokio::spawn(delayed).await.unwrap()?;

        let people = [(String::from("ada"), 36), (String::from("alan"), 41)];
        let borrowed: Batch<String> = send_email.fan_out(people.iter().map(|(to, _)| (to, "spring"))).name("a").await?;
        let bare = ping.fan_out(["ada", "alan", "grace"]).await?;
        let inferred = resize.fan_out((16..20).map(|size| ("photo.png", vec![size], None))).await?;
        let streamed = send_email.fan_out(futures::stream::iter([("ada", "spring")])).await?;
        let structs = NightlyReport::fan_out((0..5).map(|day| NightlyReport { day, ..Default::default() })).await?;
        let empty = tick.fan_out([(), ()]).await?;
        let accepted = [borrowed.accepted(), bare.accepted(), inferred.accepted(), streamed.accepted()];
        assert_eq!(accepted, [2, 3, 4, 1]);
        assert_eq!([structs.accepted(), empty.accepted()], [5, 2]);
        Ok(())
    }
}
