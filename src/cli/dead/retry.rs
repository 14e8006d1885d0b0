//! `dead retry`.

use clap::Args;
use serde::Serialize;

use super::{
    super::{exit::Failure, print, session::Session},
    select::Select,
};

/// Sends dead letters again, under their ids and with all of their attempts anew
///
/// Sent before they are forgotten: a call is never lost between the two.
#[derive(Debug, Args)]
pub(super) struct Retry {
    #[command(flatten)]
    select: Select,
}

#[derive(Serialize)]
struct Answer {
    retried: u64,
    missing: Vec<String>,
}

impl Retry {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let client = session.client()?;
        let letters = &*client.ports().dead_letters;
        let client = &client;
        let selected = self.select.each(letters, |page| async move { Ok(client.retry_dead(&page).await?) }).await?;
        if session.json() {
            let missing = selected.missing.iter().map(ToString::to_string).collect();
            print::write_json(&Answer { retried: selected.count, missing })?;
        } else {
            print::write(&format!("sent {} again\n", print::count(selected.count, "call")))?;
        }
        selected.complete()
    }
}
