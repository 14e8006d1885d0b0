//! A task queue without servers: mark a function as a task, call it with `.delay(..)`, and it runs: retried, timed and
//! recorded, in any process that shares one SQLite file.
//!
#![cfg_attr(feature = "embedded", doc = "```standalone_crate")]
#![cfg_attr(not(feature = "embedded"), doc = "```ignore")]
//! use std::time::Duration;
//!
//! use celeriac::{App, BoxError, State, task};
//!
//! /// What all calls share.
//! struct Mailer {
//!     from: String,
//! }
//!
//! #[task(retries = 5, backoff = "2s..10m", timeout = "30s", queue = "mail")]
//! async fn send_email(mailer: State<Mailer>, to: String) -> Result<String, std::io::Error> {
//!     Ok(format!("{} writes to {to}", mailer.from))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), BoxError> {
//!     let app = App::default().state(Mailer { from: "hello@example.org".to_owned() });
//!     # let folder = tempfile::tempdir()?;
//!     # let app = app.store(format!("sqlite:{}", folder.path().join("celeriac.db").display()));
//!     let running = app.start().await?; // dispatcher, workers and schedules, in this process
//!
//!     let call = send_email.delay("ada@example.org").await?; // accepted: on the disk, it will run
//!     assert_eq!(call.get(Duration::from_secs(30)).await?, "hello@example.org writes to ada@example.org");
//!
//!     let people = ["ada@example.org", "grace@example.org"];
//!     let campaign = send_email.fan_out(people).name("spring").await?; // any iterator or stream
//!     assert_eq!(campaign.wait(Duration::from_secs(30)).await?.succeeded, 2);
//!
//!     running.stop().await;
//!     Ok(())
//! }
//! ```
//!
//! [`task`] makes a function a task, [`Task`](derive@Task) a struct. [`App`] holds the states that tasks share and
//! how queues are served. [`main!`] turns them into one program: worker, scheduler and operator's tool. A [`Client`]
//! sends calls and returns a [`Handle`] or a [`Batch`], which report progress. With [`Stop`] a task says what its
//! failure means, and with [`Verdict`] an error type of yours does.
//!
//! # Features
//! | feature | default | what it brings |
//! | --- | --- | --- |
//! | `embedded` | yes | the store on one SQLite file, `sqlite:` |
//! | `cli` | yes | [`main!`]: every role and the operator's commands in one binary |
//! | `memory` | no | the store in memory, `memory:`, for tests |
//! | `aws` | no | everything for AWS: the four below |
//! | `aws-client` | no | the store on SQS and DynamoDB, `aws:`: enough for a server that only sends calls |
//! | `s3` | no | large arguments and results are stored in the stack's bucket |
//! | `apply` | no | for people on `aws:`: the commands `deploy apply`, `deploy check` and `deploy rollback`, which talk to AWS |
//! | `sso` | no | for people on `aws:`: credentials of IAM Identity Center, as `aws sso login` leaves them |
//! | `login` | no | for people on `aws:`: credentials of the console's sign-in, as `aws login` leaves them |
//! | `lambda` | no | the program as the stack's Lambda functions |
//! | `deploy` | no | with `cli`, the command `deploy`: writes a stack's template and its functions' zip |
//!
//! A crate that only defines tasks needs none of them: `celeriac = { version = "0.1", default-features = false }`.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod app;
#[cfg(feature = "aws-client")]
pub mod aws;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(all(feature = "deploy", feature = "cli"))]
mod deploy;
mod host;
#[cfg(all(feature = "lambda", feature = "cli"))]
mod lambda;
#[cfg(feature = "cli")]
mod logging;
#[cfg(feature = "cli")]
mod main_macro;
#[cfg(doctest)]
mod pages;
#[cfg(feature = "cli")]
mod stderr;
mod store;
mod sweep;

pub use app::{App, Road};
pub use bytes::Bytes;
pub use celeriac_core::{
    Lane,
    client::{
        Batch, Call, CallOptions, CallStatus, Client, Delay, Entered, Error, FanOut, Handle, Progress, Purged, Source,
        Unsent,
    },
    id::{BatchId, TaskId},
    planner::Plan,
    ports::{BatchRecord, BoxError, DeadLetter, DeadQuery, Failure, PortError, Ports, Reason, Tally},
    printable,
    scheduler::SchedulesError,
    store::{STORE_VARIABLE, StoreError, StoreUrl},
    task::{
        Context, Data, Options, Outcome, Perform, Registry, RegistryError, Secret, State, States, Stop, Takes, Task,
        TaskDef, Verdict, parse_duration,
    },
};
#[cfg(feature = "embedded")]
pub use celeriac_embedded as embedded;
pub use celeriac_macros::{Task, task};
#[cfg(feature = "memory")]
pub use celeriac_memory as memory;
pub use host::{Running, StartError};
/// Points in time and time zones, in the version that this crate uses.
pub use jiff;
