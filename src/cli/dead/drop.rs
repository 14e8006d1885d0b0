//! `dead drop`: removes dead letters for good.

use celeriac_core::ports::Removal;
use clap::Args;
use serde::Serialize;

use super::{
    super::{confirm::Confirm, exit::Failure, print, session::Session},
    select::Select,
};

/// Removes dead letters for good. Their batch still counts them as dead
#[derive(Debug, Args)]
pub(super) struct Drop {
    #[command(flatten)]
    select: Select,

    #[command(flatten)]
    confirm: Confirm,
}

#[derive(Serialize)]
struct Answer {
    dropped: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
    missing: Vec<String>,
}

impl Drop {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let ports = session.ports()?;
        let letters = &*ports.dead_letters;
        let Self { select, confirm } = self;
        let dry_run = confirm.dry_run;
        if select.is_all() && !dry_run {
            confirm.ask("remove all dead letters for good")?;
        }
        let selected = select
            .each(letters, |page| async move {
                if dry_run {
                    return Ok(page.len() as u64);
                }
                let page = page.into_iter().map(|letter| (letter.id, letter.died_ms)).collect();
                Ok(letters.remove(page, Removal::Dropped).await?)
            })
            .await?;
        if session.json() {
            let missing = selected.missing.iter().map(ToString::to_string).collect();
            print::write_json(&Answer { dropped: selected.count, dry_run, missing })?;
        } else {
            let did = if dry_run { "would drop" } else { "dropped" };
            print::write(&format!("{did} {}\n", print::count(selected.count, "dead letter")))?;
        }
        selected.complete()
    }
}
