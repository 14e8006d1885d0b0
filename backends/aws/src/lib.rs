//! The AWS backend. SQS holds the messages, DynamoDB the ledger, EventBridge Scheduler messages due in more than a
//! quarter of an hour, S3 large values, and Lambda runs the workers.
//!
//! Everything in one deployment belongs to a *stack*, and all names follow from the stack's name ([`Stack`]). Clients
//! of the services are made at their first use, or by [`Backend::connect`]: a function that starts pays only for those
//! that it needs.
//!
//! It never creates resources: `deploy template` describes them, and the error for a missing resource names it.

mod bill;
mod brake;
mod bury;
mod capacity;
mod clients;
mod connect;
mod depth;
mod dynamo;
mod endurance;
mod estimate;
mod event;
mod fault;
mod functions;
mod health;
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
mod renew;
mod request_error;
mod resent;
mod send;
mod settings;
mod settle;
mod stack;
mod store;
mod text;
mod tick;

pub use bill::{Bill, Line};
pub use brake::Brake;
pub use clients::sdk_config;
pub use connect::Role;
pub use estimate::{Estimate, Limit};
pub use event::{Answer, Cause, Message, QueueEvent};
pub use functions::Functions;
pub use health::{Attempt, Health};
pub use holder::{holder, is_holder};
pub use invocation::{Payload, PayloadError};
pub use mapped::{Mapped, MappedEvent};
pub use meter::{Meter, Operation, Usage};
pub use open::{Backend, Options, open, open_with};
pub use outstanding::Outstanding;
pub use platform::{Minutes, Platform};
pub use prices::{PRICES, Prices};
pub use receive::{Incoming, Resolved, Taken};
pub use renew::renew;
pub use request_error::RequestError;
pub use settings::{DISPATCHER_MB, PROCESSOR_MB, Settings, SettingsError, WORKER_MB, is_role_path};
pub use stack::{QueueRole, Stack, StackError};
pub use store::SCHEME;
