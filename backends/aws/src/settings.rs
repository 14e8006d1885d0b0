//! The settings of a deployment. Each has a default.

use std::{collections::BTreeMap, env, time::Duration};

use celeriac_core::store::{STORE_VARIABLE, StoreError, StoreUrl};

use super::{SCHEME, Stack, StackError};

/// The memory at which a function has a whole processor, in MB; less memory has a smaller share (`Configure Lambda function
/// memory` in the guide of Lambda).
pub const PROCESSOR_MB: u32 = 1769;

/// The memory of a deployment's workers, in MB, unless it or the task says otherwise. For tasks that mostly wait: a
/// function is paid for by its memory while it waits. `docs/aws.md` has the prices of other sizes.
pub const WORKER_MB: u32 = 512;

/// The memory of a deployment's dispatcher, in MB, unless it says otherwise. It mostly waits for the network, and during a
/// backlog also for room.
pub const DISPATCHER_MB: u32 = 512;

/// The settings of a stack: where it is, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The stack. Environment: `CELERIAC_STORE`, as `aws:NAME`.
    pub stack: Stack,
    /// The region. Defaults to the SDKs' choice: `AWS_REGION`, then the profile.
    pub region: Option<String>,
    /// The endpoint of the services, if not at AWS. Defaults to the SDKs' choice: `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// The endpoints of single services, by their names as in `AWS_ENDPOINT_URL_SQS`, in lowercase: `sqs`, `lambda`,
    /// `dynamodb`, `scheduler`, `s3`. Defaults to the common endpoint.
    pub endpoints: BTreeMap<String, String>,
    /// The S3 bucket for arguments and results that are too large elsewhere. Environment: `CELERIAC_BUCKET`. Defaults
    /// to none: then a call whose arguments do not fit a message is refused.
    pub bucket: Option<String>,
    /// The KMS key that encrypts messages while EventBridge Scheduler keeps them: those due in more than a quarter of an
    /// hour. Queues and table have the key themselves, a schedule gets it from its sender. Environment:
    /// `CELERIAC_KMS_KEY`, an ARN. Defaults to none: a key that AWS owns.
    pub kms_key: Option<String>,
    /// How long a received message is hidden, and how long a claim lasts unless renewed. Environment:
    /// `CELERIAC_LEASE_S`, 1 to 43,200. Defaults to a minute; a dispatcher that invokes functions needs more than their
    /// time limit.
    pub lease: Duration,
    /// The most outstanding invocations, over all dispatchers. With 0 they are not counted, which saves two writes for
    /// each. Environment: `CELERIAC_CAP`, 0 to 100,000. Defaults to 100: new accounts have little concurrency, which
    /// all their functions share.
    pub cap: usize,
    /// The path of the role by which EventBridge Scheduler sends delayed messages, such as `/team/`. Environment:
    /// `CELERIAC_ROLE_PATH`. Defaults to none.
    pub role_path: Option<String>,
    /// The alias by which a dispatcher invokes worker functions. Environment: `CELERIAC_ALIAS`. Defaults to none: the code
    /// that was deployed last.
    pub alias: Option<String>,
    /// Whether worker functions write the metrics of their invocations as lines of `CloudWatch`'s embedded metric
    /// format.
    /// Environment: `CELERIAC_METRICS`, `on` or `off`. Defaults to `on`.
    pub metrics: bool,
}

/// Why a setting is invalid.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The store named in the environment.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store named in the environment is no stack.
    #[error("CELERIAC_STORE names `{0}`, which is no stack on AWS: write `aws:NAME`")]
    NoStack(StoreUrl),
    /// The stack's name.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A bucket is named, but this program cannot use it.
    #[error("CELERIAC_BUCKET names a bucket, which this program cannot use: build it with the feature `s3`")]
    NoObjects,
    /// The key is not named by an ARN.
    #[error("CELERIAC_KMS_KEY is `{0}`: a key's ARN, `arn:..:kms:..:key/..`, or its alias's, `arn:..:kms:..:alias/..`")]
    Key(String),
    /// Neither on nor off.
    #[error("{variable} is `{found}`: `on` or `off`")]
    Switch {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        found: String,
    },
    /// A number.
    #[error("{variable} is `{found}`: a whole number from {least} to {most}")]
    Number {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        found: String,
        /// The smallest value.
        least: u64,
        /// The largest value.
        most: u64,
    },
    /// No name of an alias.
    #[error(
        "CELERIAC_ALIAS is `{0}`: an alias of a function is 1 to 128 letters, digits, `-` and `_`, not only digits"
    )]
    Alias(String),
    /// No path of a role.
    #[error("CELERIAC_ROLE_PATH is `{0}`: a role's path starts and ends with `/`, such as `/team/`")]
    RolePath(String),
}

impl Settings {
    /// The defaults, for this stack.
    pub fn new(stack: Stack) -> Self {
        Self {
            stack,
            region: None,
            endpoint: None,
            endpoints: BTreeMap::new(),
            bucket: None,
            kms_key: None,
            lease: Duration::from_mins(1),
            cap: 100,
            role_path: None,
            alias: None,
            metrics: true,
        }
    }

    /// The settings of this stack from the environment.
    ///
    /// # Errors
    /// A variable is invalid. The error names it and its allowed values.
    pub fn of(stack: Stack) -> Result<Self, SettingsError> {
        let defaults = Self::new(stack);
        let lease_s = number("CELERIAC_LEASE_S", 1, 43_200)?.map(Duration::from_secs);
        let cap = number("CELERIAC_CAP", 0, 100_000)?.map(|cap| cap as usize);
        Ok(Self {
            bucket: bucket()?,
            kms_key: kms_key()?,
            lease: lease_s.unwrap_or(defaults.lease),
            cap: cap.unwrap_or(defaults.cap),
            role_path: role_path()?,
            alias: alias()?,
            metrics: switch("CELERIAC_METRICS")?.unwrap_or(defaults.metrics),
            ..defaults
        })
    }

    /// The name by which a function of this name is invoked.
    pub(super) fn invoked(&self, function: &str) -> String {
        self.alias.as_ref().map_or_else(|| function.to_owned(), |alias| format!("{function}:{alias}"))
    }

    /// The settings from the environment; `None` if it names no store.
    ///
    /// # Errors
    /// As [`Settings::of`], and if the environment names a store that is no stack.
    pub fn from_environment() -> Result<Option<Self>, SettingsError> {
        let Some(url) = variable(STORE_VARIABLE) else { return Ok(None) };
        let url: StoreUrl = url.parse()?;
        if url.scheme() != SCHEME {
            return Err(SettingsError::NoStack(url));
        }
        Self::of(url.rest().parse()?).map(Some)
    }
}

/// The bucket named in the environment. An unusable setting is refused.
fn bucket() -> Result<Option<String>, SettingsError> {
    let bucket = variable("CELERIAC_BUCKET");
    if bucket.is_some() && !cfg!(feature = "s3") {
        return Err(SettingsError::NoObjects);
    }
    Ok(bucket)
}

/// The key named in the environment. Scheduler takes only an ARN (its API reference, `CreateSchedule`). Without this
/// check a wrong name would only show at the first call that is delayed for long.
fn kms_key() -> Result<Option<String>, SettingsError> {
    let is_arn = |key: &str| {
        key.starts_with("arn:") && key.contains(":kms:") && (key.contains(":key/") || key.contains(":alias/"))
    };
    match variable("CELERIAC_KMS_KEY") {
        Some(key) if !is_arn(&key) => Err(SettingsError::Key(key)),
        key => Ok(key),
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(variable: &'static str, least: u64, most: u64) -> Result<Option<u64>, SettingsError> {
    let Some(found) = self::variable(variable) else { return Ok(None) };
    match found.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => Err(SettingsError::Number { variable, found, least, most }),
    }
}

/// The longest path of a role.
const MAX_ROLE_PATH: usize = 512;

/// Whether IAM takes this as the path of a role. It takes more, which no ARN in a policy could name without a wildcard.
pub fn is_role_path(path: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.,+@=-".contains(&byte);
    path.starts_with('/') && path.ends_with('/') && path.len() <= MAX_ROLE_PATH && path.bytes().all(sign)
}

/// The path named in the environment. Without this check a wrong one would only show at the first call that is delayed
/// for long.
fn role_path() -> Result<Option<String>, SettingsError> {
    match variable("CELERIAC_ROLE_PATH") {
        Some(path) if !is_role_path(&path) => Err(SettingsError::RolePath(path)),
        path => Ok(path),
    }
}

/// The alias named in the environment, as Lambda names one (`CreateAlias` in its reference).
fn alias() -> Result<Option<String>, SettingsError> {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_alias =
        |name: &str| name.len() <= 128 && name.bytes().all(sign) && !name.bytes().all(|byte| byte.is_ascii_digit());
    match variable("CELERIAC_ALIAS") {
        Some(name) if !is_alias(&name) => Err(SettingsError::Alias(name)),
        name => Ok(name),
    }
}

fn switch(variable: &'static str) -> Result<Option<bool>, SettingsError> {
    match self::variable(variable).as_deref() {
        None => Ok(None),
        Some("on") => Ok(Some(true)),
        Some("off") => Ok(Some(false)),
        Some(found) => Err(SettingsError::Switch { variable, found: found.to_owned() }),
    }
}
