//! Observes from outside, while everything runs, which calls are recorded: they must not run again from then on.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
};

use anyhow::Result;
use celeriac::{CallStatus, Client, TaskId, embedded};
use celeriac_core::wire::decode_args;
use tokio::runtime::{Builder, Runtime};

use crate::{
    record::{How, Record, What},
    witness::now_us,
};

/// The recorded data of a call.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The latest time of its recording.
    pub at_us: u64,
    /// Its final state.
    pub status: CallStatus,
    /// Its result.
    pub result: Option<String>,
}

/// Looks up calls that have ended.
pub struct Observer {
    client: Client,
    runtime: Runtime,
    record: Record,
    /// Calls that have ended and are not known to be recorded.
    ended: VecDeque<TaskId>,
    /// Calls that are known to be recorded.
    pub observed: BTreeMap<TaskId, Observed>,
}

impl Observer {
    /// An observer of a file, and of the record in `log`.
    pub fn new(database: &Path, log: &Path) -> Result<Self> {
        let client = Client::new(embedded::open(database)?);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { client, runtime, record: Record::new(log), ended: VecDeque::new(), observed: BTreeMap::new() })
    }

    /// Looks at some calls.
    pub fn look(&mut self, calls: usize) -> Result<()> {
        let ended = self.record.refresh().iter().filter_map(|event| match event.what {
            What::Ended { call, how: How::Well | How::Failed, .. } => Some(call),
            _ => None,
        });
        self.ended.extend(ended);
        for _ in 0..calls.min(self.ended.len()) {
            let Some(call) = self.ended.pop_front() else { break };
            if self.observed.contains_key(&call) {
                continue;
            }
            let status = self.runtime.block_on(self.client.status(call))?;
            if !status.is_final() {
                self.ended.push_back(call);
                continue;
            }
            let result = self.runtime.block_on(self.client.ports().ledger.result_of(call))?;
            let result = result.and_then(|bytes| decode_args(&bytes).ok());
            self.observed.insert(call, Observed { at_us: now_us(), status, result });
        }
        Ok(())
    }

    /// All notes so far.
    pub fn record(&mut self) -> &Record {
        self.record.refresh();
        &self.record
    }
}
