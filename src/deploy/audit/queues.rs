//! Judges the queues: whether a message stays hidden for as long as its receiver may work, and where dead ones go.

use serde_json::Value;

use super::{
    Finding, Live, Wanted,
    finding::Faults,
    part::{REVERT, find},
    wanted::{number, referred, text},
};

/// A queue as SQS has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    pub(crate) visibility_s: u64,
    pub(crate) retention_s: u64,
    /// The ARN of its dead-letter queue, and how often a message is received before.
    pub(crate) dead: Option<(String, u64)>,
    /// How many messages wait, about.
    pub(crate) waiting: u64,
}

pub(super) fn judge(wanted: &Wanted<'_>, live: &Live) -> Vec<Finding> {
    let queues = wanted.of_kind("AWS::SQS::Queue").map(|(id, properties)| {
        let subject = format!("queue {}", text(&properties["QueueName"]));
        match find(&live.queues, id, &subject) {
            Ok(queue) => judge_queue(subject, properties, queue, live),
            Err(finding) => finding,
        }
    });
    queues.collect()
}

fn judge_queue(subject: String, wanted: &Value, queue: &Queue, live: &Live) -> Finding {
    let mut faults = Faults::default();
    let needed_s = number(&wanted["VisibilityTimeout"]);
    if queue.visibility_s < needed_s {
        faults.error(format!(
            "it hides a message for {} s, and a receiver may need {needed_s} s: the message would come again meanwhile; {REVERT}",
            queue.visibility_s
        ));
    }
    let kept_s = number(&wanted["MessageRetentionPeriod"]);
    if queue.retention_s < kept_s {
        faults.error(format!(
            "it keeps messages for {} s instead of {kept_s} s, then SQS deletes them: calls may be lost; {REVERT}",
            queue.retention_s
        ));
    }
    if let Some((dead, receives)) = dead_letters(wanted, live) {
        match &queue.dead {
            None => faults.error(format!("it has no dead-letter queue; {REVERT}")),
            Some((arn, _)) if !arn.ends_with(&format!(":{dead}")) => {
                faults.error(format!("its dead messages go to {arn}, and should go to {dead}; {REVERT}"));
            }
            // A parcel's message is received often while its calls are retried: they would become dead letters.
            Some((_, has)) if *has < receives => faults.error(format!(
                "a message is put aside after {has} receives instead of {receives}, also if its calls are only tried again; \
                 {REVERT}"
            )),
            Some(_) => {}
        }
    }
    let hides = format!("{} s hidden while it is worked on, {} messages wait", queue.visibility_s, queue.waiting);
    faults.finding(subject, hides)
}

/// The name of the dead-letter queue that it should have, and after how many receives.
fn dead_letters<'a>(wanted: &Value, live: &'a Live) -> Option<(&'a str, u64)> {
    let policy = &wanted["RedrivePolicy"];
    let url = live.names.get(referred(&policy["deadLetterTargetArn"])?)?;
    Some((url.rsplit('/').next()?, number(&policy["maxReceiveCount"])))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Level, testing::Stage},
        *,
    };

    /// What is said of a queue once this is changed about it.
    #[track_caller]
    fn says(id: &str, change: impl FnOnce(&mut Queue), level: Level, says: &str) {
        let mut stage = Stage::new("");
        change(stage.queue(id));
        let findings = stage.judge(judge);
        assert_eq!(
            findings.iter().filter(|finding| finding.level != Level::Ok).count(),
            usize::from(level != Level::Ok)
        );
        let finding = findings.iter().max_by_key(|finding| finding.level).expect("there are queues");
        assert!(finding.level == level && finding.text.contains(says), "{finding:?}");
    }

    #[test]
    fn a_queue_that_is_as_it_should_be_is_well() {
        says("QueueDefault", |_| (), Level::Ok, "s hidden while it is worked on, 0 messages wait");
        says("QueueDefault", |queue| queue.visibility_s += 1, Level::Ok, "");
    }

    #[test]
    fn what_is_wrong_with_a_queue_has_its_cure() {
        let queue = "QueueDefault";
        says(
            queue,
            |queue| queue.visibility_s = 30,
            Level::Error,
            "hides a message for 30 s, and a receiver may need 360 s",
        );
        says(
            queue,
            |queue| queue.retention_s = 345_600,
            Level::Error,
            "for 345600 s instead of 1209600 s, then SQS deletes",
        );
        says(
            queue,
            |queue| queue.dead = None,
            Level::Error,
            "it has no dead-letter queue; `deploy apply --revert-drift`",
        );
        let other = |queue: &mut Queue| queue.dead = Some(("arn:aws:sqs:x:1:other".to_owned(), 1_000));
        says(queue, other, Level::Error, "go to arn:aws:sqs:x:1:other, and should go to prod-default-dead");
        let soon = |queue: &mut Queue| queue.dead = queue.dead.take().map(|(arn, _)| (arn, 3));
        says(queue, soon, Level::Error, "put aside after 3 receives instead of 1000");
        says("FailuresQueue", |queue| queue.visibility_s = 1, Level::Error, "hides a message for 1 s");
    }
}
