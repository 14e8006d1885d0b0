//! Judges the event-source mappings: whether functions receive from the queues that they are to serve, and how.

use serde_json::Value;

use super::{
    Finding, Live, Wanted,
    finding::Faults,
    part::{REVERT, find},
    wanted::{number, referred},
};

const APPLY: &str = "`deploy apply`, or with --revert-drift if it was changed by hand";

/// A mapping as Lambda has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    /// Its id, as the commands of AWS want it.
    pub(crate) uuid: String,
    /// In Lambda's words.
    pub(crate) state: String,
    pub(crate) queue_arn: String,
    pub(crate) function_arn: String,
    pub(crate) batch: u32,
    /// The most functions that it runs at a time.
    pub(crate) concurrency: Option<u32>,
    /// Whether a function may say which messages of a batch are to stay.
    pub(crate) partial: bool,
    /// What became of the last batch, if Lambda says so.
    pub(crate) result: Option<String>,
}

pub(super) fn judge(wanted: &Wanted<'_>, live: &Live) -> Vec<Finding> {
    let mappings = wanted.of_kind("AWS::Lambda::EventSourceMapping").map(|(id, properties)| {
        let queue = name(live, &properties["EventSourceArn"]);
        let subject = format!("mapping of {}", queue.as_deref().unwrap_or(id));
        match find(&live.mappings, id, &subject) {
            Ok(mapping) => judge_mapping(subject, properties, mapping, live),
            Err(finding) => finding,
        }
    });
    mappings.collect()
}

fn judge_mapping(subject: String, wanted: &Value, mapping: &Mapping, live: &Live) -> Finding {
    let mut faults = Faults::default();
    let uuid = &mapping.uuid;
    match mapping.state.as_str() {
        "Enabled" => {}
        "Creating" | "Enabling" | "Updating" => {
            faults.warning(format!("it is {}: look again in a minute", mapping.state));
        }
        state => faults.error(format!(
            "it is {state}, so no function receives messages: `aws lambda update-event-source-mapping --uuid {uuid} --enabled`"
        )),
    }
    let function = referred(&wanted["FunctionName"]).and_then(|id| live.names.get(id));
    if let Some(function) = function.filter(|function| !is_named(&mapping.function_arn, function)) {
        faults.error(format!("it invokes {}, and should invoke {function}: {APPLY}", mapping.function_arn));
    }
    if let Some(queue) = name(live, &wanted["EventSourceArn"]).filter(|queue| !is_named(&mapping.queue_arn, queue)) {
        faults.error(format!("it receives from {}, and should from {queue}: {APPLY}", mapping.queue_arn));
    }
    faults.unless_same("its batch size", &u64::from(mapping.batch), &number(&wanted["BatchSize"]), APPLY);
    let most = wanted["ScalingConfig"]["MaximumConcurrency"].as_u64();
    if mapping.concurrency.map(u64::from) != most {
        let shown = |most: Option<u64>| most.map_or_else(|| "none".to_owned(), |most| most.to_string());
        let has = shown(mapping.concurrency.map(u64::from));
        faults.error(format!("its maximum concurrency is {has}, and should be {}: {APPLY}", shown(most)));
    }
    if !mapping.partial {
        faults.error(format!(
            "it has no ReportBatchItemFailures, so Lambda deletes messages whose calls have not run: calls are lost; {REVERT}"
        ));
    }
    if let Some(problem) = mapping.result.as_ref().filter(|result| result.starts_with("PROBLEM")) {
        faults.warning(format!("Lambda says of its last batch `{problem}`: look at the function's log"));
    }
    let function = mapping.function_arn.rsplit_once(":function:").map_or("", |(_, name)| name);
    let most = mapping.concurrency.map_or_else(String::new, |most| format!(", at most {most} at a time"));
    faults.finding(subject, format!("Enabled, {} messages at a time to {function}{most}", mapping.batch))
}

/// The name of the queue that a template refers to.
fn name(live: &Live, queue: &Value) -> Option<String> {
    // SQS knows a queue by its URL, which ends in its name.
    let url = live.names.get(referred(queue)?)?;
    Some(url.rsplit('/').next().unwrap_or(url).to_owned())
}

/// Whether an ARN is that of this name; an alias of a function is named by its ARN.
fn is_named(arn: &str, name: &str) -> bool {
    arn == name || arn.strip_suffix(name).is_some_and(|start| start.ends_with(':'))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Level, testing::Stage},
        *,
    };

    /// What is said of the mapping of queue `default` once this is changed about it.
    #[track_caller]
    fn says(change: impl FnOnce(&mut Mapping), level: Level, says: &str) {
        let mut stage = Stage::new("");
        change(stage.mapping("MappingDefault"));
        let findings = stage.judge(judge);
        let finding = findings.iter().find(|one| one.subject == "mapping of prod-default").expect("the stack has it");
        assert_eq!(finding.level, level, "{}", finding.text);
        assert!(finding.text.contains(says), "{}", finding.text);
    }

    #[test]
    fn a_mapping_that_is_as_it_should_be_is_well() {
        says(|_| (), Level::Ok, "Enabled, 10 messages at a time to prod-dispatcher, at most 3 at a time");
        let findings = Stage::new("queues.hooks.road = \"narrow\"").judge(judge);
        let of_versions = Stage::of_versions("").judge(judge);
        assert!(of_versions.iter().all(|finding| finding.level == Level::Ok), "{of_versions:?}");
        assert!(of_versions.iter().all(|finding| finding.text.contains(" to prod-dispatcher:live")), "{of_versions:?}");
        assert_eq!(findings.len(), 5, "two queues with their dead letters, and reports of failures");
        assert!(findings.iter().all(|finding| finding.level == Level::Ok), "{findings:?}");
    }

    #[test]
    fn what_is_wrong_with_a_mapping_has_its_cure() {
        let cure = "it is Disabled, so no function receives messages: `aws lambda update-event-source-mapping --uuid \
                    uuid-MappingDefault --enabled`";
        says(|mapping| mapping.state = "Disabled".to_owned(), Level::Error, cure);
        says(|mapping| mapping.state = "Updating".to_owned(), Level::Warning, "look again in a minute");
        says(|mapping| mapping.batch = 1, Level::Error, "its batch size is 1, and should be 10");
        says(|mapping| mapping.concurrency = None, Level::Error, "its maximum concurrency is none, and should be 3");
        says(|mapping| mapping.partial = false, Level::Error, "calls are lost; `deploy apply --revert-drift`");
        let other =
            |mapping: &mut Mapping| mapping.function_arn = "arn:aws:lambda:x:1:function:shop-dispatcher".to_owned();
        says(
            other,
            Level::Error,
            "it invokes arn:aws:lambda:x:1:function:shop-dispatcher, and should invoke prod-dispatcher",
        );
        let other = |mapping: &mut Mapping| mapping.queue_arn = "arn:aws:sqs:x:1:other-prod-default".to_owned();
        says(other, Level::Error, "it receives from arn:aws:sqs:x:1:other-prod-default, and should from prod-default");
        let fails = |mapping: &mut Mapping| mapping.result = Some("PROBLEM: Function call failed".to_owned());
        says(fails, Level::Warning, "`PROBLEM: Function call failed`: look at the function's log");
    }
}
