//! What a host is started with.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{Faults, Function};

/// What a host is started with.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Where it listens. Defaults to a free port of 127.0.0.1.
    pub address: SocketAddr,
    /// Its threads. Defaults to 2.
    pub threads: usize,
    /// The functions that can be invoked.
    pub functions: Vec<Function>,
    /// What is invoked by any other name. Defaults to none: there is no such function then.
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

/// An event-source mapping: a queue's messages are pushed into a function. What the function does not name in
/// `batchItemFailures` is deleted; the others, and all after an error, reappear when they are not hidden any more.
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
