//! Tests `deploy rollback`.

use aws_tests::{Asked, Fault, Proxy};
use serde_json::json;

use crate::desk::{Desk, Said};

/// A stack that fits the local AWS's concurrency.
const SETTINGS: &str = "cap = 8\nalarms.topic = \"arn:aws:sns:eu-central-1:000000000000:night\"";

/// A stack whose functions have two versions, each of another program.
fn deployed_twice() -> Desk {
    let desk = Desk::new(SETTINGS);
    desk.apply(&[]).ok();
    desk.program("false");
    desk.apply(&[]).ok();
    desk
}

/// The versions that the aliases of dispatcher and worker name.
fn live(desk: &Desk) -> [String; 2] {
    desk.aws(async |config| {
        let lambda = aws_sdk_lambda::Client::new(config);
        let alias = async |function: &str| {
            let alias = lambda.get_alias().function_name(function).name("live").send().await;
            alias.expect("it has one").function_version.expect("it names a version")
        };
        [alias("prod-dispatcher").await, alias("prod-worker").await]
    })
}

/// The key of the zip of a version.
fn program(desk: &Desk, version: &str) -> String {
    desk.aws(async |config| {
        let lambda = aws_sdk_lambda::Client::new(config);
        let function = lambda.get_function_configuration().function_name("prod-worker").qualifier(version);
        function.send().await.expect("it is there").description.expect("it names its zip")
    })
}

#[test]
fn functions_step_back_and_the_next_program_goes_forward() {
    let desk = deployed_twice();
    assert_eq!(live(&desk), ["2", "2"]);
    let old = program(&desk, "1");
    let row = |function: &str, from, to, program: &str| format!("{function:<15}  {from:>4}  {to:>2}  {program}\n");
    let table = |result: &str| {
        format!(
            "stack prod {result}\nFUNCTION         FROM  TO  PROGRAM\n{}{}",
            row("prod-dispatcher", 2, 1, &old),
            row("prod-worker", 2, 1, &old)
        )
    };
    let dry = desk.run(&["rollback", "--dry-run"]).ok();
    assert_eq!((dry.out, live(&desk)), (table("would step back"), ["2", "2"].map(str::to_owned)));
    let back = desk.run(&["rollback"]).ok();
    assert_eq!((&back.out, live(&desk)), (&table("stepped back"), ["1", "1"].map(str::to_owned)));
    back.notes(
        "the next `deploy apply` of another program, or of settings that change a function, goes forward again.",
    );

    let said = desk.check(&[]).ok();
    let warned = "warning  function prod-worker: its alias `live` is at version 1, and 2 was deployed last";
    assert!(said.out.lines().any(|line| line.starts_with(warned)), "{}", said.out);
    assert!(said.out.contains("ok       template: the stack is what this program and its settings want"));

    // The same program again would be the one that was stepped back from.
    assert!(desk.apply(&[]).ok().out.starts_with("stack                prod (unchanged)\n"));
    assert_eq!(live(&desk), ["1", "1"]);
    desk.program("echo");
    desk.apply(&[]).ok();
    assert_eq!(live(&desk), ["3", "3"]);
    let json = desk.run(&["rollback", "--json"]).ok().json();
    assert_eq!((&json["stack"], &json["result"]), (&json!("prod"), &json!("stepped back")));
    assert_eq!(
        json["functions"][1],
        json!({ "function": "prod-worker", "from": "3", "to": 2, "program": program(&desk, "2") })
    );
}

#[test]
fn after_other_settings_only_what_they_changed_steps_back() {
    let desk = deployed_twice();
    desk.settings(&format!("{SETTINGS}\nworker.memory = 1024"));
    desk.apply(&[]).ok();
    assert_eq!(live(&desk), ["2", "3"]);
    desk.run(&["rollback"]).ok();
    assert_eq!(live(&desk), ["2", "2"]);
    // The step before was that of the program.
    desk.run(&["rollback"]).ok();
    assert_eq!(live(&desk), ["1", "1"]);
}

#[test]
fn a_stack_that_cannot_step_back_is_left_alone() {
    let desk = Desk::new(SETTINGS);
    desk.run(&["rollback"]).fails(1, &["error: stack prod does not exist: `deploy apply` makes it"]);
    desk.apply(&[]).ok();
    let single = "error: function prod-dispatcher has no version before 1, so no function steps back: deploy the older program, \
                  `deploy apply --binary PATH`";
    desk.run(&["rollback"]).fails(1, &[single]);
    assert_eq!(live(&desk), ["1", "1"]);
    desk.aws(async |config| {
        let lambda = aws_sdk_lambda::Client::new(config);
        lambda.delete_alias().function_name("prod-dispatcher").name("live").send().await.expect("it is deleted");
    });
    let without =
        "error: function prod-dispatcher has no alias `live`, since it was deployed without versions: deploy the";
    desk.run(&["rollback"]).fails(1, &[without]);
    let said = desk.check(&[]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("function prod-dispatcher: its alias `live` was deleted, so nothing can invoke it"));
}

#[test]
fn functions_step_back_together_or_not_at_all() {
    let desk = deployed_twice();
    let proxy = Proxy::start(desk.aws.endpoint(), |asked: &Asked| {
        let is_of_worker =
            asked.operation.starts_with("PUT ") && asked.operation.ends_with("/prod-worker/aliases/live");
        if is_of_worker { Fault::Refused(403, "AccessDeniedException") } else { Fault::None }
    });
    let denied = "error: cannot point the alias `live` of prod-worker at version 1: AccessDenied";
    let whole = "; all functions are where they were";
    Said::of(desk.command(proxy.endpoint(), &["rollback"])).fails(1, &[denied, whole]);
    assert_eq!(live(&desk), ["2", "2"]);
}
