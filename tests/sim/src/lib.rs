//! Runs the production client, dispatcher and worker on simulated hosts, while everything that can break breaks. A seed
//! decides the requests, the clients and the faults; the same seed gives the same run. Every promise must hold
//! throughout.
//!
//! | word | what it is |
//! | --- | --- |
//! | `scenario` | what follows from a seed: hosts, work, weather |
//! | `site` | the hosts with the programs on them, started again when they die |
//! | `deployed` | the same programs as functions of Lambda, with mappings, reports and dead-letter queues |
//! | `drill` | a fault of a deployment that lasts for days |
//! | `lanes` | what the lanes of a queue cost each other |
//! | `work` | the requests of clients, and the answers they get |
//! | `tasks` | tasks whose calls do what their arguments say |
//! | `hands` | what programs have in memory, and their limits |
//! | `facts` | observed facts and violations |
//! | `end` | the promises, checked at the end |
//! | `case` | the name of a run: a seed, and its cuts |
//! | `shrink` | finds the smallest run that still fails |
//! | `newer` | parcels of a version that old programs cannot read |
//! | `mutation` | ways to break the product on purpose, each of which has to be noticed |

mod audit;
mod case;
mod cut;
mod deployed;
mod drill;
mod end;
mod facts;
mod figures;
mod hands;
mod lanes;
mod mutation;
mod newer;
mod run;
mod scenario;
mod shrink;
mod site;
mod soak;
mod story;
mod tasks;
mod witness;
mod work;

pub use case::{Case, NoCase};
pub use cut::{Cut, NoCut};
pub use deployed::Broken;
pub use drill::{Drill, Drilled, Waited, drill};
pub use figures::figures;
pub use lanes::{Contest, Load, Shares, contest};
pub use mutation::Mutation;
pub use run::{Report, run, run_case};
pub use shrink::{Shrunk, shrink};
pub use soak::{Soaked, soak};
pub use story::story;
