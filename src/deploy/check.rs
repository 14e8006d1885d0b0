//! Checks the values of settings. Each error names the setting, its value, and the allowed values.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use celeriac_core::name::queue_name;

use super::settings::{Settings, SettingsError, Vpc};

/// The longest time limit of a function.
pub(super) const MAX_FUNCTION: Duration = Duration::from_mins(15);

/// The numbers of days for which `CloudWatch` can keep log lines.
const LOG_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Memory of a function, in MB.
const MEMORY: RangeInclusive<u32> = 128..=10_240;

/// The concurrency of an event-source mapping.
pub(super) const CONCURRENCY: RangeInclusive<u32> = 2..=1_000;

/// Reserved and provisioned concurrency. With none reserved, Lambda would give every event up.
const RESERVED: RangeInclusive<u32> = 1..=100_000;

/// The size of a function's `/tmp`, in MB.
const EPHEMERAL: RangeInclusive<u32> = 512..=10_240;

/// The most layers of a function.
const MAX_LAYERS: usize = 5;

/// Units a second that a table can be warmed for. A new table has the least of them (`Understanding DynamoDB warm
/// throughput`).
const WARM_READS: RangeInclusive<u32> = 12_000..=1_000_000;
const WARM_WRITES: RangeInclusive<u32> = 4_000..=1_000_000;

/// The most tags of a resource.
const MAX_TAGS: usize = 50;

/// The largest environment of a function, in bytes.
const MAX_ENVIRONMENT: usize = 4 << 10;

impl Settings {
    /// Returns all faults at once.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let mut wrong = Wrong(Vec::new());
        self.check_numbers(&mut wrong);
        self.check_further_numbers(&mut wrong);
        self.check_arns(&mut wrong);
        self.check_names(&mut wrong);
        self.check_secrets(&mut wrong);
        if let Some(vpc) = &self.vpc {
            check_vpc(vpc, &mut wrong);
        }
        if wrong.0.is_empty() { Ok(()) } else { Err(SettingsError(wrong.0)) }
    }

    fn check_numbers(&self, wrong: &mut Wrong) {
        wrong.unless_within("cap", self.cap, 1..=100_000);
        wrong.unless_within("worker.memory", self.worker.memory, MEMORY);
        wrong.unless_within("dispatcher.memory", self.dispatcher.memory, MEMORY);
        wrong.unless_within("dispatcher.concurrency", self.dispatchers(), CONCURRENCY);
        wrong.unless_seconds("dispatcher.timeout", self.dispatcher.timeout, Duration::from_secs(10)..=MAX_FUNCTION);
        if let Some(timeout) = self.worker.timeout {
            wrong.unless_seconds("worker.timeout", timeout, Duration::from_secs(10)..=MAX_FUNCTION);
        }
        let late = Duration::from_mins(1)..=Duration::from_hours(14 * 24);
        wrong.unless_seconds("alarms.late", self.alarms.late, late);
        for (name, queue) in &self.queues {
            wrong.unless_within(&format!("queues.{name}.concurrency"), queue.concurrency, CONCURRENCY);
            if let Some(provisioned) = queue.provisioned_concurrency {
                wrong.unless_within(&format!("queues.{name}.provisioned_concurrency"), provisioned, RESERVED);
            }
        }
        if !LOG_DAYS.contains(&self.log_days) {
            let days: Vec<String> = LOG_DAYS.iter().map(u32::to_string).collect();
            wrong.add("log_days", self.log_days, &format!("CloudWatch keeps log lines for one of {}", days.join(", ")));
        }
    }

    fn check_further_numbers(&self, wrong: &mut Wrong) {
        for (setting, found, range) in [
            ("worker.reserved_concurrency", self.worker.reserved_concurrency, RESERVED),
            ("worker.ephemeral_storage", self.worker.ephemeral_storage, EPHEMERAL),
            ("dispatcher.reserved_concurrency", self.dispatcher.reserved_concurrency, RESERVED),
            ("table.warm_reads", self.table.warm_reads, WARM_READS),
            ("table.warm_writes", self.table.warm_writes, WARM_WRITES),
        ] {
            if let Some(found) = found {
                wrong.unless_within(setting, found, range);
            }
        }
        if self.table.deletion_protection && !self.retain {
            let why = "with `retain = false` the stack could not be deleted: set one of them to the opposite";
            wrong.add("table.deletion_protection", true, why);
        }
    }

    fn check_arns(&self, wrong: &mut Wrong) {
        wrong.unless_arn("kms_key", self.kms_key.as_ref(), ":kms:");
        wrong.unless_arn("alarms.topic", self.alarms.topic.as_ref(), ":sns:");
        wrong.unless_arn("permissions_boundary", self.permissions_boundary.as_ref(), ":policy/");
        wrong.unless_layers("worker.layers", &self.worker.layers);
        wrong.unless_layers("dispatcher.layers", &self.dispatcher.layers);
        for policy in &self.worker.policies {
            wrong.unless_arn("worker.policies", Some(policy), ":policy/");
        }
    }

    fn check_names(&self, wrong: &mut Wrong) {
        for name in self.queues.keys().filter(|name| !queue_name(name)) {
            wrong.add("queues", name, "a queue's name is 1 to 80 letters, digits, `_` or `-`");
        }
        if let Some(bucket) = self.bucket.as_ref().filter(|bucket| !bucket_name(bucket)) {
            wrong.add("bucket", bucket, "`create`, or a bucket's name: 3 to 63 of a-z, 0-9, `-` and `.`");
        }
        if let Some(path) = self.role_path.as_ref().filter(|path| !celeriac_aws::is_role_path(path)) {
            wrong.add(
                "role_path",
                path,
                "starts and ends with `/`, such as `/team/`: at most 512 of a-z, A-Z, 0-9 and `/_.,+@=-`",
            );
        }
        for name in self.environment.keys() {
            if let Some(why) = not_a_variable(name) {
                wrong.add("environment", name, why);
            }
        }
        for (name, _) in self.environment.iter().filter(|(_, value)| value.contains("{{resolve:ssm-secure:")) {
            let why = "CloudFormation does not resolve `ssm-secure` for functions: use `secretsmanager`, or `ssm`";
            wrong.add("environment", name, why);
        }
        let bytes: usize = self.environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_ENVIRONMENT {
            wrong.add("environment", format!("{bytes} bytes"), "a function's is at most 4096 bytes");
        }
        if self.tags.len() > MAX_TAGS {
            wrong.add("tags", self.tags.len(), "a resource has at most 50 tags");
        }
        for name in self.tags.keys().filter(|name| name.is_empty() || name.len() > 128 || name.starts_with("aws:")) {
            wrong.add("tags", name, "a tag's name is 1 to 128 characters, and not AWS' own (`aws:`)");
        }
    }
}

fn check_vpc(vpc: &Vpc, wrong: &mut Wrong) {
    wrong.unless_ids("vpc.subnets", &vpc.subnets, "subnet-");
    wrong.unless_ids("vpc.security_groups", &vpc.security_groups, "sg-");
    if vpc.endpoints {
        let id: Vec<String> = vpc.id.iter().cloned().collect();
        wrong.unless_ids("vpc.id", &id, "vpc-");
        wrong.unless_ids("vpc.route_tables", &vpc.route_tables, "rtb-");
    }
}

/// Why a function cannot have this variable from the settings.
pub(super) fn not_a_variable(name: &str) -> Option<&'static str> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.len() < 2 || !name.starts_with(|first: char| first.is_ascii_alphabetic()) || !name.bytes().all(letters) {
        return Some("a variable's name is a letter, then one or more letters, digits or `_`");
    }
    if name.starts_with("CELERIAC_") {
        return Some("the template sets it from the other settings");
    }
    let lambda = name.starts_with("AWS_LAMBDA_") || name.starts_with("LAMBDA_");
    let reserved = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID"];
    let secrets = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_EXECUTION_ENV"];
    (lambda || reserved.contains(&name) || secrets.contains(&name)).then_some("Lambda sets it itself")
}

fn bucket_name(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (3..=63).contains(&name.len()) && name.bytes().all(letters)
}

/// The faults found so far.
pub(super) struct Wrong(Vec<String>);

impl Wrong {
    pub(super) fn add(&mut self, setting: &str, found: impl Display, what: &str) {
        self.0.push(format!("{setting}: `{found}`: {what}"));
    }

    fn unless_within(&mut self, setting: &str, found: u32, range: RangeInclusive<u32>) {
        if !range.contains(&found) {
            self.add(setting, found, &format!("{} to {}", range.start(), range.end()));
        }
    }

    fn unless_seconds(&mut self, setting: &str, found: Duration, range: RangeInclusive<Duration>) {
        if !range.contains(&found) || found.subsec_nanos() > 0 {
            let (least_s, most_s) = (range.start().as_secs(), range.end().as_secs());
            self.add(setting, format!("{found:?}"), &format!("whole seconds, {least_s} to {most_s}"));
        }
    }

    fn unless_arn(&mut self, setting: &str, found: Option<&String>, part: &str) {
        if let Some(found) = found.filter(|found| !found.starts_with("arn:") || !found.contains(part)) {
            self.add(setting, found, &format!("an ARN, `arn:..{part}..`"));
        }
    }

    fn unless_layers(&mut self, setting: &str, found: &[String]) {
        if found.len() > MAX_LAYERS {
            self.add(setting, found.len(), &format!("a function has at most {MAX_LAYERS} layers"));
        }
        let versioned = |arn: &str| {
            let version =
                arn.split_once(":layer:").and_then(|(_, layer)| layer.split_once(':')).map(|(_, version)| version);
            arn.starts_with("arn:") && version.is_some_and(|version| version.parse::<u32>().is_ok())
        };
        for layer in found.iter().filter(|layer| !versioned(layer)) {
            self.add(setting, layer, "a layer's ARN with its version, `arn:..:lambda:..:layer:NAME:VERSION`");
        }
    }

    fn unless_ids(&mut self, setting: &str, found: &[String], start: &str) {
        if found.is_empty() {
            self.0.push(format!("{setting}: give at least one, `{start}..`"));
        }
        for id in found.iter().filter(|id| !id.starts_with(start)) {
            self.add(setting, id, &format!("`{start}..`"));
        }
    }
}
