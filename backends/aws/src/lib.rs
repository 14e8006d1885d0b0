//! The AWS backend: SQS holds the messages, DynamoDB the ledger, EventBridge Scheduler what is due in more than a
//! quarter of an hour, S3 what is too large elsewhere, and Lambda runs the workers.
//!
//! Everything of one deployment belongs to a *stack*, whose name all other names follow from ([`Stack`]). Clients of
//! the services are made when they are first used: a function that starts pays for those that it needs.
//!
//! It refuses to create anything: `deploy template` writes what there has to be, and what is missing is an error that
//! names it.

mod bill;
mod bury;
mod capacity;
mod clients;
mod depth;
mod dynamo;
mod estimate;
mod event;
mod fault;
mod functions;
mod holder;
mod invocation;
mod later;
mod lookup;
mod mapped;
mod meter;
#[cfg_attr(not(feature = "s3"), path = "no_objects.rs")]
mod objects;
mod open;
mod outstanding;
mod platform;
mod poll;
mod prices;
mod queue;
mod reactor;
mod receive;
mod send;
mod settings;
mod settle;
mod stack;
mod store;
mod text;
mod tick;

pub use bill::{Bill, Line};
pub use estimate::{Estimate, Limit};
pub use event::{Answer, Cause, Message, QueueEvent};
pub use functions::Functions;
pub use holder::{holder, is_holder};
pub use invocation::{Payload, PayloadError};
pub use mapped::Mapped;
pub use meter::{Meter, Operation, Usage};
pub use open::{Backend, Options, open, open_with};
pub use outstanding::Outstanding;
pub use platform::{Minutes, Platform};
pub use prices::{PRICES, Prices};
pub use receive::{Incoming, Resolved, Taken};
pub use settings::{Settings, SettingsError};
pub use stack::{QueueRole, Stack, StackError};
pub use store::SCHEME;
