//! The first creation of a stack fails, since its code is not there, and leaves nothing behind that the next one trips
//! over.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use celeriac::StoreUrl;
use serde_json::Value;

use super::{Seen, aws::Aws, say};

/// A key under which no bucket has anything.
const MISSING: &str = "celeriac-smoke-drill-of-code-that-is-not-there.zip";

pub fn run(aws: &Aws, store: &StoreUrl, bucket: Option<&str>) -> Result<Seen> {
    let Some(bucket) = bucket else { return Ok(Seen::Not("`--bucket` has to name a bucket of yours".to_owned())) };
    let stack = store.rest();
    if aws.json(&["cloudformation", "describe-stacks", "--stack-name", stack]).is_ok() {
        return Ok(Seen::Not(format!("there is a stack `{stack}`: name one that does not exist, as aws:smoke-drill")));
    }
    let url = upload(aws, store, bucket)?;
    let mut reasons = Vec::new();
    for attempt in ["first", "second"] {
        say(&format!("the {attempt} creation of {stack}, which has to fail"));
        reasons.push(create(aws, stack, bucket, &url)?);
    }
    for reason in &reasons {
        ensure!(!reason.contains("already exists"), "the second creation found what the first one had left: {reason}");
    }
    let left = left_behind(aws, stack)?;
    ensure!(left.is_empty(), "left behind: {}", left.join(", "));
    Ok(Seen::Well(format!("failed twice for the same cause, and nothing is left behind: {}", reasons[1])))
}

/// Writes the template of the stack, with this program, to the bucket.
fn upload(aws: &Aws, store: &StoreUrl, bucket: &str) -> Result<String> {
    let written = Command::new(std::env::current_exe()?)
        .args(["deploy", "template", "--store", store.as_ref()])
        .output()
        .context("this program writes the template")?;
    ensure!(written.status.success(), "no template: {}", String::from_utf8_lossy(&written.stderr));
    let (file, key) = (std::env::temp_dir().join("celeriac-smoke-drill.json"), "celeriac-smoke-drill.json");
    fs::write(&file, &written.stdout)?;
    let body = file.to_str().context("the folder for temporary files has a name in UTF-8")?;
    aws.json(&["s3api", "put-object", "--bucket", bucket, "--key", key, "--body", body])?;
    fs::remove_file(&file)?;
    if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL") {
        return Ok(format!("{endpoint}/{bucket}/{key}"));
    }
    let region = aws.json(&["s3api", "get-bucket-location", "--bucket", bucket])?;
    let region = region["LocationConstraint"].as_str().unwrap_or("us-east-1");
    Ok(format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"))
}

/// Creates the stack, waits until that has failed, and deletes it. Returns why it failed.
fn create(aws: &Aws, stack: &str, bucket: &str, url: &str) -> Result<String> {
    let of = ["--stack-name", stack];
    let (bucket, key) = (
        format!("ParameterKey=CodeBucket,ParameterValue={bucket}"),
        format!("ParameterKey=CodeKey,ParameterValue={MISSING}"),
    );
    let create = ["cloudformation", "create-stack", "--template-url", url, "--parameters", &bucket, &key];
    aws.json(&[&create[..], &["--capabilities", "CAPABILITY_NAMED_IAM"], &of].concat())?;
    let describe = [&["cloudformation", "describe-stacks"][..], &of].concat();
    let status = loop {
        let found = aws.json(&describe)?;
        let status = found["Stacks"][0]["StackStatus"].as_str().unwrap_or_default().to_owned();
        if !status.ends_with("_IN_PROGRESS") {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_secs(2));
    };
    let events = aws.json(&[&["cloudformation", "describe-stack-events"][..], &of].concat())?;
    aws.json(&[&["cloudformation", "delete-stack"][..], &of].concat())?;
    aws.json(&[&["cloudformation", "wait", "stack-delete-complete"][..], &of].concat())?;
    if status != "ROLLBACK_COMPLETE" {
        bail!("after the creation the stack's status was {status}, not ROLLBACK_COMPLETE");
    }
    cause(&events).context("no event says why the creation failed")
}

/// The reason of the first resource that failed.
fn cause(events: &Value) -> Option<String> {
    let events = events["StackEvents"].as_array()?.iter().rev();
    let mut failed = events.filter(|event| event["ResourceStatus"] == "CREATE_FAILED");
    failed.find_map(|event| {
        Some(format!("{}: {}", event["LogicalResourceId"].as_str()?, event["ResourceStatusReason"].as_str()?))
    })
}

/// The queues and tables of the stack that are still there.
fn left_behind(aws: &Aws, stack: &str) -> Result<Vec<String>> {
    let queues = aws.json(&["sqs", "list-queues", "--queue-name-prefix", &format!("{stack}-")])?;
    let queues = queues["QueueUrls"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    let tables = aws.json(&["dynamodb", "list-tables"])?;
    let tables = tables["TableNames"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(queues.chain(tables.filter(|table| *table == stack).map(str::to_owned)).collect())
}
