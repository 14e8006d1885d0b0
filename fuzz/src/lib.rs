//! Shared code of the fuzz targets: their bodies, which `tests/hostile.rs` replays on a stable compiler, and the memory
//! limit for each input.

pub mod targets;

use std::alloc::System;

use cap::Cap;

/// The most memory that may be asked for: 64 MB, and beside it what serde asks for when nested lists and maps claim to
/// have thousands of values, one megabyte in each of 127 levels. That is never touched, so that what is used stays below
/// the fuzzer's `-rss_limit_mb`.
const MEMORY: usize = (64 + 127) << 20;

/// Refuses more memory, which ends the process: the fuzzer keeps the input.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, MEMORY);
