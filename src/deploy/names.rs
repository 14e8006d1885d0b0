//! What resources are called inside a template, and how one refers to another.

use serde_json::{Value, json};

use super::fleet::Class;

/// The stack's own parts, each of which is there once.
pub(super) const TABLE: &str = "Table";
pub(super) const BUCKET: &str = "Bucket";
pub(super) const FAILURES: &str = "FailuresQueue";
pub(super) const DISPATCHER: &str = "Dispatcher";
pub(super) const SCHEDULES: &str = "Schedules";
pub(super) const SCHEDULER_ROLE: &str = "SchedulerRole";

/// A resource of this kind for something with a name of the user's: `Queue` and `mail` make `QueueMail`. Names that
/// differ only in signs or case end in their checksum, so that no two are one, and each depends on itself alone: a
/// resource that is renamed is made anew.
pub(super) fn logical(kind: &str, name: &str) -> String {
    let mut id = kind.to_owned();
    for word in name.split(|sign: char| !sign.is_ascii_alphanumeric()) {
        let (first, rest) = word.split_at(word.len().min(1));
        id += &first.to_ascii_uppercase();
        id += rest;
    }
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if plain { id } else { format!("{id}{:08x}", crc32fast::hash(name.as_bytes())) }
}

pub(super) fn queue(name: &str) -> String {
    logical("Queue", name)
}

pub(super) fn dead_queue(name: &str) -> String {
    logical("DeadQueue", name)
}

pub(super) fn worker(class: Class) -> String {
    class.map_or_else(|| "Worker".to_owned(), |memory| format!("Worker{memory}"))
}

/// The log group of a function, by the function's id.
pub(super) fn log_group(function: &str) -> String {
    format!("{function}Logs")
}

/// The role of a function, by the function's id.
pub(super) fn role(function: &str) -> String {
    format!("{function}Role")
}

/// What a resource is known by: its name, or its URL.
pub(super) fn reference(id: &str) -> Value {
    json!({ "Ref": id })
}

/// A resource's ARN.
pub(super) fn arn(id: &str) -> Value {
    json!({ "Fn::GetAtt": [id, "Arn"] })
}

/// A text in which `${AWS::Region}` and the like stand for what they are.
pub(super) fn text(text: impl Into<String>) -> Value {
    json!({ "Fn::Sub": text.into() })
}

/// The ARN of something of this account and region.
pub(super) fn arn_of(service: &str, resource: &str) -> Value {
    text(format!("arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_an_id_of_its_own() {
        assert_eq!(logical("Queue", "mail"), "QueueMail");
        assert_eq!(logical("Schedule", "report.nightly"), "ScheduleReportNightly0f940354");
        let names = ["a-b", "a_b", "ab", "aB", "A-B", "a--b", "-ab"];
        let ids: std::collections::BTreeSet<String> = names.iter().map(|name| logical("Queue", name)).collect();
        assert_eq!(ids.len(), names.len(), "{ids:?}");
        assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}
