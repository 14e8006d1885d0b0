//! Gives each reader crafted inputs of the largest allowed size: none takes more than 64 MiB besides them, apart from
//! what a task keeps of its arguments. A fuzzer's inputs are too small for this. `cargo test --test heavy --
//! --nocapture` prints the memory of each.
//!
//! | reader | what bounds its input |
//! | --- | --- |
//! | a parcel | 256 KiB as a message, 15 MiB from a bucket; 16 MiB of body once it is unpacked ([`MAX_BODY_BYTES`]) |
//! | arguments, a result | they were in a body. Small values: a fifth of it, since they are many |
//! | a row of the ledger | a file's may have any size; here as much as a body |
//! | a pattern of a schedule | a program's own text |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod arguments;
mod json;
mod pack;
mod parcel;
#[allow(dead_code, reason = "what other tests need")]
#[path = "../wire/parcels.rs"]
mod parcels;
mod peak;
#[allow(dead_code, reason = "what other tests need")]
#[path = "../wire/raw.rs"]
mod raw;
mod rows;
mod schedule;

use celeriac_core::wire::MAX_BODY_BYTES;

/// The room in a body for one argument.
const ROOM: usize = MAX_BODY_BYTES - 1024;
