//! Estimates time and price of very many calls on AWS: the client, and the deployed functions of dispatcher and worker,
//! in a simulation with the limits, latencies and prices of Lambda, SQS and DynamoDB. `just scale` writes docs/scale.md
//! from it.
//!
//! | word | what it is |
//! | --- | --- |
//! | `limits` | the limits and latencies of AWS, for all models |
//! | `aws` | the capacity that all programs of a run share, and the count of their requests |
//! | `queue`, `ledger` | SQS and DynamoDB between a program and the simulated services |
//! | `platform` | the launcher's targets: Invokes, and the items that count outstanding invocations |
//! | `function`, `mapping`, `event` | Lambda: environments, the mapping of a queue, the JSON of its events |
//! | `launches` | how many invocations a second the count lets through |
//! | `mail` | the calls, which sleep on the simulated clock and do nothing else |
//! | `run` | one run, and its results |
//! | `rivals` | other ways, computed under the same limits |
//! | `search` | the planner's choice beside the best one found |
//! | `plot`, `page` | drawings and tables |

mod aws;
mod bucket;
mod event;
mod function;
mod launches;
mod ledger;
pub mod limits;
mod mail;
mod mapping;
mod page;
mod platform;
mod plot;
mod queue;
mod rivals;
mod run;
mod search;

pub use launches::{Launches, launches};
pub use mail::Started;
pub use page::{Runs, write};
pub use plot::Failed;
pub use rivals::{Rival, all as rivals};
pub use run::{Length, Outcome, Setup, run};
pub use search::{Cut, Found, search};
