//! The dispatcher, which is the wide road: receives parcels, plans invocations from their headers, and launches workers
//! in parallel, up to a cap. It never decodes the arguments of a call and never deletes a message; the worker deletes
//! it once the parcel is finished.

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
