//! How long and how dear very many calls are on AWS: the client, and the functions of dispatcher and worker as they are
//! deployed, in a simulation that has Lambda's, SQS's and DynamoDB's limits, latencies and prices. `just scale` writes docs/scale.md from it.
//!
//! | word | what it is |
//! | --- | --- |
//! | `limits` | what AWS grants and how long it takes: all that the models know |
//! | `aws` | the capacity that all programs of a run share, and the count of what they asked |
//! | `queue`, `ledger` | SQS and DynamoDB between a program and the simulated services |
//! | `platform` | what the launcher of workers reaches: Invokes, and the item that counts what is outstanding |
//! | `function`, `mapping`, `event` | Lambda: environments, the mapping of a queue, the JSON of its events |
//! | `mail` | the calls, which sleep on the simulated clock and do nothing else |
//! | `run` | one run, and what came of it |
//! | `rivals` | other ways, as arithmetic under the same limits |
//! | `search` | the planner's choice beside the best that is found |
//! | `plot`, `page` | drawings and tables |

mod aws;
mod bucket;
mod event;
mod function;
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

pub use mail::Started;
pub use page::{Runs, write};
pub use plot::Failed;
pub use rivals::{Rival, all as rivals};
pub use run::{Length, Outcome, Setup, run};
pub use search::{Cut, Found, search};
