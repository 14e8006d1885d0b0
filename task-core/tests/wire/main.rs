//! Tests the wire form through its public interface: values survive a round trip, faults are refused in fixed memory,
//! and the bytes are those of `docs/wire-format.md`, which another language reads and writes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod arguments;
mod children;
mod damage;
mod parcels;
mod raw;
mod round_trip;
mod vectors;
