//! The wide road: receives parcels, plans invocations from their headers, and launches workers in parallel, as many
//! as may be outstanding. It never decodes the arguments of a call, and never deletes a message: that is the
//! worker's, once the parcel is finished.

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
