//! `queue purge`: ends the calls that wait in a queue.

use celeriac_core::ports::Depth;
use clap::Args;
use serde::Serialize;

use super::{
    super::{
        confirm::Confirm,
        exit::Failure,
        print::{self, count},
        session::Session,
    },
    unknown,
};

/// Ends the calls that wait in a queue without running them. They become dead letters, which `dead retry` sends again
///
/// Calls that are running, that wait for their time, or that are sent meanwhile are left.
#[derive(Debug, Args)]
pub(super) struct Purge {
    /// The queue
    #[arg(value_name = "QUEUE")]
    queue: String,

    #[command(flatten)]
    confirm: Confirm,
}

#[derive(Serialize)]
struct Answer {
    queue: String,
    /// `None` with `--dry-run`: only the parcels themselves say how many calls they have.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<u64>,
    parcels: u64,
    running: u64,
    delayed: u64,
    /// `None` with `--dry-run`, which reads no parcel.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

impl Purge {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let client = session.client()?;
        let Self { queue, confirm } = self;
        let depth = client.ports().queue.depths().await?.into_iter().find(|depth| *depth.queue == *queue);
        let Some(Depth { ready, in_flight, delayed, .. }) = depth else { return Err(unknown(&queue)) };
        if confirm.dry_run {
            if session.json() {
                let (calls, unreadable) = (None, None);
                let (parcels, running) = (ready, in_flight);
                let answer = Answer { queue, calls, parcels, running, delayed, unreadable, dry_run: true };
                return print::write_json(&answer);
            }
            let left = left(in_flight, delayed, 0);
            return print::write(&format!("would end the calls of {}{left}\n", count(ready, "parcel")));
        }
        confirm.ask(&format!("end all calls that wait in queue `{queue}`"))?;
        let purged = client.purge(&queue).await?;
        if session.json() {
            return print::write_json(&Answer {
                queue,
                calls: Some(purged.calls),
                parcels: purged.parcels,
                running: purged.running,
                delayed,
                unreadable: Some(purged.unreadable),
                dry_run: false,
            });
        }
        print::write(&format!(
            "ended {} of {}{}\n",
            count(purged.calls, "call"),
            count(purged.parcels, "parcel"),
            left(purged.running, delayed, purged.unreadable),
        ))
    }
}

/// Says which parcels were left, if any.
fn left(running: u64, delayed: u64, unreadable: u64) -> String {
    let kinds = [(running, "running"), (delayed, "waiting for their time"), (unreadable, "unreadable")];
    let left: Vec<_> =
        kinds.iter().filter(|(number, _)| *number > 0).map(|(number, why)| format!("{number} {why}")).collect();
    if left.is_empty() { String::new() } else { format!("; left: {}", left.join(", ")) }
}
