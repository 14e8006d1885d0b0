//! `dead show`: shows one dead letter in full.

use celeriac_core::{id::TaskId, ports::Failure as Attempt};
use clap::Args;
use serde::Serialize;

use super::{
    super::{
        exit::Failure,
        print,
        session::{self, Session},
        status::{AttemptView, attempts},
    },
    letter::{Letter, Shown},
};

/// Shows one dead letter with its arguments and all of its failed attempts
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The call, as `dead list` prints it
    #[arg(value_name = "ID")]
    id: TaskId,

    #[command(flatten)]
    shown: Shown,
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    letter: Letter,
    history: Vec<AttemptView>,
}

impl Show {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let ports = session.ports()?;
        let now_ms = ports.clock.now_ms();
        let letter = ports.dead_letters.get(self.id).await?.ok_or_else(|| {
            Failure::NotFound(format!("there is no dead letter {}: `status {0}` says where that call stands", self.id))
        })?;
        let history: Vec<Attempt> = ports.ledger.history(self.id).await?;
        let history: Vec<AttemptView> = history.into_iter().map(AttemptView::from).collect();
        let missing = self.shown.missing();
        let letter = self.shown.letter(letter, session::registry().ok().as_ref());
        if session.json() {
            return print::write_json(&Answer { letter, history });
        }
        let args = letter.args.as_ref().map_or_else(|| missing.to_owned(), print::json);
        let mut text = print::fields(&[
            ("call", letter.id),
            ("task", letter.task),
            ("queue", letter.queue),
            ("reason", letter.reason.to_owned()),
            ("attempts", letter.attempts.to_string()),
            ("died", letter.died.with_age(now_ms)),
            ("arguments", args),
            ("message", letter.message),
        ]);
        text += &attempts(&history, now_ms);
        print::write(&text)
    }
}
