//! Real processes on one file: workers and producers that are killed, frozen, robbed of their disk and misled by their
//! clocks, at moments drawn from a seed. Whatever happens, what is promised has to hold.
//!
//! | word | what it is |
//! | --- | --- |
//! | `roles` | what the processes do: `tasks` and `requests` |
//! | `witness` | what calls and producers write down outside of the database; `record` reads it |
//! | `site` | the processes of one file, and what is done to them |
//! | `torment` | a round of kills and freezes |
//! | `observer` | looks which calls are recorded while everything runs |
//! | `facts`, `audit` | what was seen, put together, and what must be true when all is quiet |

#![allow(clippy::missing_panics_doc, reason = "whatever cannot be ends the test that runs into it")]

pub mod audit;
pub mod disk;
pub mod facts;
mod figures;
pub mod journal;
pub mod moment;
pub mod observer;
pub mod record;
pub mod requests;
pub mod roles;
pub mod shim;
pub mod site;
pub mod snapshot;
mod soak;
pub mod tasks;
pub mod torment;
pub mod witness;

pub use figures::Figures;
pub use soak::soak;
