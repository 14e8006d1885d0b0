//! Compares the template that the stack was deployed from with the one that the program and its settings make now.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Finding, Live, Wanted, part::unknown};

/// The most differences that are named.
const NAMED: usize = 5;

const SUBJECT: &str = "template";

pub(super) fn judge(wanted: &Wanted<'_>, live: &Live) -> Finding {
    let text = match &live.template {
        Ok(Some(text)) => text,
        Ok(None) => return unknown(SUBJECT, "the stack has none"),
        Err(why) => return unknown(SUBJECT, why),
    };
    let Ok(deployed) = serde_json::from_str::<Value>(text) else {
        return Finding::warning(SUBJECT, "the stack's is not JSON, so `deploy template` has not written it");
    };
    let differences = differences(&deployed, &wanted.template);
    if differences.is_empty() {
        return Finding::ok(SUBJECT, "the stack is what this program and its settings want");
    }
    let named: Vec<&str> = differences.iter().take(NAMED).map(String::as_str).collect();
    let more = differences.len() - named.len();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Finding::warning(
        SUBJECT,
        format!(
            "the stack was deployed from other tasks or settings: {}{more}. `deploy apply --dry-run` shows what would change, \
             `deploy apply` changes it",
            named.join(", ")
        ),
    )
}

/// The key of the zip that the stack was deployed with; `None` if its template has it as a parameter, or has no function.
pub(super) fn code(text: &str) -> Option<String> {
    let template: Value = serde_json::from_str(text).ok()?;
    let mut functions =
        template["Resources"].as_object()?.values().filter(|one| one["Type"] == "AWS::Lambda::Function");
    functions.find_map(|one| one["Properties"]["Code"]["S3Key"].as_str()).map(str::to_owned)
}

/// What differs, by the names of resources and their properties. Another version is a consequence of what differs of its
/// function, and named like that.
fn differences(deployed: &Value, wanted: &Value) -> Vec<String> {
    let empty = Map::new();
    let resources = |template: &'_ Value| {
        let mut all = template["Resources"].as_object().cloned().unwrap_or_default();
        all.retain(|_, resource| resource["Type"] != "AWS::Lambda::Version");
        all
    };
    let (deployed, wanted) = (resources(deployed), resources(wanted));
    let ids: BTreeSet<&String> = deployed.keys().chain(wanted.keys()).collect();
    let of = |id: &String| match (deployed.get(id), wanted.get(id)) {
        (None, _) => vec![format!("{id} is new")],
        (_, None) => vec![format!("{id} is no longer wanted")],
        (Some(has), Some(wants)) if has != wants => {
            let (old, new) = [has, wants].map(|one| one["Properties"].as_object().unwrap_or(&empty)).into();
            let properties: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let differ = properties.into_iter().filter(|name| old.get(*name) != new.get(*name));
            let differ = differ.filter(|name| has["Type"] != "AWS::Lambda::Alias" || *name != "FunctionVersion");
            let differ: Vec<String> = differ.map(|name| format!("{id}.{name}")).collect();
            // Else an attribute such as `DeletionPolicy` differs.
            if differ.is_empty() && old == new { vec![id.clone()] } else { differ }
        }
        _ => Vec::new(),
    };
    ids.into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Level, testing::Stage},
        *,
    };

    fn judged(deployed: &str, now: &str) -> Finding {
        let deployed = Stage::new(deployed).template();
        let mut stage = Stage::new(now);
        stage.live.template = Ok(Some(deployed.to_string()));
        stage.judge(|wanted, live| vec![judge(wanted, live)]).remove(0)
    }

    #[test]
    fn what_differs_is_named_by_its_properties() {
        assert_eq!(judged("cap = 50", "cap = 50").level, Level::Ok);
        let finding = judged("", "worker.memory = 1024\nqueues.mail.road = \"process\"\ndispatcher.concurrency = 5");
        assert_eq!(finding.level, Level::Warning);
        let start = "the stack was deployed from other tasks or settings: ";
        assert!(finding.text.starts_with(start), "{}", finding.text);
        let all = differences(
            &Stage::new("").template(),
            &Stage::new("worker.memory = 1024\nqueues.mail.road = \"process\"").template(),
        );
        for named in ["QueueMail is new", "Worker.MemorySize", "DispatcherRole.Policies"] {
            assert!(all.iter().any(|one| one == named), "{all:?}");
        }
        let back = differences(&Stage::new("queues.mail.road = \"process\"").template(), &Stage::new("").template());
        assert!(back.iter().any(|one| one == "QueueMail is no longer wanted"), "{back:?}");
        // `retain` is no property.
        let kept = differences(&Stage::new("retain = false").template(), &Stage::new("").template());
        assert_eq!(kept, ["DeadQueueDefault", "QueueDefault", "Table"]);
    }

    #[test]
    fn versions_are_no_difference_of_their_own() {
        let of_versions = |settings| Stage::of_versions(settings).template();
        assert_eq!(code(&of_versions("").to_string()).as_deref(), Some("celeriac/1.zip"));
        assert_eq!(code(&Stage::new("").template().to_string()), None);
        assert_eq!(differences(&of_versions(""), &of_versions("worker.memory = 1024")), ["Worker.MemorySize"]);
        let all = differences(&Stage::new("").template(), &of_versions(""));
        assert!(all.iter().any(|one| one == "WorkerAlias is new"), "{all:?}");
    }

    #[test]
    fn a_template_of_someone_else_is_named_as_such() {
        let mut stage = Stage::new("");
        stage.live.template = Ok(Some("Resources:\n  Queue: {}".to_owned()));
        let finding = stage.judge(|wanted, live| vec![judge(wanted, live)]).remove(0);
        assert_eq!(finding.level, Level::Warning);
        assert!(finding.text.contains("is not JSON"));
    }
}
