//! One alarm, as `CloudWatch` has it.

use serde_json::{Value, json};

use super::{fleet::Fleet, template::Template};

/// What one point of a metric sums up, in seconds. SQS has one every five minutes for queues that rest.
const PERIOD_S: u32 = 300;

/// Goes off when the sum of its metrics is above `most`.
pub(super) struct Alarm<'a> {
    pub(super) id: String,
    /// Its name, after that of the stack.
    pub(super) name: String,
    /// What has happened, for whoever is woken up.
    pub(super) why: &'a str,
    pub(super) most: u64,
    /// In how many periods of five minutes in a row.
    pub(super) periods: u32,
    pub(super) statistic: &'a str,
    pub(super) metrics: Vec<Metric<'a>>,
}

/// A number that AWS takes of something.
#[derive(Clone)]
pub(super) struct Metric<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    /// What it is taken of.
    pub(super) of: Vec<(&'a str, Value)>,
}

impl Alarm<'_> {
    pub(super) fn add(self, template: &mut Template, fleet: &Fleet<'_>) {
        let topic: Vec<&String> = fleet.settings.alarms.topic.iter().collect();
        let actions = (!topic.is_empty()).then_some(topic);
        let mut properties = json!({
            "AlarmName": format!("{}-{}", fleet.stack, self.name),
            "AlarmDescription": self.why,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": self.most,
            "EvaluationPeriods": self.periods,
            // Nothing is reported where nothing happens.
            "TreatMissingData": "notBreaching",
            "AlarmActions": actions,
            "OKActions": actions,
        });
        if let [metric] = &*self.metrics {
            properties["Namespace"] = metric.namespace.into();
            properties["MetricName"] = metric.name.into();
            properties["Dimensions"] = metric.dimensions();
            properties["Statistic"] = self.statistic.into();
            properties["Period"] = PERIOD_S.into();
        } else {
            properties["Metrics"] = self.sum().into();
        }
        template.add(self.id, "AWS::CloudWatch::Alarm", properties);
    }

    fn sum(&self) -> Vec<Value> {
        let parts = self.metrics.iter().enumerate().map(|(place, metric)| {
            let what = json!({
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": metric.dimensions(),
            });
            let taken = json!({ "Metric": what, "Period": PERIOD_S, "Stat": self.statistic });
            json!({ "Id": format!("m{place}"), "MetricStat": taken, "ReturnData": false })
        });
        let sum = json!({ "Id": "sum", "Expression": "SUM(METRICS())", "Label": self.name, "ReturnData": true });
        parts.chain([sum]).collect()
    }
}

impl Metric<'_> {
    fn dimensions(&self) -> Value {
        self.of.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
    }
}
