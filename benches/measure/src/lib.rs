//! What the benchmarks share. A figure is measured in processes of its own (a [`Child`] is the benchmark again, in one of
//! its modes), three times over, and printed as one JSON line with what it is held against. Dev only.

mod child;
mod figure;
mod payload;
mod peers;
mod watch;

pub use child::{Child, spawn, spawn_with};
pub use figure::{ROUNDS, median, print};
pub use payload::payload;
pub use peers::{Peers, run_peers};
pub use watch::{Watch, cpu, peak_mb, percentile};
