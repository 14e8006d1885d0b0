//! The bodies of the fuzz targets. Each gives bytes to one reader of foreign bytes, goes on with what it reads as the
//! program would, and asserts what has to hold of it. None may panic, hang, or take more than 64 MB.

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
    /// What is right, or nearly: what a fuzzer starts from.
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
