//! `deploy apply`: deploys the stack.

use std::collections::BTreeMap;

use celeriac_core::ports::{Clock, SystemClock};
use clap::Args;
use serde::Serialize;

use super::{
    super::{common::Common, exit::Failure, print, progress::Progress, session},
    Settings, block_on,
    program::Program,
};
use crate::{
    deploy::{
        account::Account,
        apply::{ApplyError, Change, Deployed, Deployment, Step, count},
        audit::{Wanted, too_little_concurrency},
    },
    stderr,
};

/// Makes the stack what this program and its settings want
///
/// Packs the program, uploads it, makes a change set of `CloudFormation`, executes it, and shows the events until the
/// stack is done. What the stack has already stays. A deployment that fails is undone. If this command ends early, the
/// deployment goes on.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "a command line has switches")]
pub(super) struct Apply {
    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    program: Program,

    /// The bucket that program and template are uploaded to. Defaults to celeriac-code-ACCOUNT-REGION, which is made if
    /// it is missing
    #[allow(clippy::doc_markdown, reason = "people read it in a terminal")]
    #[arg(long, value_name = "NAME")]
    code_bucket: Option<String>,

    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Replace or delete queues, table and bucket, with all that is in them, if the changes ask for it
    #[arg(long)]
    replace: bool,

    /// If the first deployment of this stack failed: delete the stack, then create it again
    #[arg(long, conflicts_with = "dry_run")]
    recreate: bool,

    /// Also set right what was changed or deleted by hand
    #[arg(long)]
    revert_drift: bool,

    /// The role that `CloudFormation` acts as. Defaults to that of the last deployment, or to your own permissions
    #[arg(long, value_name = "ARN")]
    role: Option<String>,
}

/// The result of a dry run that has found changes.
const WOULD_CHANGE: &str = "would change";

#[derive(Serialize)]
struct Answer {
    stack: String,
    /// What became of it.
    result: &'static str,
    changes: Vec<Change>,
    /// What would be lost, in a dry run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    losses: Vec<String>,
    outputs: BTreeMap<String, String>,
}

impl Apply {
    pub(super) fn run(self, common: &Common) -> Result<(), Failure> {
        let stack = common.stack()?;
        let registry = session::registry()?;
        let settings = self.settings.read()?;
        let package = self.program.pack(&settings)?;
        let key = package.key();
        let settings = settings.with_code(key.clone());
        let wanted = Wanted::new(&stack, &registry, &settings, SystemClock::new().now_ms()).map_err(Failure::start)?;
        let deployment = Deployment {
            stack: &stack,
            template: wanted.template(),
            program: (&package.zip, &key),
            bucket: self.code_bucket.as_deref(),
            role: self.role.as_deref(),
            replaces: self.replace,
            recreates: self.recreate,
            reverts_drift: self.revert_drift,
        };
        let answer = block_on(common, async {
            let account = Account::open(&stack).await.map_err(Failure::start)?;
            let mut reporter = Reporter::new(stack.to_string());
            let mut report = |step: Step<'_>| reporter.report(step);
            report(Step::Note(format!("stack {stack} in account {}, {}", account.id, account.region)));
            let live = account.look_at_concurrency(&stack).await;
            if let Some(finding) = too_little_concurrency(&wanted, &live) {
                report(Step::Note(format!("warning: {}: {}", finding.subject, finding.text)));
            }
            let deployed = if self.dry_run {
                deployment.dry_run(&account, &mut report).await?
            } else {
                deployment.run(&account, &mut report).await?
            };
            Ok(Answer::new(stack.to_string(), deployed, self.dry_run))
        })?;
        if common.json {
            print::write_json(&answer)?;
        } else {
            print::write(&answer.text())?;
        }
        if answer.losses.is_empty() { Ok(()) } else { Err(ApplyError::Losses(answer.losses).into()) }
    }
}

impl Answer {
    fn new(stack: String, Deployed { changes, losses, state }: Deployed, dry_run: bool) -> Self {
        let created = state.as_ref().is_none_or(|state| state.status.starts_with("CREATE"));
        let result = match (changes.is_empty(), dry_run, created) {
            (true, ..) => "unchanged",
            (false, true, _) => WOULD_CHANGE,
            (false, false, true) => "created",
            (false, false, false) => "updated",
        };
        let outputs = state.map(|state| state.outputs).unwrap_or_default().into_iter().collect();
        Self { stack, result, changes, losses, outputs }
    }

    fn text(&self) -> String {
        if self.result == WOULD_CHANGE {
            let lines = self.changes.iter().map(|change| change.text() + "\n");
            return lines.collect::<String>() + &count(&self.changes) + "\n";
        }
        let stack = ("stack", format!("{} ({})", self.stack, self.result));
        let outputs = self.outputs.iter().map(|(name, value)| (name.as_str(), value.clone()));
        print::fields(&[stack].into_iter().chain(outputs).collect::<Vec<_>>())
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Losses(_) => Self::Usage(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Shows what happens on standard error: a line for each resource that is done, and on a terminal how far it is.
struct Reporter {
    stack: String,
    progress: Option<Progress>,
    clock: SystemClock,
    began_ms: u64,
    changes: usize,
}

impl Reporter {
    fn new(stack: String) -> Self {
        let clock = SystemClock::new();
        Self { stack, progress: Progress::on_terminal(), began_ms: clock.now_ms(), clock, changes: 0 }
    }

    fn report(&mut self, step: Step<'_>) {
        match step {
            Step::Note(note) => stderr::say(note),
            Step::Changes(changes) => {
                self.changes = changes.len();
                for change in changes {
                    stderr::say(change.text());
                }
                stderr::say(count(changes));
            }
            Step::Event(event) => {
                if event.is_end() {
                    stderr::say(event.text());
                }
            }
            Step::Done(done) => self.show(done),
        }
    }

    fn show(&mut self, done: usize) {
        let (stack, changes) = (&self.stack, self.changes);
        let s = self.clock.now_ms().saturating_sub(self.began_ms) / 1_000;
        if let Some(progress) = &mut self.progress {
            progress.show(&format!("{stack}: {done} of {changes} resources are done, after {s} s"));
        }
    }
}
