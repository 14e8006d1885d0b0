//! What a change set would do, in words, and which of it would lose calls.

use serde::Serialize;

/// Resources that hold calls, results, or the parcels of calls.
const HOLDING: [(&str, &str); 3] =
    [("AWS::DynamoDB::Table", "table"), ("AWS::S3::Bucket", "bucket"), ("AWS::SQS::Queue", "queue")];

/// What would become of one resource.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Change {
    /// In `CloudFormation`'s words: `Add`, `Modify`, `Remove`, ..
    pub(crate) action: String,
    pub(crate) id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Its name at its service, if it exists.
    pub(crate) name: Option<String>,
    /// Whether another resource takes its place: `True`, `False`, or `Conditional`, which only shows when it is done.
    pub(crate) replacement: Option<String>,
    /// What becomes of a resource that is removed or replaced: `Delete`, `Retain`, `ReplaceAndRetain`, ..
    pub(crate) policy: Option<String>,
    /// The properties that differ.
    pub(crate) properties: Vec<String>,
}

impl Change {
    fn is_replacement(&self) -> bool {
        matches!(self.replacement.as_deref(), Some("True" | "Conditional"))
    }

    /// The sign of the change in a list of them.
    fn sign(&self) -> char {
        match self.action.as_str() {
            "Add" | "Import" => '+',
            "Remove" => '-',
            _ if self.is_replacement() => '!',
            _ => '~',
        }
    }

    /// One line for people.
    pub(crate) fn text(&self) -> String {
        let properties = self.properties.join(", ");
        let what = match (self.action.as_str(), self.replacement.as_deref(), self.policy.as_deref()) {
            ("Remove", _, Some("Retain")) => "leaves the stack, but is not deleted".to_owned(),
            ("Remove", ..) => "is deleted".to_owned(),
            ("SyncWithActual", ..) => "stays as it is".to_owned(),
            (_, Some("True"), _) => format!("is replaced by a new one: {properties}"),
            (_, Some("Conditional"), _) => format!("may be replaced by a new one: {properties}"),
            _ => properties,
        };
        format!("{} {} ({}) {what}", self.sign(), self.id, self.kind).trim_end().to_owned()
    }
}

/// How many changes of each kind, in words.
pub(crate) fn count(changes: &[Change]) -> String {
    let signs = |signs: &[char]| changes.iter().filter(|change| signs.contains(&change.sign())).count();
    let (add, change, remove) = (signs(&['+']), signs(&['~', '!']), signs(&['-']));
    format!("{add} to add, {change} to change, {remove} to remove")
}

/// Which changes would lose calls, results or what calls are known by, and how to keep them.
pub(crate) fn losses(changes: &[Change]) -> Vec<String> {
    changes.iter().filter_map(loss).collect()
}

fn loss(change: &Change) -> Option<String> {
    let (_, kind) = HOLDING.iter().find(|(kind, _)| *kind == change.kind)?;
    let name = change.name.as_deref().map_or(change.id.as_str(), |name| name.rsplit('/').next().unwrap_or(name));
    let (what, cure) = if change.is_replacement() {
        let may = if change.replacement.as_deref() == Some("True") { "would" } else { "might" };
        let properties = change.properties.join(", ");
        (
            format!("{may} be REPLACED by an empty one ({properties})"),
            "Keep what it was, or deploy a second stack under another name and move to it".to_owned(),
        )
    } else if change.action == "Remove" && change.policy.as_deref() != Some("Retain") {
        let keep = match *kind {
            "queue" => {
                "Keep the queue as `[queues.NAME]` in the settings until it is empty, or deploy `retain = true` first"
            }
            _ => "Deploy `retain = true` first",
        };
        ("would be DELETED".to_owned(), keep.to_owned())
    } else {
        return None;
    };
    Some(format!("{kind} `{name}` {what}, and what is in it is lost. {cure}. If nothing in it is needed: --replace"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(action: &str, kind: &str, replacement: Option<&str>, policy: Option<&str>) -> Change {
        Change {
            action: action.to_owned(),
            id: "QueueMail".to_owned(),
            kind: kind.to_owned(),
            name: Some("https://sqs.x/1/prod-mail".to_owned()),
            replacement: replacement.map(str::to_owned),
            policy: policy.map(str::to_owned),
            properties: vec!["QueueName".to_owned()],
        }
    }

    #[test]
    fn what_holds_calls_may_not_be_replaced_or_deleted() {
        let queue = "AWS::SQS::Queue";
        let replaced = losses(&[change("Modify", queue, Some("True"), Some("ReplaceAndRetain"))]);
        assert_eq!(
            replaced,
            [
                "queue `prod-mail` would be REPLACED by an empty one (QueueName), and what is in it is lost. Keep what it was, or \
             deploy a second stack under another name and move to it. If nothing in it is needed: --replace"
            ]
        );
        assert!(losses(&[change("Modify", queue, Some("Conditional"), None)])[0].contains("might be REPLACED"));
        let removed = losses(&[change("Remove", queue, None, Some("Delete"))]);
        assert!(removed[0].contains("would be DELETED") && removed[0].contains("`[queues.NAME]`"), "{removed:?}");
        let table = losses(&[change("Remove", "AWS::DynamoDB::Table", None, None)]);
        assert!(table[0].contains("Deploy `retain = true` first"), "{table:?}");
    }

    #[test]
    fn what_loses_nothing_is_let_through() {
        for (action, kind, replacement, policy) in [
            ("Remove", "AWS::SQS::Queue", None, Some("Retain")),
            ("Modify", "AWS::SQS::Queue", Some("False"), None),
            ("Add", "AWS::SQS::Queue", None, None),
            ("Remove", "AWS::CloudWatch::Alarm", None, Some("Delete")),
            ("Modify", "AWS::Lambda::Function", Some("True"), None),
        ] {
            assert!(losses(&[change(action, kind, replacement, policy)]).is_empty(), "{action} {kind}");
        }
    }

    #[test]
    fn changes_are_one_line_each_and_are_counted() {
        let queue = "AWS::SQS::Queue";
        let all = [
            change("Add", queue, None, None),
            change("Modify", queue, Some("False"), None),
            change("Modify", queue, Some("True"), None),
            change("Remove", queue, None, Some("Retain")),
            change("Remove", queue, None, Some("Delete")),
        ];
        assert_eq!(count(&all), "1 to add, 2 to change, 2 to remove");
        assert_eq!(
            all.iter().map(Change::text).collect::<Vec<_>>(),
            [
                "+ QueueMail (AWS::SQS::Queue) QueueName",
                "~ QueueMail (AWS::SQS::Queue) QueueName",
                "! QueueMail (AWS::SQS::Queue) is replaced by a new one: QueueName",
                "- QueueMail (AWS::SQS::Queue) leaves the stack, but is not deleted",
                "- QueueMail (AWS::SQS::Queue) is deleted",
            ]
        );
    }
}
