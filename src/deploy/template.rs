//! The template: resources, parameters and outputs, sorted, so that the same stack gives the same text.

use std::collections::BTreeMap;

use celeriac_aws::Stack;
use serde_json::{Map, Value, json};

/// The most resources that `CloudFormation` takes in one template.
const MAX_RESOURCES: usize = 500;

/// The parameters that say where the functions' zip is. The key is none if the template was written for one.
pub(super) const CODE_BUCKET: &str = "CodeBucket";
pub(super) const CODE_KEY: &str = "CodeKey";

/// Resources whose tags are a list of keys and values.
const TAGGED: [&str; 11] = [
    "AWS::CloudWatch::Alarm",
    "AWS::DynamoDB::Table",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::VPCEndpoint",
    "AWS::IAM::Role",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
    "AWS::Scheduler::ScheduleGroup",
];

/// A template that is being written.
pub(super) struct Template {
    tags: Vec<Value>,
    resources: BTreeMap<String, Value>,
    outputs: BTreeMap<&'static str, Value>,
    /// The parameters, with what each is for.
    parameters: BTreeMap<&'static str, &'static str>,
}

/// More resources than `CloudFormation` takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "stack `{stack}` has {resources} resources, CloudFormation takes at most {MAX_RESOURCES}: use fewer queues, sizes of \
     `memory` and schedules, or switch alarms off: `alarms.enabled = false`"
)]
pub(super) struct TooLarge {
    stack: String,
    resources: usize,
}

impl Template {
    pub(super) fn new(tags: &BTreeMap<String, String>) -> Self {
        let tags = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        Self { tags, resources: BTreeMap::new(), outputs: BTreeMap::new(), parameters: BTreeMap::new() }
    }

    /// Adds a parameter of the stack, a text.
    pub(super) fn parameter(&mut self, id: &'static str, description: &'static str) {
        self.parameters.insert(id, description);
    }

    /// Adds a resource.
    pub(super) fn add(&mut self, id: impl Into<String>, kind: &str, properties: Value) {
        self.add_with(id, kind, properties, json!({}));
    }

    /// Adds a resource with further attributes, such as `DeletionPolicy`.
    pub(super) fn add_with(&mut self, id: impl Into<String>, kind: &str, mut properties: Value, attributes: Value) {
        if TAGGED.contains(&kind) && !self.tags.is_empty() {
            properties["Tags"] = self.tags.clone().into();
        }
        let mut resource = json!({ "Type": kind, "Properties": without_nulls(properties) });
        if let (Value::Object(resource), Value::Object(attributes)) = (&mut resource, attributes) {
            resource.extend(attributes);
        }
        let id = id.into();
        let before = self.resources.insert(id.clone(), resource);
        assert!(before.is_none(), "two resources have the id {id}");
    }

    pub(super) fn output(&mut self, id: &'static str, description: &str, value: &Value) {
        self.outputs.insert(id, json!({ "Description": description, "Value": value }));
    }

    pub(super) fn finish(self, stack: &Stack) -> Result<Value, TooLarge> {
        let resources = self.resources.len();
        if resources > MAX_RESOURCES {
            return Err(TooLarge { stack: stack.to_string(), resources });
        }
        let text = |(id, description)| (id, json!({ "Type": "String", "Description": description }));
        let parameters: BTreeMap<&str, Value> = self.parameters.into_iter().map(text).collect();
        Ok(json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": format!("Celeriac stack {stack}: queues, functions and ledger of a task queue"),
            "Parameters": parameters,
            "Resources": self.resources,
            "Outputs": self.outputs,
        }))
    }
}

/// Removes properties that are null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(name, value)| (name, without_nulls(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_resources_than_cloud_formation_takes_are_refused() {
        let stack: Stack = "prod".parse().unwrap();
        let with = |resources: usize| {
            let mut template = Template::new(&BTreeMap::new());
            (0..resources).for_each(|at| template.add(format!("Queue{at}"), "AWS::SQS::Queue", json!({})));
            template.finish(&stack)
        };
        assert!(with(500).is_ok());
        assert_eq!(
            with(501).unwrap_err().to_string(),
            "stack `prod` has 501 resources, CloudFormation takes at most 500: use fewer queues, sizes of `memory` and \
             schedules, or switch alarms off: `alarms.enabled = false`"
        );
    }
}
