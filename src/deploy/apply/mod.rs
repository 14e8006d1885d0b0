//! Deploys a stack: uploads the program and the template, makes a change set, looks at what it would do, executes it, and
//! follows the stack until it is done.
//!
//! Everything goes through a change set, so that a dry run and a deployment see the same, and so that what would lose
//! calls is refused before anything happens.

mod bucket;
mod cause;
mod change_set;
mod changes;
mod event;
mod follow;
mod state;

use celeriac_aws::{RequestError, Stack};
use serde_json::Value;

use self::{
    bucket::CodeBucket,
    change_set::{ChangeSet, Template},
    changes::losses,
    state::Kind,
};
pub(crate) use self::{
    changes::{Change, count},
    event::Event,
    state::{Blocked, is_failed_first, ready},
};
use super::{account::Account, audit::StackState, package::sha256};

/// The most bytes of a template in a request (`CloudFormation quotas`).
const MAX_TEXT: usize = 51_200;

/// What is to be deployed.
pub(crate) struct Deployment<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) template: &'a Value,
    /// The zip of the functions, and its key in the bucket, which the template names.
    pub(crate) program: (&'a [u8], &'a str),
    /// The bucket for both. Defaults to one of this account and region, which is made if it is missing.
    pub(crate) bucket: Option<&'a str>,
    /// The role that `CloudFormation` acts as. Defaults to the one of the stack's last deployment, or the caller.
    pub(crate) role: Option<&'a str>,
    /// Whether queues and tables may be replaced or deleted with the calls in them.
    pub(crate) replaces: bool,
    /// Whether a stack whose first deployment failed is deleted before.
    pub(crate) recreates: bool,
    /// Whether resources that were changed by hand become what the template says.
    pub(crate) reverts_drift: bool,
}

/// What has been done so far.
pub(crate) enum Step<'a> {
    /// In words.
    Note(String),
    /// The changes that will be made.
    Changes(&'a [Change]),
    /// Something happened to a resource.
    Event(&'a Event),
    /// So many of the changes are done.
    Done(usize),
}

/// How a deployment ended well.
#[derive(Debug, Default)]
pub(crate) struct Deployed {
    pub(crate) changes: Vec<Change>,
    /// What a dry run has found that a deployment would refuse.
    pub(crate) losses: Vec<String>,
    /// `None` after a dry run of a stack that does not exist.
    pub(crate) state: Option<StackState>,
}

/// Why a stack was not deployed. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// A request failed.
    #[error("cannot {0}: {1}")]
    Request(&'static str, RequestError),
    /// The stack cannot be deployed as it is.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// Something that was asked for is impossible.
    #[error("{0}")]
    Refused(String),
    /// `CloudFormation` cannot make a change set.
    #[error("CloudFormation cannot deploy this: {0}")]
    ChangeSet(String),
    /// Calls would be lost.
    #[error("{}", .0.join("\n"))]
    Losses(Vec<String>),
    /// The deployment failed and was undone.
    #[error("{0}")]
    Failed(String),
}

impl ApplyError {
    /// As an error of a request that was to do this.
    fn of(what: &'static str) -> impl Fn(RequestError) -> Self {
        move |error| Self::Request(what, error)
    }
}

impl Deployment<'_> {
    /// Says what would change. Nothing stays behind but the template, in the bucket if there is one.
    pub(crate) async fn dry_run(
        &self,
        account: &Account,
        report: &mut dyn FnMut(Step<'_>),
    ) -> Result<Deployed, ApplyError> {
        let state = self.state(account).await?;
        let kind = ready(self.stack, state.as_ref())?;
        let bucket = CodeBucket::find(account, self.bucket).await?;
        let Some(set) = self.change_set(account, bucket.as_ref(), kind, report).await? else {
            return Ok(Deployed { state, ..Deployed::default() });
        };
        set.discard(account).await.map_err(ApplyError::of("delete the change set of the dry run"))?;
        Ok(Deployed { losses: self.losses(&set.changes), changes: set.changes, state })
    }

    /// Deploys.
    pub(crate) async fn run(
        &self,
        account: &Account,
        report: &mut dyn FnMut(Step<'_>),
    ) -> Result<Deployed, ApplyError> {
        let mut state = self.state(account).await?;
        if let Some(failed) = state.take_if(|state| self.recreates && is_failed_first(&state.status)) {
            report(Step::Note(format!("deleting stack {}, whose first deployment failed", self.stack)));
            follow::deletion(account, &failed).await?;
        }
        let kind = ready(self.stack, state.as_ref())?;
        let bucket = match CodeBucket::find(account, self.bucket).await? {
            Some(bucket) => bucket,
            None => CodeBucket::make(account).await?,
        };
        self.upload(account, &bucket, report).await?;
        let Some(set) = self.change_set(account, Some(&bucket), kind, report).await? else {
            return Ok(Deployed { state, ..Deployed::default() });
        };
        report(Step::Changes(&set.changes));
        let losses = self.losses(&set.changes);
        if !losses.is_empty() {
            set.discard(account).await.map_err(ApplyError::of("delete the change set"))?;
            return Err(ApplyError::Losses(losses));
        }
        let state = follow::execution(account, self.stack, &set, report).await?;
        Ok(Deployed { changes: set.changes, state: Some(state), ..Deployed::default() })
    }

    async fn state(&self, account: &Account) -> Result<Option<StackState>, ApplyError> {
        account.stack(self.stack.as_str()).await.map_err(ApplyError::of("look at the stack"))
    }

    async fn upload(
        &self,
        account: &Account,
        bucket: &CodeBucket,
        report: &mut dyn FnMut(Step<'_>),
    ) -> Result<(), ApplyError> {
        let (zip, key) = self.program;
        if bucket.has(account, key, zip.len()).await {
            report(Step::Note(format!("the program is in {bucket} already")));
            return Ok(());
        }
        let mb = zip.len() as f64 / f64::from(1 << 20);
        report(Step::Note(format!("uploading the program, {mb:.1} MB, to {bucket}")));
        bucket.put(account, key, zip.to_vec()).await
    }

    /// The changes; `None` if there are none. Without a bucket the template is a part of the request.
    async fn change_set(
        &self,
        account: &Account,
        bucket: Option<&CodeBucket>,
        kind: Kind,
        report: &mut dyn FnMut(Step<'_>),
    ) -> Result<Option<ChangeSet>, ApplyError> {
        report(Step::Note("comparing with what there is".to_owned()));
        let text = self.template.to_string();
        let template = match bucket {
            Some(bucket) => {
                let key = format!("celeriac/{}.json", sha256(text.as_bytes()));
                if !bucket.has(account, &key, text.len()).await {
                    bucket.put(account, &key, text.into_bytes()).await?;
                }
                Template::At(bucket.url(account, &key))
            }
            None if text.len() <= MAX_TEXT => Template::Text(text),
            None => {
                return Err(ApplyError::Refused(format!(
                    "the template has {} bytes, of which a request takes {MAX_TEXT}, and a dry run makes no bucket: name one \
                     with --code-bucket",
                    text.len()
                )));
            }
        };
        let bucket = bucket.map_or_else(|| CodeBucket::own(account), |bucket| bucket.name().to_owned());
        ChangeSet::make(account, self, kind, &bucket, template).await
    }

    /// What would be lost against the will of the person who deploys.
    fn losses(&self, changes: &[Change]) -> Vec<String> {
        if self.replaces { Vec::new() } else { losses(changes) }
    }
}
