//! The AWS CLI, for what a program that sends calls may not do: change functions, and create stacks.

use std::{
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The AWS CLI.
pub struct Aws(String);

impl Aws {
    /// The one of the variable `AWS_CLI`, or `aws`.
    pub fn new() -> Result<Self> {
        let aws = Self(std::env::var("AWS_CLI").unwrap_or_else(|_| "aws".to_owned()));
        aws.text(&["--version"]).context("the drills need the AWS CLI")?;
        Ok(aws)
    }

    /// The JSON that this command prints, or null.
    pub fn json(&self, args: &[&str]) -> Result<Value> {
        let text = self.text(&[args, &["--output", "json"]].concat())?;
        if text.trim().is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }

    fn text(&self, args: &[&str]) -> Result<String> {
        let ran = Command::new(&self.0).args(args).env("AWS_PAGER", "").output();
        let ran = ran.with_context(|| format!("`{}` cannot be run", self.0))?;
        if !ran.status.success() {
            bail!("`aws {}` failed: {}", args.join(" "), String::from_utf8_lossy(&ran.stderr).trim());
        }
        Ok(String::from_utf8(ran.stdout)?)
    }

    /// The command as a person types it.
    pub fn command(args: &[&str]) -> String {
        let quoted =
            args.iter().map(|arg| if arg.contains(['{', ' ']) { format!("'{arg}'") } else { (*arg).to_owned() });
        format!("aws {}", quoted.collect::<Vec<_>>().join(" "))
    }

    /// How often a function has been invoked since then, as far as `CloudWatch` knows by now.
    pub fn launches(&self, function: &str, from_s: u64) -> String {
        match self.invocations(function, from_s) {
            Ok(sum) if sum > 0.0 => format!("CloudWatch counts {sum} invocations so far"),
            Ok(_) => "CloudWatch has no count of invocations yet".to_owned(),
            Err(error) => format!("CloudWatch says nothing: {error}"),
        }
    }

    fn invocations(&self, function: &str, from_s: u64) -> Result<f64> {
        // The metric has whole minutes.
        let (start, end) = ((from_s / 60 * 60).to_string(), (now_s() + 60).to_string());
        let dimension = format!("Name=FunctionName,Value={function}");
        let args = ["cloudwatch", "get-metric-statistics", "--namespace", "AWS/Lambda", "--metric-name", "Invocations"];
        let times = ["--dimensions", &dimension, "--start-time", &start, "--end-time", &end, "--period", "60"];
        let found = self.json(&[&args[..], &times, &["--statistics", "Sum"]].concat())?;
        let sums = found["Datapoints"].as_array().into_iter().flatten().filter_map(|point| point["Sum"].as_f64());
        Ok(sums.sum())
    }
}

/// Seconds since 1970.
#[allow(clippy::disallowed_methods, reason = "CloudWatch has the machine's time")]
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
