//! Defines the functions, all from the same zip: a dispatcher, and a worker for each memory size that tasks need. Each
//! has a log group, and a destination for events that failed.

use std::time::Duration;

use celeriac_core::store::STORE_VARIABLE;
use serde_json::{Map, Value, json};

use super::{
    fleet::Fleet,
    names::{DISPATCHER, FAILURES, arn, log_group, reference, role, worker},
    secrets,
    template::{CODE_BUCKET, CODE_KEY, Template},
    versions::{self, ALIAS, alias},
};

/// The parts that differ between functions.
struct Function<'a> {
    id: &'a str,
    name: String,
    handler: &'a str,
    memory: u32,
    timeout: Duration,
    environment: Map<String, Value>,
    reserved: Option<u32>,
    ephemeral: Option<u32>,
    layers: &'a [String],
    /// How many environments are kept ready.
    provisioned: u32,
}

/// The shortest and longest time that Lambda keeps an event for a busy function.
const EVENT_AGE_S: (u64, u64) = (60, 21_600);

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    template.parameter(CODE_BUCKET, "The bucket that holds the functions' zip");
    if !fleet.is_versioned() {
        template
            .parameter(CODE_KEY, "The zip's key in it; another key for each version, or functions keep the old one");
    }
    let settings = &fleet.settings.dispatcher;
    let mut environment = environment(fleet);
    environment.insert("CELERIAC_CAP".to_owned(), fleet.settings.cap.to_string().into());
    environment.insert("CELERIAC_LEASE_S".to_owned(), fleet.hidden().as_secs().to_string().into());
    if fleet.is_versioned() {
        environment.insert("CELERIAC_ALIAS".to_owned(), ALIAS.into());
    }
    let dispatcher = Function {
        id: DISPATCHER,
        name: fleet.stack.dispatcher(),
        handler: "dispatcher",
        memory: settings.memory,
        timeout: settings.timeout,
        environment,
        reserved: settings.reserved_concurrency,
        ephemeral: None,
        layers: &settings.layers,
        provisioned: 0,
    };
    dispatcher.add(template, fleet);
    // Its events are sweeps, and the next one comes soon.
    add_events(template, fleet, DISPATCHER, EVENT_AGE_S.0, None);
    for (class, function) in &fleet.workers {
        let id = worker(*class);
        let mut environment = self::environment(fleet);
        secrets::add_variables(&mut environment, fleet);
        let worker = Function {
            id: &id,
            name: fleet.stack.worker(*class),
            handler: "worker",
            memory: function.memory,
            timeout: function.timeout,
            environment,
            reserved: fleet.settings.worker.reserved_concurrency,
            ephemeral: fleet.settings.worker.ephemeral_storage,
            layers: &fleet.settings.worker.layers,
            provisioned: fleet.provisioned(*class),
        };
        worker.add(template, fleet);
        // After this time the messages are visible again, and the dispatcher has launched another worker.
        add_events(template, fleet, &id, fleet.hidden().as_secs(), Some(FAILURES));
    }
}

/// The environment of every function.
fn environment(fleet: &Fleet<'_>) -> Map<String, Value> {
    let given = fleet.settings.environment.iter();
    let mut variables: Map<String, Value> = given.map(|(name, value)| (name.clone(), value.clone().into())).collect();
    if let Some(path) = &fleet.settings.role_path {
        variables.insert("CELERIAC_ROLE_PATH".to_owned(), path.clone().into());
    }
    variables.insert(STORE_VARIABLE.to_owned(), format!("aws:{}", fleet.stack).into());
    if let Some(bucket) = fleet.bucket() {
        variables.insert("CELERIAC_BUCKET".to_owned(), bucket);
    }
    if let Some(key) = &fleet.settings.kms_key {
        variables.insert("CELERIAC_KMS_KEY".to_owned(), key.clone().into());
    }
    if !fleet.settings.metrics {
        variables.insert("CELERIAC_METRICS".to_owned(), "off".into());
    }
    variables
}

impl Function<'_> {
    fn add(self, template: &mut Template, fleet: &Fleet<'_>) {
        let settings = fleet.settings;
        let logs = log_group(self.id);
        let group = json!({
            "LogGroupName": format!("/aws/lambda/{}", self.name),
            "RetentionInDays": settings.log_days,
            "KmsKeyId": settings.kms_key,
        });
        template.add(&logs, "AWS::Logs::LogGroup", group);
        let code = settings.code.clone().map_or_else(|| reference(CODE_KEY), Value::from);
        let network = settings.vpc.as_ref();
        let network = network.map(|vpc| json!({ "SubnetIds": vpc.subnets, "SecurityGroupIds": vpc.security_groups }));
        let properties = json!({
            "FunctionName": self.name,
            "Runtime": "provided.al2023",
            "Handler": self.handler,
            "Architectures": [settings.architecture.as_str()],
            "Code": { "S3Bucket": reference(CODE_BUCKET), "S3Key": code },
            "Role": arn(&role(self.id)),
            "MemorySize": self.memory,
            "Timeout": self.timeout.as_secs(),
            "ReservedConcurrentExecutions": self.reserved,
            "EphemeralStorage": self.ephemeral.map(|size| json!({ "Size": size })),
            "Layers": (!self.layers.is_empty()).then_some(self.layers),
            "Environment": { "Variables": self.environment },
            "KmsKeyArn": settings.kms_key,
            "LoggingConfig": {
                "LogFormat": "JSON",
                "LogGroup": reference(&logs),
                "SystemLogLevel": settings.system_log_level.as_str(),
                "ApplicationLogLevel": settings.log_level.as_str(),
            },
            // A parcel may return many times; its own limit of hops bounds that.
            "RecursiveLoop": "Allow",
            "VpcConfig": network,
        });
        versions::add(template, fleet, self.id, &properties, self.provisioned);
        template.add(self.id, "AWS::Lambda::Function", properties);
    }
}

/// An event runs once: its unfinished work is in the queue and comes from there.
fn add_events(template: &mut Template, fleet: &Fleet<'_>, function: &str, age_s: u64, failures: Option<&str>) {
    let destination = failures.map(|queue| json!({ "OnFailure": { "Destination": arn(queue) } }));
    let properties = json!({
        "FunctionName": reference(function),
        "Qualifier": if fleet.is_versioned() { ALIAS } else { "$LATEST" },
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": age_s.clamp(EVENT_AGE_S.0, EVENT_AGE_S.1),
        "DestinationConfig": destination,
    });
    let after = if fleet.is_versioned() { json!({ "DependsOn": alias(function) }) } else { json!({}) };
    template.add_with(format!("{function}Events"), "AWS::Lambda::EventInvokeConfig", properties, after);
}
