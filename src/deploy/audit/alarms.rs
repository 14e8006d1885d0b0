//! Judges the alarms: whether they are there, are what the template made them, and whether anyone hears them.

use super::{
    Finding, Level, Live, Wanted,
    part::{REVERT, find},
    wanted::text,
};

const SUBJECT: &str = "alarms";

/// An alarm of a stack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarm {
    /// The properties that are no longer what the template made them.
    pub(crate) changed: Vec<String>,
}

/// One line for all that are well, and one for each that is not.
pub(super) fn judge(wanted: &Wanted<'_>, live: &Live) -> Vec<Finding> {
    let all = wanted.of_kind("AWS::CloudWatch::Alarm").map(|(id, properties)| {
        let subject = format!("alarm {}", text(&properties["AlarmName"]));
        match find(&live.alarms, id, &subject) {
            Ok(alarm) => judge_alarm(subject, alarm),
            Err(finding) => finding,
        }
    });
    let (well, mut findings): (Vec<_>, Vec<_>) = all.partition(|finding| finding.level == Level::Ok);
    let topic = wanted.settings().alarms.topic.is_some();
    let said = match (well.len(), topic) {
        (0, _) if findings.is_empty() => Finding::warning(
            SUBJECT,
            "there are none: nobody hears of calls that are late or lost; set `alarms.enabled = true` and `alarms.topic`",
        ),
        (0, _) => return findings,
        (count, true) => Finding::ok(SUBJECT, format!("{count} watch the stack")),
        (count, false) => Finding::warning(
            SUBJECT,
            format!("{count} watch the stack, but nobody would hear them: set `alarms.topic` to an SNS topic"),
        ),
    };
    findings.insert(0, said);
    findings
}

fn judge_alarm(subject: String, alarm: &Alarm) -> Finding {
    if alarm.changed.is_empty() {
        return Finding::ok(subject, "as it was made");
    }
    let changed = alarm.changed.join(", ");
    Finding::error(subject, format!("was changed by hand ({changed}), so it may be silent: {REVERT}"))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::Stage, *};

    const TOPIC: &str = "alarms.topic = \"arn:aws:sns:eu-central-1:111122223333:night\"";

    #[test]
    fn alarms_that_are_well_are_one_line() {
        let findings = Stage::new(TOPIC).judge(judge);
        assert_eq!(findings, [Finding::ok("alarms", "4 watch the stack")]);
        let findings = Stage::new("").judge(judge);
        assert_eq!(findings[0].level, Level::Warning);
        assert!(findings[0].text.contains("set `alarms.topic`"));
        let findings = Stage::new("alarms.enabled = false").judge(judge);
        assert!(findings[0].level == Level::Warning && findings[0].text.contains("set `alarms.enabled = true`"));
    }

    #[test]
    fn alarms_that_were_changed_or_deleted_are_named() {
        let mut stage = Stage::new(TOPIC);
        stage.alarm("prod-calls-failed").changed = vec!["ActionsEnabled".to_owned()];
        let id = stage.id_of_alarm("prod-default-late");
        stage.live.alarms.insert(id, Ok(None));
        let findings = stage.judge(judge);
        assert_eq!(findings.len(), 3);
        let of = |name: &str| findings.iter().find(|one| one.subject == format!("alarm {name}")).expect("it is named");
        assert!(of("prod-calls-failed").text.starts_with("was changed by hand (ActionsEnabled), so it may be silent"));
        assert!(of("prod-default-late").text.contains("was deleted, but not by CloudFormation"));
        assert!(findings[1..].iter().all(|finding| finding.level == Level::Error));
        assert_eq!(findings[0].text, "2 watch the stack");
    }
}
