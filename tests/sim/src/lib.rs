//! Client, dispatcher and worker as they are, on simulated hosts, while everything breaks that can break. A seed says
//! what is asked for, by whom, and what goes wrong; the same seed is the same run. Whatever happens, what is promised
//! has to hold.
//!
//! | word | what it is |
//! | --- | --- |
//! | `scenario` | what follows from a seed: hosts, work, weather |
//! | `site` | the hosts with the programs on them, started again when they die |
//! | `deployed` | the same programs as functions of Lambda, with mappings, reports and dead-letter queues |
//! | `work` | what the clients ask for, and what they are told |
//! | `tasks` | tasks whose calls do what their arguments say |
//! | `hands` | what programs have in memory, and how much of it they may |
//! | `facts` | what has happened, and what must never happen |
//! | `end` | what must be true when all is quiet |
//! | `case` | a run that can be named: a seed, and what is left out of it |
//! | `shrink` | finding the least that still goes wrong |
//! | `mutation` | ways to break the product on purpose, each of which has to be noticed |

mod audit;
mod case;
mod cut;
mod deployed;
mod end;
mod facts;
mod figures;
mod hands;
mod mutation;
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
pub use figures::figures;
pub use mutation::Mutation;
pub use run::{Report, run, run_case};
pub use shrink::{Shrunk, shrink};
pub use soak::{Soaked, soak};
pub use story::story;
