//! One `CloudWatch` alarm, for a metric or for several by metric maths.

use serde_json::{Value, json};

use super::{fleet::Fleet, names::reference, template::Template};

/// The period of a metric's points, in seconds. SQS reports one every five minutes for idle queues.
pub(super) const PERIOD_S: u64 = 300;

/// The most periods of an alarm: together a day, since one is less than an hour (`PutMetricAlarm` in the reference of
/// `CloudWatch`).
pub(super) const MAX_PERIODS: u64 = 86_400 / PERIOD_S;

/// An alarm that goes off when what it watches is above `most`.
pub(super) struct Alarm {
    pub(super) id: String,
    /// Its name, which follows the stack's name.
    pub(super) name: String,
    pub(super) watches: Watched,
    pub(super) most: u64,
    /// How many five-minute periods in a row.
    pub(super) periods: u64,
    /// What has happened, for the person on call.
    pub(super) why: &'static str,
}

/// What an alarm watches.
pub(super) enum Watched {
    Metric(Metric),
    /// An expression over metrics, each with its name there.
    Maths {
        metrics: Vec<(&'static str, Metric)>,
        expression: String,
    },
}

impl From<Metric> for Watched {
    fn from(metric: Metric) -> Self {
        Self::Metric(metric)
    }
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

    fn dimensions(&self) -> Value {
        self.of.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
    }

    /// The metric as a part of an expression.
    fn query(&self, id: &str) -> Value {
        let metric = json!({ "Namespace": self.namespace, "MetricName": self.name, "Dimensions": self.dimensions() });
        let stat = json!({ "Metric": metric, "Period": PERIOD_S, "Stat": self.statistic });
        json!({ "Id": id, "MetricStat": stat, "ReturnData": false })
    }
}

impl Alarm {
    pub(super) fn add(self, template: &mut Template, fleet: &Fleet<'_>) {
        let topic: Option<Vec<&String>> = fleet.settings.alarms.topic.as_ref().map(|topic| vec![topic]);
        let mut properties = json!({
            "AlarmName": format!("{}-{}", fleet.stack, self.name),
            "AlarmDescription": self.why,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": self.most,
            "EvaluationPeriods": self.periods,
            // Idle resources report no points.
            "TreatMissingData": "notBreaching",
            // The default; only what is written is compared when drift is looked for.
            "ActionsEnabled": true,
            "AlarmActions": topic,
            "OKActions": topic,
        });
        match self.watches {
            Watched::Metric(metric) => {
                properties["Namespace"] = metric.namespace.into();
                properties["MetricName"] = metric.name.into();
                properties["Dimensions"] = metric.dimensions();
                properties["Statistic"] = metric.statistic.into();
                properties["Period"] = PERIOD_S.into();
            }
            Watched::Maths { metrics, expression } => {
                let metrics = metrics.into_iter().map(|(id, metric)| metric.query(id));
                let result = json!({ "Id": "result", "Expression": expression, "ReturnData": true });
                properties["Metrics"] = metrics.chain([result]).collect();
            }
        }
        template.add(self.id, "AWS::CloudWatch::Alarm", properties);
    }
}
