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

/// What differs, by the names of resources and their properties.
fn differences(deployed: &Value, wanted: &Value) -> Vec<String> {
    let empty = Map::new();
    let resources = |template: &'_ Value| template["Resources"].as_object().cloned().unwrap_or_default();
    let (deployed, wanted) = (resources(deployed), resources(wanted));
    let ids: BTreeSet<&String> = deployed.keys().chain(wanted.keys()).collect();
    let of = |id: &String| match (deployed.get(id), wanted.get(id)) {
        (None, _) => vec![format!("{id} is new")],
        (_, None) => vec![format!("{id} is no longer wanted")],
        (Some(has), Some(wants)) if has != wants => {
            let (old, new) = [has, wants].map(|one| one["Properties"].as_object().unwrap_or(&empty)).into();
            let properties: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            let differ = properties.into_iter().filter(|name| old.get(*name) != new.get(*name));
            let differ: Vec<String> = differ.map(|name| format!("{id}.{name}")).collect();
            if differ.is_empty() { vec![id.clone()] } else { differ }
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
    fn a_template_of_someone_else_is_named_as_such() {
        let mut stage = Stage::new("");
        stage.live.template = Ok(Some("Resources:\n  Queue: {}".to_owned()));
        let finding = stage.judge(|wanted, live| vec![judge(wanted, live)]).remove(0);
        assert_eq!(finding.level, Level::Warning);
        assert!(finding.text.contains("is not JSON"));
    }
}
