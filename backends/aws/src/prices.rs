//! The prices of AWS, on one date and in one region. No other code in Celeriac knows a price.

/// Prices in dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// When they were read from AWS's price list.
    pub date: &'static str,
    /// The region they apply to. Other regions charge up to about half as much again.
    pub region: &'static str,
    /// A million requests of SQS, each of up to 64 KB, standard queues.
    pub sqs: f64,
    /// A million requests of Lambda.
    pub lambda: f64,
    /// A gigabyte of a function's memory for a second, arm64.
    pub lambda_gb_s: f64,
    /// The same, x86-64.
    pub lambda_gb_s_x86: f64,
    /// A gigabyte of a function's provisioned concurrency for a second, used or not, arm64.
    pub lambda_provisioned_gb_s: f64,
    /// A gigabyte of such a function's memory for a second in which it runs, arm64: on top of the provision.
    pub lambda_provisioned_run_gb_s: f64,
    /// A million write units of `DynamoDB` on demand, each of up to 1 KB.
    pub dynamodb_write: f64,
    /// A million read units of `DynamoDB` on demand, each of up to 4 KB read consistently.
    pub dynamodb_read: f64,
    /// A million schedules of EventBridge Scheduler.
    pub scheduler: f64,
    /// A million objects written to S3.
    pub s3_put: f64,
    /// A million objects read from S3.
    pub s3_get: f64,
    /// A metric of a `CloudWatch` alarm, for a month. An alarm over several metrics costs as much as one for each.
    pub alarm_metric: f64,
    /// A gigabyte of log lines, taken in by `CloudWatch`.
    pub log_gb: f64,
}

/// The prices for bills and estimates.
pub const PRICES: Prices = Prices {
    date: "November 2026",
    region: "us-east-1",
    sqs: 0.40,
    lambda: 0.20,
    lambda_gb_s: 0.000_013_333_4,
    lambda_gb_s_x86: 0.000_016_666_7,
    lambda_provisioned_gb_s: 0.000_003_333_4,
    lambda_provisioned_run_gb_s: 0.000_007_777_8,
    dynamodb_write: 0.625,
    dynamodb_read: 0.125,
    scheduler: 1.00,
    s3_put: 5.00,
    s3_get: 0.40,
    alarm_metric: 0.10,
    log_gb: 0.50,
};

impl Prices {
    /// The price of a request's unit, in dollars; zero for requests that AWS does not bill.
    pub fn of(&self, service: &str, operation: &str) -> f64 {
        let million = match (service, operation) {
            ("SQS", _) => self.sqs,
            ("Lambda", "Invoke") => self.lambda,
            ("DynamoDB", "GetItem" | "BatchGetItem" | "Query") => self.dynamodb_read,
            ("DynamoDB", _) => self.dynamodb_write,
            ("Scheduler", "CreateSchedule") => self.scheduler,
            ("S3", "PutObject") => self.s3_put,
            ("S3", "GetObject") => self.s3_get,
            _ => 0.0,
        };
        million / 1e6
    }
}
