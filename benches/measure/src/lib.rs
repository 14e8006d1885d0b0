//! Shared code of the benchmarks. A figure is measured in its own processes (a [`Child`] is the benchmark again, in one
//! of its modes), three times over, and printed as one JSON line with its comparison. Dev only.

mod child;
mod figure;
mod payload;
mod peers;
mod watch;

pub use child::{Child, spawn, spawn_with};
pub use figure::{ROUNDS, median, print};
pub use payload::payload;
pub use peers::{Peers, run_peers};
pub use watch::{Watch, cpu, monotonic_us, peak_mb, percentile, wake_ups};
