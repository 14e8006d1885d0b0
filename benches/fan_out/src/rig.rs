//! Client, dispatcher and host, and one run of calls through them.

use anyhow::{Context as _, Result};
use measure::{Child, spawn_with};
use serde_json::Value;

/// How long an Invoke takes, in milliseconds.
pub(crate) const LATENCY_MS: u64 = 100;

/// The host takes any credentials, but the SDKs have to find some.
const ENV: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "bench"), ("AWS_SECRET_ACCESS_KEY", "bench")];

/// How the workers handle a parcel.
#[derive(Clone, Copy)]
pub(crate) enum Workers {
    /// Open it.
    Open,
    /// Read its header only, since workers elsewhere would not use this machine's two processors.
    Count,
}

/// The host alone.
pub(crate) struct Stage {
    host: Child,
    url: String,
}

/// Host, dispatcher and client.
pub(crate) struct Rig {
    stage: Stage,
    dispatcher: Child,
    client: Child,
}

/// The readings of one run, in milliseconds unless stated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// From `fan_out` to the last Invoke accepted.
    pub(crate) accepted_ms: f64,
    /// From the first message received to the last Invoke accepted.
    pub(crate) forwarded_ms: f64,
    /// From `fan_out` to the last call started.
    pub(crate) started_ms: f64,
    /// The dispatcher's processor time, in seconds.
    pub(crate) dispatcher_cpu_s: f64,
    /// The dispatcher's peak memory, in megabytes.
    pub(crate) dispatcher_mb: f64,
    /// Invokes.
    pub(crate) invokes: f64,
    /// Billed units of the requests of client and dispatcher.
    pub(crate) units: f64,
}

impl Stage {
    pub(crate) fn new(workers: Workers) -> Result<Self> {
        let workers = match workers {
            Workers::Open => "opens",
            Workers::Count => "counts",
        };
        let mut host = spawn_with(&ENV, ["host", &LATENCY_MS.to_string(), workers])?;
        let url = host.hear()?["url"].as_str().context("no address")?.to_owned();
        Ok(Self { host, url })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Starts a child that makes this many Invokes in this mode.
    pub(crate) fn spawn(&self, mode: &str, calls: u64) -> Result<Child> {
        spawn_with(&ENV, [mode, &self.url, &calls.to_string()])
    }
}

impl Rig {
    /// Starts new processes and warms each up with one call.
    pub(crate) fn new(workers: Workers) -> Result<Self> {
        let stage = Stage::new(workers)?;
        let mut dispatcher = spawn_with(&ENV, ["dispatch", stage.url()])?;
        dispatcher.hear()?;
        let mut client = spawn_with(&ENV, ["client", stage.url()])?;
        client.hear()?;
        let mut rig = Self { stage, dispatcher, client };
        rig.run("packed", 1, 100)?;
        Ok(rig)
    }

    /// Makes calls with arguments of this many bytes, and measures from `fan_out` to the last call started.
    pub(crate) fn run(&mut self, mode: &str, calls: u64, bytes: usize) -> Result<Run> {
        self.stage.host.ask("reset")?;
        self.dispatcher.ask("reset")?;
        let client = self.client.ask(&format!("{mode} {calls} {bytes}"))?;
        let host = self.stage.host.ask(&format!("calls {calls}"))?;
        let dispatcher = self.dispatcher.ask("readings")?;
        let from_ns = number(&client["from_ns"])?;
        let accepted_ns = number(&host["accepted"]["last_ns"])?;
        Ok(Run {
            accepted_ms: (accepted_ns - from_ns) / 1e6,
            forwarded_ms: (accepted_ns - number(&host["received"]["first_ns"])?) / 1e6,
            started_ms: (number(&host["last_call_ns"])? - from_ns) / 1e6,
            dispatcher_cpu_s: number(&dispatcher["cpu"])?,
            dispatcher_mb: number(&dispatcher["peak_mb"])?,
            invokes: number(&host["invokes"])?,
            units: number(&client["units"])? + number(&dispatcher["units"])?,
        })
    }
}

/// A reading.
pub(crate) fn number(value: &Value) -> Result<f64> {
    value.as_f64().context("no reading")
}
