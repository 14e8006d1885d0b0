//! One alarm, as `CloudWatch` has it.

use serde_json::{Value, json};

use super::{fleet::Fleet, template::Template};

/// What one point of a metric sums up, in seconds. SQS has one every five minutes for queues that rest.
const PERIOD_S: u32 = 300;

/// Goes off when a metric is above `most`.
pub(super) struct Alarm {
    pub(super) id: String,
    /// Its name, after that of the stack.
    pub(super) name: String,
    pub(super) metric: Metric,
    pub(super) most: u64,
    /// In how many periods of five minutes in a row.
    pub(super) periods: u32,
    /// What has happened, for whoever is woken up.
    pub(super) why: &'static str,
}

/// A number that AWS takes of something.
pub(super) struct Metric {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    /// What it is taken of.
    pub(super) of: Vec<(&'static str, Value)>,
    pub(super) statistic: &'static str,
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
            // Nothing is reported where nothing happens.
            "TreatMissingData": "notBreaching",
            "AlarmActions": topic,
            "OKActions": topic,
        });
        template.add(self.id, "AWS::CloudWatch::Alarm", properties);
    }
}
