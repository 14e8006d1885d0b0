//! Tests `deploy apply`.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_tests::{Asked, Fault, Proxy};
use serde_json::json;

use crate::desk::{APPLY, Desk, Said, s3};

/// The bucket for the account and region of the local AWS.
const BUCKET: &str = "celeriac-code-000000000000-eu-central-1";

/// The keys of the bucket for programs and templates.
fn uploaded(desk: &Desk) -> Vec<String> {
    desk.aws(async |config| {
        let listed = s3(config).list_objects_v2().bucket(BUCKET).send().await.expect("the bucket is there");
        listed.contents().iter().filter_map(|one| one.key().map(str::to_owned)).collect()
    })
}

fn zips(desk: &Desk) -> usize {
    uploaded(desk).iter().filter(|key| key.rsplit_once('.').is_some_and(|(_, kind)| kind == "zip")).count()
}

#[test]
fn a_stack_is_created_then_left_alone_then_updated() {
    let desk = Desk::new("cap = 8");
    let first = desk.apply(&[]).ok();
    assert!(first.out.starts_with("stack                prod (created)\nCeleriacAlias        live\n"), "{}", first.out);
    first.notes("stack prod in account 000000000000, eu-central-1");
    first.notes(&format!("uploading the program, 0.0 MB, to s3://{BUCKET}"));
    first.notes("+ Worker (AWS::Lambda::Function)");
    first.notes("CREATE_COMPLETE Worker (AWS::Lambda::Function)");
    assert!(first.err.contains(" to add, 0 to change, 0 to remove\n"), "{}", first.err);
    assert_eq!(zips(&desk), 1);

    let again = desk.apply(&[]).ok();
    assert!(
        again.out.starts_with("stack                prod (unchanged)\nCeleriacAlias        live\n"),
        "{}",
        again.out
    );
    again.notes(&format!("the program is in s3://{BUCKET} already"));
    assert!(!again.err.contains("uploading"), "{}", again.err);

    desk.program("false");
    let updated = desk.apply(&["--json"]).ok().json();
    assert_eq!((&updated["result"], &updated["outputs"]["CeleriacStore"]), (&json!("updated"), &json!("aws:prod")));
    let changes = updated["changes"].as_array().expect("a list");
    let of = |id: &str| changes.iter().find(|change| change["id"] == id).map(|change| &change["properties"]);
    assert_eq!((of("Worker"), of("Dispatcher")), (Some(&json!(["Code"])), Some(&json!(["Code"]))));
    assert_eq!(of("Table"), None);
    // Each function has another version. The local AWS does not list the aliases that name them.
    let versions = |action: &str| {
        let of_kind = changes.iter().filter(|change| change["type"] == "AWS::Lambda::Version");
        of_kind.filter(|change| change["action"] == action).count()
    };
    assert_eq!((versions("Add"), versions("Remove")), (2, 2), "{changes:?}");
    assert_eq!(zips(&desk), 2);
}

#[test]
fn too_little_concurrency_is_warned_of_before_it_hurts() {
    let desk = Desk::new("cap = 100000");
    let dry = desk.apply(&["--dry-run"]).ok();
    dry.notes(
        "warning: concurrency: 100000 workers (`cap`) and 1000 dispatchers (1 wide queue) may run at a time, but",
    );
    desk.settings("cap = 8");
    let dry = desk.apply(&["--dry-run"]).ok();
    assert!(!dry.err.contains("warning: concurrency"), "{}", dry.err);
}

#[test]
fn the_bucket_that_it_makes_is_closed() {
    let desk = Desk::new("");
    desk.apply(&[]).ok();
    desk.aws(async |config| {
        let s3 = s3(config);
        let closed = s3.get_public_access_block().bucket(BUCKET).send().await.expect("it is closed");
        let closed = closed.public_access_block_configuration().expect("it says how").clone();
        assert_eq!((closed.block_public_acls(), closed.block_public_policy()), (Some(true), Some(true)));
        assert_eq!((closed.ignore_public_acls(), closed.restrict_public_buckets()), (Some(true), Some(true)));
        let policy = s3.get_bucket_policy().bucket(BUCKET).send().await.expect("it has a policy");
        assert!(policy.policy().expect("a text").contains("aws:SecureTransport"));
    });
}

#[test]
fn a_dry_run_shows_the_changes_and_makes_none() {
    let desk = Desk::new("");
    let dry = desk.apply(&["--dry-run"]).ok();
    assert!(dry.out.contains("+ Table (AWS::DynamoDB::Table)\n"), "{}", dry.out);
    assert!(dry.out.ends_with(" to add, 0 to change, 0 to remove\n"), "{}", dry.out);
    let stacks = || {
        desk.aws(async |config| {
            let listed = aws_sdk_cloudformation::Client::new(config).describe_stacks().send().await.expect("a list");
            let statuses = listed.stacks().iter().filter_map(|stack| stack.stack_status());
            statuses
                .map(|status| status.as_str().to_owned())
                .filter(|status| status != "DELETE_COMPLETE")
                .collect::<Vec<_>>()
        })
    };
    assert!(stacks().is_empty(), "{:?}", stacks());

    desk.apply(&[]).ok();
    desk.settings("worker.memory = 1024\nqueues.extra.road = \"process\"");
    let dry = desk.apply(&["--dry-run"]).ok();
    assert!(dry.out.contains("~ Worker (AWS::Lambda::Function) MemorySize"), "{}", dry.out);
    assert!(dry.out.contains("+ QueueExtra (AWS::SQS::Queue)\n"), "{}", dry.out);
    assert_eq!(stacks(), ["CREATE_COMPLETE"]);
    let memory = desk.aws(async |config| {
        let function = aws_sdk_lambda::Client::new(config).get_function_configuration().function_name("prod-worker");
        function.send().await.expect("it is there").memory_size()
    });
    assert_eq!(memory, Some(512));
}

#[test]
fn a_queue_that_would_be_deleted_is_named_and_kept() {
    let desk = Desk::new("retain = false\nqueues.extra.road = \"process\"");
    desk.apply(&[]).ok();
    desk.settings("retain = false");
    let why = [
        "queue `prod-extra` would be DELETED",
        "Keep the queue as `[queues.NAME]`",
        "If nothing in it is needed: --replace",
    ];
    let dry = desk.apply(&["--dry-run"]).fails(2, &why);
    assert!(dry.out.contains("- QueueExtra (AWS::SQS::Queue) is deleted\n"), "{}", dry.out);
    desk.apply(&[]).fails(2, &why);
    let queues = || {
        desk.aws(async |config| {
            let listed = aws_sdk_sqs::Client::new(config).list_queues().queue_name_prefix("prod-extra").send().await;
            listed.expect("a list").queue_urls().len()
        })
    };
    assert_eq!(queues(), 2);
    desk.apply(&["--replace"]).ok();
    assert_eq!(queues(), 0);

    // With `retain` it leaves the stack and stays.
    desk.settings("queues.extra.road = \"process\"");
    desk.apply(&[]).ok();
    desk.settings("");
    let left = desk.apply(&[]).ok();
    left.notes("- QueueExtra (AWS::SQS::Queue) leaves the stack, but is not deleted");
    assert_eq!(queues(), 2);
}

/// A layer that Lambda does not take.
const NO_LAYER: &str = "worker.layers = [\"arn:a:layer:insights:1\"]";

#[test]
fn a_failed_first_deployment_names_its_cause_and_can_be_repeated() {
    let desk = Desk::new(NO_LAYER);
    let failed = desk.apply(&[]).fails(
        1,
        &[
            "error: stack prod was not deployed, it is ROLLBACK_COMPLETE\n  Worker (AWS::Lambda::Function): ",
            "layer",
            "\nNothing was left behind but the stack's name. Mend the cause, then `deploy apply --recreate`\n",
        ],
    );
    assert_eq!(failed.out, "");
    failed.notes("CREATE_FAILED Worker (AWS::Lambda::Function): ");
    let blocked = "error: stack prod is ROLLBACK_COMPLETE";
    desk.apply(&[]).fails(1, &[blocked, "`deploy apply --recreate` deletes it and creates it again"]);
    desk.apply(&["--dry-run"]).fails(1, &[blocked]);
    let checked = desk.check(&[]);
    assert_eq!(checked.code, Some(1));
    assert!(checked.out.contains("error    stack prod: is ROLLBACK_COMPLETE"), "{}", checked.out);
    desk.settings("");
    desk.apply(&["--recreate"]).ok().notes("deleting stack prod, whose first deployment failed");
}

#[test]
fn a_failed_update_names_its_cause_and_leaves_the_stack_as_it_was() {
    let desk = Desk::new("");
    desk.apply(&[]).ok();
    desk.settings(&format!("{NO_LAYER}\nworker.memory = 1024"));
    desk.apply(&[]).fails(
        1,
        &[
            "error: stack prod was not deployed, it is UPDATE_ROLLBACK_COMPLETE\n  Worker (AWS::Lambda::Function): ",
            "\nThe stack is as it was before, and its calls go on. Mend the cause, then deploy again\n",
        ],
    );
    desk.settings("");
    let checked = desk.check(&[]).ok();
    assert!(checked.out.contains("warning  stack prod: UPDATE_ROLLBACK_COMPLETE: the last deployment failed"));
    desk.settings("worker.memory = 1024");
    desk.apply(&[]).ok();
}

#[test]
fn a_bucket_that_is_named_has_to_be_there_and_ones_own() {
    let desk = Desk::new("");
    let missing = "error: there is no bucket `shop-code`: make it, or leave --code-bucket out to have one made";
    desk.apply(&["--code-bucket", "shop-code"]).fails(1, &[missing]);
    desk.aws(async |config| {
        let place = BucketLocationConstraint::EuCentral1;
        let place = CreateBucketConfiguration::builder().location_constraint(place).build();
        s3(config)
            .create_bucket()
            .bucket("shop-code")
            .create_bucket_configuration(place)
            .send()
            .await
            .expect("a bucket");
    });
    desk.apply(&["--code-bucket", "shop-code"]).ok().notes("uploading the program, 0.0 MB, to s3://shop-code");

    // Another account has taken the name, and a bucket in another region, as S3 answers.
    for (status, says) in [
        (
            403,
            format!("error: the bucket `{BUCKET}` cannot be used: it belongs to another account than 000000000000, or"),
        ),
        (
            301,
            format!(
                "error: the bucket `{BUCKET}` is in another region than eu-central-1, and Lambda reads programs only"
            ),
        ),
    ] {
        let proxy = Proxy::start(desk.aws.endpoint(), move |asked: &Asked| {
            if asked.service == "s3" { Fault::Swallowed(status) } else { Fault::None }
        });
        let said = Said::of(desk.command(proxy.endpoint(), &APPLY));
        said.fails(1, &[&says, "name another with --code-bucket"]);
    }
}

#[test]
fn without_credentials_or_a_region_it_says_what_to_set() {
    let desk = Desk::new("");
    let mut command = desk.command(desk.aws.endpoint(), &APPLY);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    Said::of(command).fails(3, &["check the credentials of this process (AWS_PROFILE) and what their role allows"]);
    let mut command = desk.command(desk.aws.endpoint(), &APPLY);
    command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
    Said::of(command).fails(3, &["set AWS_REGION, or a region in the profile that AWS_PROFILE names"]);
}

#[test]
fn a_request_that_is_denied_names_what_it_was_for() {
    let desk = Desk::new("");
    for (operation, says) in [
        ("DescribeStacks", "error: cannot look at the stack: AccessDenied"),
        ("CreateChangeSet", "error: cannot make a change set: AccessDenied"),
        ("ExecuteChangeSet", "error: cannot execute the change set: AccessDenied"),
    ] {
        let proxy = Proxy::start(desk.aws.endpoint(), move |asked: &Asked| {
            if asked.operation == operation { Fault::Refused(403, "AccessDenied") } else { Fault::None }
        });
        Said::of(desk.command(proxy.endpoint(), &APPLY)).fails(1, &[says, "what their role allows"]);
    }
}
