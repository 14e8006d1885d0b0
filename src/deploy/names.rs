//! The names of resources inside a template, and references between them.

use serde_json::{Value, json};

use super::fleet::Class;

/// Parts that each stack has once.
pub(super) const TABLE: &str = "Table";
pub(super) const BUCKET: &str = "Bucket";
pub(super) const FAILURES: &str = "FailuresQueue";
pub(super) const DISPATCHER: &str = "Dispatcher";
pub(super) const SCHEDULES: &str = "Schedules";
pub(super) const SCHEDULER_ROLE: &str = "SchedulerRole";

/// The id of a resource of this kind with a user's name: `Queue` and `mail` make `QueueMail`. If a name has other
/// characters than lowercase letters and digits, its id ends in the name's checksum, so that similar names stay
/// distinct. Each id depends on its own name alone, since a resource whose id changes is replaced.
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

/// A resource's name, or its URL.
pub(super) fn reference(id: &str) -> Value {
    json!({ "Ref": id })
}

/// A resource's ARN.
pub(super) fn arn(id: &str) -> Value {
    json!({ "Fn::GetAtt": [id, "Arn"] })
}

/// A text in which `${AWS::Region}` and the like are replaced by their values.
pub(super) fn text(text: impl Into<String>) -> Value {
    json!({ "Fn::Sub": text.into() })
}

/// The ARN of a resource in this account and region.
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
