//! Publishes each function as a version behind an alias, if the template knows the code. Mappings, schedules and the
//! dispatcher name the alias, so that a step back is to point it at the version before, and so that environments can be
//! kept ready: provisioned concurrency belongs to a version.
//!
//! A version never changes. To publish another one, its resource needs another id: it ends in a checksum of all that a
//! version holds, as in the templates of AWS SAM (`AutoPublishAlias`) and of the CDK (`currentVersion`).

use serde_json::{Value, json};

use super::{
    fleet::{Class, Fleet},
    names::{arn, reference},
    template::Template,
};

/// The alias of every function.
pub(super) const ALIAS: &str = "live";

/// Properties of a function that no version holds. Lambda refuses to publish a version that is like the one before, so
/// they must not make another one.
const NOT_HELD: [&str; 3] = ["FunctionName", "RecursiveLoop", "ReservedConcurrentExecutions"];

/// The longest description of a version.
const MAX_DESCRIPTION: usize = 256;

/// Adds the version of a function with these properties, and the alias.
pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>, function: &str, properties: &Value, provisioned: u32) {
    let Some(code) = &fleet.settings.code else { return };
    let version = version(function, properties);
    let description: String = code.chars().take(MAX_DESCRIPTION).collect();
    let published = json!({ "FunctionName": reference(function), "Description": description });
    // Kept for a step back, but not after a deployment that fails: the next try publishes the same again, and Lambda
    // would refuse it.
    let kept = json!({ "DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain" });
    template.add_with(&version, "AWS::Lambda::Version", published, kept);
    let provisioned = (provisioned > 0).then(|| json!({ "ProvisionedConcurrentExecutions": provisioned }));
    let properties = json!({
        "FunctionName": reference(function),
        "Name": ALIAS,
        "FunctionVersion": { "Fn::GetAtt": [version, "Version"] },
        "ProvisionedConcurrencyConfig": provisioned,
    });
    template.add(alias(function), "AWS::Lambda::Alias", properties);
}

/// The id of a function's version.
fn version(function: &str, properties: &Value) -> String {
    let mut held = properties.clone();
    if let Some(held) = held.as_object_mut() {
        held.retain(|name, value| !NOT_HELD.contains(&name.as_str()) && !value.is_null());
    }
    format!("{function}Version{:08x}", crc32fast::hash(held.to_string().as_bytes()))
}

/// The id of a function's alias.
pub(super) fn alias(function: &str) -> String {
    format!("{function}Alias")
}

impl Fleet<'_> {
    /// Whether functions are published as versions.
    pub(super) fn is_versioned(&self) -> bool {
        self.settings.code.is_some()
    }

    /// The ARN by which others invoke a function.
    pub(super) fn invoked(&self, function: &str) -> Value {
        if self.is_versioned() { reference(&alias(function)) } else { arn(function) }
    }

    /// The name by which others invoke a function of this name.
    pub(super) fn invoked_name(&self, name: &str) -> String {
        if self.is_versioned() { format!("{name}:{ALIAS}") } else { name.to_owned() }
    }

    /// How many environments of a worker function are kept ready.
    pub(super) fn provisioned(&self, class: Class) -> u32 {
        let own = self.queues.values().filter(|queue| queue.class == class);
        own.filter_map(|queue| queue.provisioned).sum()
    }

    /// What is wrong with provisioned concurrency.
    pub(super) fn wrongly_provisioned(&self) -> Vec<String> {
        let asked = self.queues.iter().filter_map(|(name, queue)| Some((name, queue, queue.provisioned?)));
        let wrong = asked.filter_map(|(name, queue, provisioned)| {
            let why = if !self.is_versioned() {
                "environments are kept ready for a version: pass the zip's key, `--code KEY`, so that versions are published"
            } else if !queue.has_function() {
                "no function serves the queue: its road is `process`"
            } else if !queue.has_one_class {
                "its tasks ask for different memory, so that several functions serve the queue: give them one size, or \
                 queues of their own"
            } else {
                return None;
            };
            Some(format!("queues.{name}.provisioned_concurrency: `{provisioned}`: {why}"))
        });
        wrong.chain(self.more_than_reserved()).collect()
    }

    fn more_than_reserved(&self) -> Option<String> {
        let reserved = self.settings.worker.reserved_concurrency?;
        let most = self.workers.keys().map(|class| self.provisioned(*class)).max()?;
        (most > reserved).then(|| {
            format!(
                "worker.reserved_concurrency: `{reserved}`: {most} environments of a function are to be kept ready, and \
                 Lambda keeps no more than are reserved: reserve as many"
            )
        })
    }
}
