//! Looks up queues.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use celeriac_aws::RequestError;
use serde_json::Value;

use super::{Account, found};
use crate::deploy::audit::{Looked, Queue};

const ASKED: [Attribute; 4] = [
    Attribute::ApproximateNumberOfMessages,
    Attribute::MessageRetentionPeriod,
    Attribute::RedrivePolicy,
    Attribute::VisibilityTimeout,
];

impl Account {
    pub(super) async fn queue(&self, url: &str) -> Looked<Option<Queue>> {
        let request = self.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(ASKED.to_vec()));
        let Some(answer) = found(request.send().await.map_err(RequestError::of))? else { return Ok(None) };
        let attributes = answer.attributes.unwrap_or_default();
        Ok(Some(Queue {
            visibility_s: number(&attributes, &Attribute::VisibilityTimeout),
            retention_s: number(&attributes, &Attribute::MessageRetentionPeriod),
            dead: attributes.get(&Attribute::RedrivePolicy).and_then(|policy| dead(policy)),
            waiting: number(&attributes, &Attribute::ApproximateNumberOfMessages),
        }))
    }
}

fn number(attributes: &HashMap<Attribute, String>, name: &Attribute) -> u64 {
    attributes.get(name).and_then(|value| value.parse().ok()).unwrap_or_default()
}

/// The dead-letter queue in a policy, and how often a message is received before. SQS writes the number as a number or as
/// a text, as it was given.
fn dead(policy: &str) -> Option<(String, u64)> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let receives = &policy["maxReceiveCount"];
    let receives = receives.as_u64().or_else(|| receives.as_str()?.parse().ok())?;
    Some((policy["deadLetterTargetArn"].as_str()?.to_owned(), receives))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_in_both_of_its_forms() {
        for receives in ["1000", "\"1000\""] {
            let policy = format!("{{\"deadLetterTargetArn\":\"arn:x\",\"maxReceiveCount\":{receives}}}");
            assert_eq!(dead(&policy), Some(("arn:x".to_owned(), 1_000)));
        }
        assert_eq!(dead("{}"), None);
    }
}
