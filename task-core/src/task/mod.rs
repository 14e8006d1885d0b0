//! Tasks: the traits that the macros implement, a task's return values, and the parameters it may ask for.

#[doc(hidden)]
pub mod arguments;
mod context;
mod def;
#[doc(hidden)]
pub mod fields;
mod options;
mod outcome;
mod registry;
mod secret;
mod state;
mod stop;
mod traits;
mod verdict;

pub use crate::duration::{duration_text, parse_duration};
pub use context::{Context, Shared};
pub use def::{Body, Job, TaskDef};
pub use fields::Fields;
pub use options::Options;
pub use outcome::{Ended, Outcome};
#[doc(hidden)]
pub use outcome::{Plain, Shape};
pub use registry::{Registry, RegistryError};
pub use secret::Secret;
pub use state::{State, States, state_key};
pub use stop::{Stop, chain};
pub use traits::{Data, Perform, Takes, Task};
pub use verdict::{Returned, Unjudged, Verdict};
