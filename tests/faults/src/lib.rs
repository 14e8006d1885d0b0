//! Real processes on one file: workers and producers that are killed, frozen, get a full disk and wrong clocks, at
//! moments drawn from a seed. Every promise must hold throughout.
//!
//! | word | what it is |
//! | --- | --- |
//! | `roles` | the work of the processes: `tasks` and `requests` |
//! | `witness` | the notes of calls and producers outside of the database; `record` reads them |
//! | `site` | the processes of one file, and the blows to them |
//! | `torment` | a round of kills and freezes |
//! | `observer` | finds out which calls are recorded while everything runs |
//! | `facts`, `audit` | the combined observations, and the promises checked at the end |

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
