//! `dead drop`.

use celeriac_core::ports::Removal;
use clap::Args;
use serde::Serialize;

use super::{
    super::{exit::Failure, print, session::Session},
    select::Select,
};

/// Forgets dead letters for good. Their batch goes on counting them as dead
#[derive(Debug, Args)]
pub(super) struct Drop {
    #[command(flatten)]
    select: Select,
}

#[derive(Serialize)]
struct Answer {
    dropped: u64,
    missing: Vec<String>,
}

impl Drop {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let ports = session.ports()?;
        let letters = &*ports.dead_letters;
        let selected = self
            .select
            .each(letters, |page| async move {
                let page = page.into_iter().map(|letter| (letter.id, letter.died_ms)).collect();
                Ok(letters.remove(page, Removal::Dropped).await?)
            })
            .await?;
        if session.json() {
            let missing = selected.missing.iter().map(ToString::to_string).collect();
            print::write_json(&Answer { dropped: selected.count, missing })?;
        } else {
            print::write(&format!("dropped {}\n", print::count(selected.count, "dead letter")))?;
        }
        selected.complete()
    }
}
