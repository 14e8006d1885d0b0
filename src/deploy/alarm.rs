//! One `CloudWatch` alarm.

use serde_json::{Value, json};

use super::{fleet::Fleet, names::reference, template::Template};

/// The period of a metric's points, in seconds. SQS reports one every five minutes for idle queues.
const PERIOD_S: u32 = 300;

/// An alarm that goes off when a metric is above `most`.
pub(super) struct Alarm {
    pub(super) id: String,
    /// Its name, which follows the stack's name.
    pub(super) name: String,
    pub(super) metric: Metric,
    pub(super) most: u64,
    /// How many five-minute periods in a row.
    pub(super) periods: u32,
    /// What has happened, for the person on call.
    pub(super) why: &'static str,
}

/// A metric of AWS.
pub(super) struct Metric {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    /// Its dimensions.
    pub(super) of: Vec<(&'static str, Value)>,
    pub(super) statistic: &'static str,
}

impl Metric {
    /// The age of a queue's oldest message, in seconds.
    pub(super) fn age(queue: &str) -> Self {
        Self::sqs(queue, "ApproximateAgeOfOldestMessage", "Maximum")
    }

    /// A metric of a queue, which is named by its id.
    pub(super) fn sqs(queue: &str, name: &'static str, statistic: &'static str) -> Self {
        let queue = json!({ "Fn::GetAtt": [queue, "QueueName"] });
        Self { namespace: "AWS/SQS", name, of: vec![("QueueName", queue)], statistic }
    }

    /// A metric of a function, which is named by its id.
    pub(super) fn lambda(function: &str, name: &'static str, statistic: &'static str) -> Self {
        Self { namespace: "AWS/Lambda", name, of: vec![("FunctionName", reference(function))], statistic }
    }
}

impl Alarm {
    pub(super) fn add(self, template: &mut Template, fleet: &Fleet<'_>) {
        let topic: Option<Vec<&String>> = fleet.settings.alarms.topic.as_ref().map(|topic| vec![topic]);
        let of = self.metric.of.iter().map(|(name, value)| json!({ "Name": name, "Value": value }));
        let properties = json!({
            "AlarmName": format!("{}-{}", fleet.stack, self.name),
            "AlarmDescription": self.why,
            "Namespace": self.metric.namespace,
            "MetricName": self.metric.name,
            "Dimensions": of.collect::<Vec<Value>>(),
            "Statistic": self.metric.statistic,
            "Period": PERIOD_S,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": self.most,
            "EvaluationPeriods": self.periods,
            // Idle resources report no points.
            "TreatMissingData": "notBreaching",
            "AlarmActions": topic,
            "OKActions": topic,
        });
        template.add(self.id, "AWS::CloudWatch::Alarm", properties);
    }
}
