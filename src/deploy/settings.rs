//! Reads the settings of a stack from a TOML file. Every setting has a default.

use std::{collections::BTreeMap, time::Duration};

use celeriac_core::task::parse_duration;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::check::CONCURRENCY;

/// How many workers that take a second one dispatcher keeps busy (`docs/scale.md`).
const WORKERS_OF_A_DISPATCHER: u32 = 30;

/// The settings of a stack. `docs/deploy.md` lists them.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "a file of settings has switches")]
pub(crate) struct Settings {
    /// The processor architecture of the functions.
    pub(super) architecture: Architecture,
    /// The most invocations that may be outstanding.
    pub(super) cap: u32,
    /// How many days log lines are kept.
    pub(super) log_days: u32,
    /// The least level of log lines.
    pub(super) log_level: LogLevel,
    /// The least level of the lines that Lambda writes itself.
    pub(super) system_log_level: SystemLogLevel,
    /// Whether to have queries for the log lines.
    pub(super) log_queries: bool,
    /// Whether to have a dashboard.
    pub(super) dashboard: bool,
    /// Whether workers write metrics of their tasks.
    pub(super) metrics: bool,
    /// The key that encrypts everything at rest, instead of the keys that AWS owns.
    pub(super) kms_key: Option<String>,
    /// The ARN of the policy that limits what the stack's roles may be permitted.
    pub(super) permissions_boundary: Option<String>,
    /// The path of the stack's roles and policies.
    pub(super) role_path: Option<String>,
    /// Whether queues, table and bucket are kept, with their content, when they are removed from the stack.
    pub(super) retain: bool,
    /// An existing bucket, or `create`.
    pub(super) bucket: Option<String>,
    /// Further environment variables of the functions.
    pub(super) environment: BTreeMap<String, String>,
    /// The ARNs of secrets that workers read while they run, by the names of their variables.
    pub(super) secrets: BTreeMap<String, String>,
    /// Tags of all resources that can have tags.
    pub(super) tags: BTreeMap<String, String>,
    pub(super) worker: Worker,
    pub(super) dispatcher: Dispatcher,
    pub(super) queues: BTreeMap<String, Queue>,
    pub(super) table: Table,
    pub(super) alarms: Alarms,
    pub(super) vpc: Option<Vpc>,
    /// The key of the functions' zip, if it is known when the template is written. No setting: it changes with each
    /// deployment.
    #[serde(skip)]
    pub(super) code: Option<String>,
}

/// The architecture that a function's program is built for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Architecture {
    #[default]
    #[serde(rename = "arm64")]
    Arm64,
    #[serde(rename = "x86_64")]
    X86_64,
}

/// How much functions log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogLevel {
    Trace,
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

/// How much Lambda itself logs. It has no other levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SystemLogLevel {
    Debug,
    /// With a report of every invocation, which says how much memory it used.
    #[default]
    Info,
    Warn,
}

/// The functions that run tasks.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Worker {
    /// MB, for tasks that do not set a size.
    pub(super) memory: u32,
    /// The functions' time limit. By default it follows from their tasks.
    #[serde(deserialize_with = "some_duration")]
    pub(super) timeout: Option<Duration>,
    /// The ARNs of managed policies that permit the tasks' actions.
    pub(super) policies: Vec<String>,
    /// How many may run at a time, kept free for each worker function.
    pub(super) reserved_concurrency: Option<u32>,
    /// MB of `/tmp`.
    pub(super) ephemeral_storage: Option<u32>,
    /// The ARNs of layers, with their versions.
    pub(super) layers: Vec<String>,
}

/// The function that launches the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Dispatcher {
    /// MB.
    pub(super) memory: u32,
    #[serde(deserialize_with = "duration")]
    pub(super) timeout: Duration,
    /// The most that run at a time for one queue. By default it follows from the cap.
    pub(super) concurrency: Option<u32>,
    /// How many may run at a time for all queues, kept free for them.
    pub(super) reserved_concurrency: Option<u32>,
    /// The ARNs of layers, with their versions.
    pub(super) layers: Vec<String>,
}

/// How a queue is served.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Queue {
    pub(super) road: Road,
    /// The most functions that run at a time for a narrow queue.
    pub(super) concurrency: u32,
    /// How many environments of the function that serves the queue are kept ready.
    pub(super) provisioned_concurrency: Option<u32>,
}

/// How the calls of a queue reach a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Road {
    /// Through the dispatcher.
    #[default]
    Wide,
    /// Straight to a worker function.
    Narrow,
    /// No function serves it: processes that run elsewhere poll it.
    Process,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Table {
    /// Whether the table can be restored to any second of the last 35 days.
    pub(super) recovery: bool,
    /// Whether nobody can delete the table before this is switched off.
    pub(super) deletion_protection: bool,
    /// How many read units the table gives at once.
    pub(super) warm_reads: Option<u32>,
    /// How many write units the table gives at once.
    pub(super) warm_writes: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Alarms {
    pub(super) enabled: bool,
    /// Whether to have alarms for causes of late calls too.
    pub(super) causes: bool,
    /// Whether to have the alarm for a Scheduler that cannot send.
    pub(super) schedules: Option<bool>,
    /// The ARN of the SNS topic to notify.
    pub(super) topic: Option<String>,
    /// The maximum age of a queue's oldest message.
    #[serde(deserialize_with = "duration")]
    pub(super) late: Duration,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Vpc {
    pub(super) subnets: Vec<String>,
    pub(super) security_groups: Vec<String>,
    /// The VPC's id, if endpoints are to be made in it.
    pub(super) id: Option<String>,
    pub(super) route_tables: Vec<String>,
    /// Whether to make the endpoints through which functions reach AWS.
    pub(super) endpoints: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            architecture: Architecture::default(),
            cap: 100,
            log_days: 30,
            log_level: LogLevel::default(),
            system_log_level: SystemLogLevel::default(),
            log_queries: false,
            dashboard: false,
            metrics: true,
            kms_key: None,
            permissions_boundary: None,
            role_path: None,
            retain: true,
            bucket: None,
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            tags: BTreeMap::new(),
            worker: Worker::default(),
            dispatcher: Dispatcher::default(),
            queues: BTreeMap::new(),
            table: Table::default(),
            alarms: Alarms::default(),
            vpc: None,
            code: None,
        }
    }
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            memory: celeriac_aws::WORKER_MB,
            timeout: None,
            policies: Vec::new(),
            reserved_concurrency: None,
            ephemeral_storage: None,
            layers: Vec::new(),
        }
    }
}

impl Default for Dispatcher {
    fn default() -> Self {
        Self {
            memory: celeriac_aws::DISPATCHER_MB,
            timeout: Duration::from_mins(1),
            concurrency: None,
            reserved_concurrency: None,
            layers: Vec::new(),
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self { road: Road::Wide, concurrency: 10, provisioned_concurrency: None }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self { recovery: true, deletion_protection: false, warm_reads: None, warm_writes: None }
    }
}

impl Default for Alarms {
    fn default() -> Self {
        Self { enabled: true, causes: false, schedules: None, topic: None, late: Duration::from_hours(1) }
    }
}

/// Why a settings file is invalid: all faults at once, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct SettingsError(pub(super) Vec<String>);

impl Settings {
    /// Reads a file's text.
    pub(crate) fn parse(text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text).map_err(|error| SettingsError(vec![explain(text, &error)]))?;
        settings.check()?;
        Ok(settings)
    }

    /// These settings, with the key of the functions' zip: they are published as versions.
    pub(crate) fn with_code(self, key: impl Into<Option<String>>) -> Self {
        Self { code: key.into(), ..self }
    }

    /// The most dispatchers that run at a time for one queue. Each launches about thirty workers a second, so that a
    /// thirtieth of the cap is enough for parcels of a second; more would take concurrency from their workers.
    pub(super) fn dispatchers(&self) -> u32 {
        let enough = (self.cap / WORKERS_OF_A_DISPATCHER).clamp(*CONCURRENCY.start(), *CONCURRENCY.end());
        self.dispatcher.concurrency.unwrap_or(enough)
    }

    /// The processor architecture of the functions.
    pub(crate) fn architecture(&self) -> Architecture {
        self.architecture
    }
}

impl Architecture {
    /// Lambda's name for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

impl LogLevel {
    /// Lambda's name for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl SystemLogLevel {
    /// Lambda's name for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// The faulty line, the reason, and the setting that was probably meant.
fn explain(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
    format!("line {line}: {}{}", error.message(), meant(error.message()))
}

/// Serde quotes the name that it found, then the names that it knows.
fn meant(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let (true, Some(found)) = (message.starts_with("unknown "), names.next()) else { return String::new() };
    names
        .map(|name| (strsim::jaro_winkler(found, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.8)
        .map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}
