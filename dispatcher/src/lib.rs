//! The dispatcher, through which parcels on the wide road reach workers: it receives parcels, plans invocations from
//! their headers, and launches workers in parallel, up to a cap. It never decodes the arguments of a call. It deletes no
//! message: the worker does, once the parcel is finished. (The handler of dead-letter queues on AWS also deletes
//! messages. It is in the backend for functions, not in this crate.)

mod dispatcher;
mod launch;
mod launches;
mod options;
mod patient;
mod plan;

pub use dispatcher::Dispatcher;
pub use launch::Launched;
pub use options::DispatcherOptions;
pub use patient::PATIENCE;
pub use plan::{LaunchPlan, plan};
