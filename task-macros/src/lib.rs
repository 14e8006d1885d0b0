//! The macros `#[task]` and `#[derive(Task)]` of Celeriac, to be used through the crate `celeriac`.
//!
//! Each is a pipeline: parse, validate, expand. Errors are collected and reported at once, and everything that can
//! still be emitted is, so that one mistake is one error. Generated code has no logic: it calls into
//! `celeriac::__private` and names nothing else of the crate.

mod errors;
mod expand;
mod function;
mod options;
mod owned;
mod structure;
mod wire_name;

use proc_macro::TokenStream;

/// Makes a function a task: a value with the function's name and the methods `delay`, `apply`, `fan_out` and `call`.
///
/// ```
/// use celeriac::{Context, State, Stop, task};
///
/// # struct Mailer;
/// # impl Mailer { async fn send(&self, _: &str, _: &str, _: &str) -> Result<(), std::io::Error> { Ok(()) } }
/// /// Sends one mail.
/// #[task(name = "mail.send", retries = 5, backoff = "2s..10m", timeout = "30s", queue = "mail")]
/// pub async fn send_email(mailer: State<Mailer>, cx: &Context, to: String, template: String) -> Result<(), Stop> {
///     if !to.contains('@') {
///         return Err(Stop::Cancel(format!("`{to}` is no address")));
///     }
///     Ok(mailer.send(&to, &template, &cx.idempotency_key()).await?)
/// }
///
/// # async fn handler(people: Vec<String>) -> Result<(), celeriac::Error> {
/// send_email.delay("ada@example.org", "welcome").await?;
/// send_email.fan_out(people.iter().map(|to| (to, "spring"))).name("spring").await?;
/// # Ok(())
/// # }
/// ```
///
/// - An `async fn` runs concurrently with others; a plain `fn` is blocking and runs on a thread. A plain `fn` calls
///   other tasks with `.delay(..).blocking_send()`, and runs any other future with
///   `tokio::runtime::Handle::current().block_on(..)`.
/// - Its **arguments** are sent and stored, so they are owned, have plain names, and types that are `Serialize` and
///   `DeserializeOwned`. For a `String`, `PathBuf`, `Box<str>`, `Arc<str>` or `Cow<'static, str>`, callers may pass
///   anything that converts with `Into`; other types are passed as they are. `#[serde(..)]` on an argument works as on
///   a field: with `#[serde(default)]` on a new argument, older queued calls still run.
/// - A parameter of type `State<T>` is a state provided at start-up, and one of type `&Context` is the running call.
///   Both are recognised by the last segment of their type's path, and neither is an argument.
/// - It **returns** any `T` that is `Serialize` and `DeserializeOwned`, or `Result<T, E>`, where `E` is any error, or
///   `Stop` to decide the fate of the call. An `Err` fails the call; anything else is its result.
/// - The **options** are the methods of `celeriac::Options`, each with its limits and default. `name` defaults to the
///   function's bare name, and `state(T, ..)` declares states that the body takes from its context.
/// - With a `schedule` it takes no arguments.
///
/// `call` runs the function in place, with its own signature.
///
/// The task is a `static` with the function's name. A parameter of a task may have the same name. Where the task is in
/// scope, a local variable or a parameter of another function cannot (error E0530: "let bindings cannot shadow
/// statics"). The cure is to keep tasks in a module and not to import them one by one:
///
/// ```
/// mod tasks {
///     #[celeriac::task]
///     pub async fn email(email: String) {
/// #       drop(email);
///     }
/// }
///
/// async fn sign_up(email: String) -> Result<(), celeriac::Error> {
///     tasks::email.delay(email).await?;
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn task(options: TokenStream, item: TokenStream) -> TokenStream {
    function::task(options.into(), &item.into()).into()
}

/// Makes a struct a task: its fields are the arguments, `impl Perform` is the body, and it has the methods `delay`,
/// `apply` and `fan_out`.
///
/// ```
/// use celeriac::{Context, Perform, Task};
/// use serde::{Deserialize, Serialize};
///
/// # struct Db;
/// #[derive(Task, Default, Serialize, Deserialize)]
/// #[task(name = "report.nightly", schedule = "cron(0 3 * * ? *)", timezone = "Europe/Berlin", state(Db))]
/// struct NightlyReport {
///     day: Option<u32>,
/// }
///
/// impl Perform for NightlyReport {
///     type Output = ();
///     type Error = std::io::Error;
///
///     async fn perform(self, cx: &Context) -> Result<(), std::io::Error> {
///         let db = cx.state::<Db>();
///         // ..
/// #       drop(db);
///         Ok(())
///     }
/// }
///
/// # async fn handler() -> Result<(), celeriac::Error> {
/// NightlyReport { day: Some(3) }.delay().await?;
/// # Ok(())
/// # }
/// ```
///
/// The options are those of `#[task]`. States that the body takes from its context are declared with `state(T, ..)`, so
/// that a program that does not provide them does not start. With a `schedule` the struct needs `Default`, which
/// supplies the fields of a scheduled run.
#[proc_macro_derive(Task, attributes(task))]
pub fn derive_task(item: TokenStream) -> TokenStream {
    structure::task(item.into()).into()
}
