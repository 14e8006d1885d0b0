//! The bodies of the fuzz targets. Each gives bytes to one reader of foreign bytes, uses the result as the program
//! would, and asserts its invariants. None may panic, hang, or take more than 64 MB.

pub mod arguments;
pub mod parcel;
#[cfg(feature = "aws")]
pub mod payload;
pub mod rows;
pub mod schedule;

/// A reader of foreign bytes.
pub struct Target {
    /// The name of the target, and of the folder of its corpus.
    pub name: &'static str,
    /// Reads.
    pub run: fn(&[u8]),
    /// Valid inputs, or nearly valid ones: the fuzzer's first inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const ALL: &[Target] = &[
    Target { name: "parcel", run: parcel::run, seeds: parcel::seeds },
    Target { name: "arguments", run: arguments::run, seeds: arguments::seeds },
    Target { name: "rows", run: rows::run, seeds: rows::seeds },
    Target { name: "schedule", run: schedule::run, seeds: schedule::seeds },
    #[cfg(feature = "aws")]
    Target { name: "payload", run: payload::run, seeds: payload::seeds },
];
