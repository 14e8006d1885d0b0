//! The options of a host.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{Faults, Function};

/// The options of a host.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Where it listens. Defaults to a free port of 127.0.0.1.
    pub address: SocketAddr,
    /// Its threads. Defaults to 2.
    pub threads: usize,
    /// The functions that can be invoked.
    pub functions: Vec<Function>,
    /// The function for any other name. Defaults to none, so that other names are refused.
    pub any: Option<Function>,
    /// The queues that exist.
    pub queues: Vec<String>,
    /// How long a received message is hidden where the request does not say, in seconds. Defaults to 30.
    pub visibility_s: u64,
    /// Which queues push their messages into functions.
    pub mappings: Vec<Mapping>,
    /// Latency and faults of Invokes.
    pub faults: Faults,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            threads: 2,
            functions: Vec::new(),
            any: None,
            queues: Vec::new(),
            visibility_s: 30,
            mappings: Vec::new(),
            faults: Faults::default(),
        }
    }
}

/// An event-source mapping: pushes a queue's messages into a function. It deletes messages that the function does not
/// name in `batchItemFailures`. The others, and all after an error, reappear when they are no longer hidden.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The queue.
    pub queue: String,
    /// The function.
    pub function: String,
    /// The most messages of one event, at most 10.
    pub batch: usize,
    /// The most events at a time.
    pub concurrency: usize,
}
