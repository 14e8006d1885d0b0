//! Tests `deploy template`: the template of a stack. Each file has the tests of one noun.

mod alarms;
mod functions;
mod queues;
mod roles;
mod settings;
mod tasks;

use std::fs;

use serde_json::{Value, json};

use crate::site::{Answer, Site};

pub(crate) const SIZES: &str = env!("CARGO_BIN_EXE_sizes");

/// The setting that makes `sizes` deployable.
pub(crate) const FILMS: &str = "queues.films.road = \"process\"\n";

/// Runs `deploy template` with these settings.
fn deploy(program: &str, settings: &str) -> Answer {
    deploy_with(program, settings, &[])
}

/// The same, with further options.
pub(crate) fn deploy_with(program: &str, settings: &str, options: &[&str]) -> Answer {
    let site = Site::new();
    fs::write(site.path("stack.toml"), settings).unwrap();
    let args = [&["deploy", "template", "--store", "aws:prod", "--settings", "stack.toml"], options].concat();
    site.program(program, &args).output().unwrap().into()
}

fn resources(program: &str, settings: &str) -> Value {
    deploy(program, settings).ok().json()["Resources"].take()
}

/// The properties of a resource.
pub(crate) fn properties<'a>(resources: &'a Value, id: &str) -> &'a Value {
    assert!(resources[id].is_object(), "there is no {id}");
    &resources[id]["Properties"]
}

/// The statement of a role.
pub(crate) fn statement<'a>(resources: &'a Value, role: &str, sid: &str) -> &'a Value {
    let all = &properties(resources, role)["Policies"][0]["PolicyDocument"]["Statement"];
    let found = all.as_array().unwrap().iter().find(|statement| statement["Sid"] == sid);
    found.unwrap_or_else(|| panic!("{role} has no {sid}"))
}

/// All resources of a kind, without their ids.
fn of_kind<'a>(resources: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = resources.as_object().unwrap().values().filter(|one| one["Type"] == kind);
    all.map(|one| &one["Properties"]).collect()
}

#[test]
fn a_stack_has_what_its_tasks_need_and_is_written_the_same_again() {
    let (first, again) = (deploy(SIZES, FILMS).ok(), deploy(SIZES, FILMS).ok());
    assert_eq!(first.out, again.out);
    let template = first.json();
    let resources = template["Resources"].as_object().unwrap();
    let outline = resources.iter().filter(|(_, resource)| resource["Type"] != "AWS::CloudWatch::Alarm");
    let outline: Vec<_> =
        outline.map(|(id, resource)| format!("{id} {}", resource["Type"].as_str().unwrap())).collect();
    // The names of all resources: a resource whose name changes is replaced.
    assert_eq!(outline, include_str!("../sizes.outline").lines().collect::<Vec<_>>());
    assert_eq!(template["Outputs"]["CeleriacStore"]["Value"], "aws:prod");
    assert_eq!(template["Parameters"].as_object().unwrap().keys().collect::<Vec<_>>(), ["CodeBucket", "CodeKey"]);
}

#[test]
fn a_dashboard_and_log_queries_cover_the_whole_stack() {
    let all = resources(SIZES, &format!("{FILMS}dashboard = true\nlog_queries = true"));
    let dashboard = properties(&all, "Dashboard");
    assert_eq!(dashboard["DashboardName"], "prod");
    let body = dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let graphs: Value = serde_json::from_str(&body.replace("${AWS::Region}", "eu-central-1")).unwrap();
    assert!(graphs["widgets"].as_array().unwrap().iter().all(|graph| graph["properties"]["region"] == "eu-central-1"));
    let of_the_stack =
        ["prod-default", "prod-films-dead", "prod-failures", "prod-dispatcher", "prod-worker-3008", "prod"];
    for name in of_the_stack {
        assert!(body.contains(&format!("\"{name}\"")), "{name}");
    }
    assert_eq!(body.matches("${").count(), body.matches("${AWS::Region}").count());
    let queries = of_kind(&all, "AWS::Logs::QueryDefinition");
    assert_eq!(queries.len(), 5);
    let page = include_str!("../../../../../docs/stuck.md");
    for name in ["errors", "one call", "launches"] {
        let query = queries.iter().find(|query| query["Name"] == format!("celeriac/prod/{name}")).unwrap();
        let block = format!("```text\n{}\n```", query["QueryString"].as_str().unwrap());
        assert!(page.contains(&block), "docs/stuck.md lacks {block}");
    }
    let groups = ["WorkerLogs", "Worker3008Logs", "DispatcherLogs"].map(|id| json!({ "Ref": id }));
    for query in queries {
        assert_eq!(query["LogGroupNames"], json!(groups));
        assert!(query["Name"].as_str().unwrap().starts_with("celeriac/prod/"), "{query}");
    }
    let plain = resources(SIZES, FILMS).to_string();
    assert!(!plain.contains("AWS::CloudWatch::Dashboard") && !plain.contains("AWS::Logs::QueryDefinition"));
}

#[test]
fn a_stack_has_to_have_a_name() {
    let site = Site::new();
    let nameless = "error: no stack is named: pass --store aws:NAME, or set CELERIAC_STORE";
    for command in ["apply", "check", "rollback", "template"] {
        site.shop(&["deploy", command]).fails(2, nameless);
    }
    let wrong = "error: `Prod` is no stack's name: a letter, then 2 to 39 more of a-z, 0-9 and `-`";
    site.shop(&["deploy", "template", "--store", "aws:Prod"]).fails(2, wrong);
    let answer = site.shop(&["deploy", "template", "--store", "aws:prod", "--settings", "none.toml"]);
    assert_eq!(answer.code, Some(2));
    assert!(answer.err.starts_with("error: the settings `none.toml` cannot be read: "), "{}", answer.err);
}

#[test]
fn what_cannot_be_deployed_is_refused_before_aws_is_asked() {
    let site = Site::new();
    let deploy = |args: &[&str]| site.shop(&[&["deploy"], args, &["--store", "aws:prod"]].concat());
    for command in ["apply", "check"] {
        let answer = deploy(&[command, "--binary", "none"]);
        assert_eq!(answer.code, Some(2));
        assert!(answer.err.starts_with("error: the program `none` cannot be read: "), "{}", answer.err);
        fs::write(site.path("text"), "no program").unwrap();
        let answer = deploy(&[command, "--binary", "text"]);
        assert_eq!(answer.code, Some(2));
        assert!(answer.err.starts_with("error: the program `text` cannot be a function: not a Linux program"));
    }
    let answer = deploy(&["apply", "--dry-run", "--recreate"]);
    assert!(answer.code == Some(2) && answer.err.contains("cannot be used with"), "{}", answer.err);
}
