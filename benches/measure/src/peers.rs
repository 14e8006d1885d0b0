//! Runs the peers' own scripts in the same run, if `PEERS_DIR` says where they are.

use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Calls per second of each peer that could be run, by what was measured.
pub type Peers = BTreeMap<String, f64>;

/// Runs the peers, if there are any: `script` prints one JSON object a line, with `peer` and `per_second`.
///
/// # Errors
/// The script fails.
pub fn run_peers(script: impl AsRef<Path>, args: &[&str]) -> Result<Peers> {
    let script = script.as_ref();
    let Ok(folder) = std::env::var("PEERS_DIR") else {
        eprintln!("no peers: set PEERS_DIR to hold the figures against them (benches/peers/README.md)");
        return Ok(Peers::new());
    };
    let output = Command::new("bash").arg(script).args(args).env("PEERS_DIR", folder).output();
    let output = output.context("running the peers")?;
    if !output.status.success() {
        bail!("{} failed: {}", script.display(), String::from_utf8_lossy(&output.stderr));
    }
    let mut peers = Peers::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        if let (Some(peer), Some(per_second)) = (line["peer"].as_str(), line["per_second"].as_f64()) {
            peers.insert(peer.to_owned(), per_second);
        }
    }
    Ok(peers)
}
