//! Tests the settings of a stack: what they change, and those that are refused.

use serde_json::json;

use super::{deploy, properties, resources};
use crate::site::SHOP;

#[test]
fn settings_change_what_they_say() {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/shop";
    let all = resources(
        SHOP,
        &format!("kms_key = \"{key}\"\nbucket = \"create\"\ntags.team = \"shop\"\nalarms.enabled = false"),
    );
    assert_eq!(properties(&all, "QueueOrders")["KmsMasterKeyId"], key);
    assert_eq!(properties(&all, "Table")["SSESpecification"]["KMSMasterKeyId"], key);
    assert_eq!(properties(&all, "Worker")["Environment"]["Variables"]["CELERIAC_BUCKET"], json!({ "Ref": "Bucket" }));
    assert_eq!(properties(&all, "Worker")["Tags"], json!([{ "Key": "team", "Value": "shop" }]));
    assert!(!all.to_string().contains("AWS::CloudWatch::Alarm"));
    let topic = "arn:aws:sns:eu-central-1:111122223333:night";
    let all = resources(SHOP, &format!("alarms.topic = \"{topic}\"\nalarms.late = \"5m\""));
    let late =
        all.as_object().unwrap().values().find(|one| one["Properties"]["AlarmName"] == "prod-orders-late").unwrap();
    // The five minutes, and the 640 seconds for which a worker may have a message.
    assert_eq!(late["Properties"]["EvaluationPeriods"], 4);
    assert_eq!(late["Properties"]["AlarmActions"], json!([topic]));
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (settings, why) in [
        ("architecure = \"arm64\"", "line 1: unknown field `architecure`, expected one of"),
        ("architecure = \"arm64\"", "; did you mean `architecture`?"),
        (
            "cap = 1\n[queues.mail]\nraod = \"wide\"",
            "line 3: unknown field `raod`, expected one of `road`, `concurrency`, `provisioned_concurrency`; did you mean `road`?",
        ),
        ("queues.mail.road = \"narow\"", "; did you mean `narrow`?"),
        ("system_log_level = \"error\"", "unknown variant `error`, expected one of `debug`, `info`, `warn`"),
        ("cap = ", "line 1: "),
        ("worker.timeout = 300", "expected a string"),
        ("worker.timeout = \"5 minutes\"", "a duration is a whole number and a unit (ms, s, m, h, d), such as \"30s\""),
        ("worker.timeout = \"20m\"", "worker.timeout: `1200s`: whole seconds, 10 to 900"),
        ("worker.memory = 64", "worker.memory: `64`: 128 to 10240"),
        ("cap = 0", "cap: `0`: 1 to 100000"),
        ("dispatcher.concurrency = 1", "dispatcher.concurrency: `1`: 2 to 1000"),
        ("queues.mail.concurrency = 2000", "queues.mail.concurrency: `2000`: 2 to 1000"),
        ("queues.mail.provisioned_concurrency = 0", "queues.mail.provisioned_concurrency: `0`: 1 to 100000"),
        ("code = \"function.zip\"", "line 1: unknown field `code`, expected one of"),
        ("log_days = 31", "log_days: `31`: CloudWatch keeps log lines for one of 1, 3, 5, 7, 14, 30,"),
        ("kms_key = \"shop\"", "kms_key: `shop`: an ARN, `arn:..:kms:..`"),
        ("alarms.topic = \"night\"", "alarms.topic: `night`: an ARN, `arn:..:sns:..`"),
        ("worker.policies = [\"SES\"]", "worker.policies: `SES`: an ARN, `arn:..:policy/..`"),
        ("permissions_boundary = \"boundary\"", "permissions_boundary: `boundary`: an ARN, `arn:..:policy/..`"),
        ("role_path = \"team\"", "role_path: `team`: starts and ends with `/`, such as `/team/`: at most 512 of"),
        ("role_path = \"/a team/\"", "role_path: `/a team/`: starts and ends with `/`"),
        ("worker.reserved_concurrency = 0", "worker.reserved_concurrency: `0`: 1 to 100000"),
        ("dispatcher.reserved_concurrency = 0", "dispatcher.reserved_concurrency: `0`: 1 to 100000"),
        ("worker.ephemeral_storage = 100", "worker.ephemeral_storage: `100`: 512 to 10240"),
        (
            "worker.layers = [\"arn:aws:lambda:eu-central-1:111122223333:layer:insights\"]",
            "worker.layers: `arn:aws:lambda:eu-central-1:111122223333:layer:insights`: a layer's ARN with its version, \
             `arn:..:lambda:..:layer:NAME:VERSION`",
        ),
        (
            "dispatcher.layers = [\"arn:a:layer:b:1\", \"arn:a:layer:b:1\", \"arn:a:layer:b:1\", \"arn:a:layer:b:1\", \
             \"arn:a:layer:b:1\", \"arn:a:layer:b:1\"]",
            "dispatcher.layers: `6`: a function has at most 5 layers",
        ),
        ("table.warm_reads = 100", "table.warm_reads: `100`: 12000 to 1000000"),
        ("table.warm_writes = 100", "table.warm_writes: `100`: 4000 to 1000000"),
        (
            "retain = false\ntable.deletion_protection = true",
            "table.deletion_protection: `true`: with `retain = false` the stack could not be deleted",
        ),
        ("bucket = \"My Bucket\"", "bucket: `My Bucket`: `create`, or a bucket's name"),
        ("[queues.\"a queue\"]", "queues: `a queue`: a queue's name is 1 to 80 letters, digits, `_` or `-`"),
        (
            "environment.CELERIAC_CAP = \"1\"",
            "environment: `CELERIAC_CAP`: the template sets it from the other settings",
        ),
        ("environment.AWS_REGION = \"mars\"", "environment: `AWS_REGION`: Lambda sets it itself"),
        ("environment.1ST = \"x\"", "environment: `1ST`: a variable's name is a letter"),
        ("environment.KEY = \"{{resolve:ssm-secure:key}}\"", "does not resolve `ssm-secure` for functions"),
        ("tags.\"aws:team\" = \"shop\"", "tags: `aws:team`: a tag's name is 1 to 128 characters, and not AWS' own"),
        ("[vpc]\nsubnets = [\"subnet-1\"]", "vpc.security_groups: give at least one, `sg-..`"),
        (
            "[vpc]\nsubnets = [\"net\"]\nsecurity_groups = [\"sg-1\"]\nendpoints = true",
            "vpc.route_tables: give at least one",
        ),
    ] {
        let answer = deploy(SHOP, settings);
        assert_eq!(answer.code, Some(2), "{settings}: {}", answer.err);
        assert!(
            answer.err.starts_with("error: stack.toml: ") && answer.err.contains(why),
            "{settings}: {}",
            answer.err
        );
    }
}
