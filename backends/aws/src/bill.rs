//! Computes the cost of a run from its counted requests and the price table.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    meter::{Operation, Usage},
    prices::PRICES,
};

/// The cost of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Bill {
    /// The calls of the run.
    pub calls: u64,
    /// The requests to AWS, by service and operation.
    pub lines: Vec<Line>,
}

/// One kind of request.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The service.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// How often.
    pub requests: u64,
    /// The billed amount, in units of the service.
    pub units: f64,
    /// Its cost.
    pub dollars: f64,
}

impl Bill {
    /// The bill for a meter's requests, for this many calls.
    pub fn new(usage: &BTreeMap<Operation, Usage>, calls: u64) -> Self {
        let lines = usage.iter().map(|((service, operation), usage)| Line {
            service: service.to_string(),
            operation: operation.to_string(),
            requests: usage.requests,
            units: usage.units,
            dollars: usage.units * PRICES.of(service, operation),
        });
        Self { calls, lines: lines.collect() }
    }

    /// Adds the time of functions: gigabytes of memory times seconds, arm64.
    #[must_use]
    pub fn with_compute(mut self, invocations: u64, gb_seconds: f64) -> Self {
        self.lines.push(Line {
            service: "Lambda".to_owned(),
            operation: "GB-seconds".to_owned(),
            requests: invocations,
            units: gb_seconds,
            dollars: gb_seconds * PRICES.lambda_gb_s,
        });
        self
    }

    /// The total cost, in dollars.
    pub fn dollars(&self) -> f64 {
        self.lines.iter().map(|line| line.dollars).sum()
    }

    /// The billed units of all requests, without the time of functions.
    pub fn units(&self) -> f64 {
        self.lines.iter().filter(|line| line.operation != "GB-seconds").map(|line| line.units).sum()
    }

    fn per_thousand(&self, value: f64) -> f64 {
        value * 1000.0 / self.calls.max(1) as f64
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requests: u64 = self.lines.iter().map(|line| line.requests).sum();
        writeln!(f, "cost of {} calls, prices of {} ({})", self.calls, PRICES.date, PRICES.region)?;
        writeln!(f, "  {:<9} {:<26} {:>9} {:>11} {:>11}", "SERVICE", "REQUEST", "REQUESTS", "UNITS", "DOLLARS")?;
        for Line { service, operation, requests, units, dollars } in &self.lines {
            writeln!(f, "  {service:<9} {operation:<26} {requests:>9} {units:>11.1} {dollars:>11.7}")?;
        }
        writeln!(f, "  {:<36} {requests:>9} {:>11.1} {:>11.7}", "in all", self.units(), self.dollars())?;
        write!(
            f,
            "  {:<36} {:>9.2} {:>11.2} {:>11.7}",
            "per 1,000 calls",
            self.per_thousand(requests as f64),
            self.per_thousand(self.units()),
            self.per_thousand(self.dollars())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_adds_up_and_says_what_a_thousand_calls_cost() {
        let mut usage = BTreeMap::new();
        let mut count = |service: &'static str, operation: &'static str, requests, units| {
            let of = Usage { requests, units, ..Usage::default() };
            usage.insert((service.into(), operation.into()), of);
        };
        count("SQS", "SendMessageBatch", 100, 1000.0);
        count("DynamoDB", "UpdateItem", 200, 200.0);
        count("STS", "AssumeRole", 1, 1.0);
        let bill = Bill::new(&usage, 100_000).with_compute(10, 100.0);
        let dollars = 1000.0 * 0.4e-6 + 200.0 * 0.625e-6 + 100.0 * 0.000_013_333_4;
        assert!((bill.dollars() - dollars).abs() < 1e-12, "{bill}");
        assert!((bill.units() - 1201.0).abs() < 1e-9, "{bill}");
        let text = bill.to_string();
        assert!(text.starts_with("cost of 100000 calls, prices of November 2026 (us-east-1)\n"), "{text}");
        assert!(text.ends_with("per 1,000 calls                           3.11       12.01   0.0000186"), "{text}");
    }
}
