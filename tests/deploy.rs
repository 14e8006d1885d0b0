//! Checks the templates of the examples' stacks with AWS's own linter and with a scanner of policies.

mod support;

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use celeriac_aws::PRICES;
use serde_json::Value;
use support::{example, text};
use tempfile::TempDir;

/// The checkers, in a separate Python environment.
fn tools() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Command::new(root.join("tests/python")).arg("lint").output().expect("a shell");
    assert!(made.status.success(), "{}", text(&made.stderr));
    let python = PathBuf::from(text(&made.stdout).trim());
    python.parent().expect("an interpreter lies in a folder").to_owned()
}

/// Runs a checker on all templates at once, since it takes longer to start than to check. It must report nothing.
fn passes(tool: &Path, args: &[&str], templates: &[PathBuf]) {
    let checked = Command::new(tool).args(args).args(templates).output().expect("the checker runs");
    let said = text(&checked.stdout) + &text(&checked.stderr);
    assert!(checked.status.success(), "{}: {said}", tool.display());
}

/// The template of an example's stack. With settings, its functions are versions.
fn template(program: &str, settings: Option<&str>) -> Vec<u8> {
    let mut command = example(program);
    command.args(["deploy", "template", "--store", "aws:prod"]);
    if let Some(settings) = settings {
        command.args(["--code", "program-1.zip", "--settings"]).arg(settings);
    }
    let written = command.output().expect("the program runs");
    assert!(written.status.success(), "{program}: {}", text(&written.stderr));
    written.stdout
}

#[test]
fn templates_of_the_examples_pass_their_checks() {
    let lint = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lint");
    let (tools, folder) = (tools(), TempDir::new().expect("a temporary folder"));
    let every = format!("{lint}/every-setting.toml");
    let smoke = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/smoke/deploy.toml").to_owned();
    let templates =
        [("mail_campaign", None), ("nightly_report", None), ("smoke", Some(&*smoke)), ("web_signup", Some(&*every))];
    let templates = templates.map(|(program, settings)| {
        let file = folder.path().join(format!("{program}.json"));
        fs::write(&file, template(program, settings)).expect("a temporary folder can be written to");
        file
    });
    passes(&tools.join("cfn-lint"), &[], &templates);
    let config = format!("{lint}/checkov.yaml");
    let args = ["--config-file", &config, "--framework", "cloudformation", "--quiet", "--compact", "--skip-download"];
    passes(&tools.join("checkov"), &[&args[..], &["--file"]].concat(), &templates);
}

#[test]
fn recipes_name_what_the_template_has() {
    let recipes = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/deploy");
    let (tools, folder) = (tools(), TempDir::new().expect("a temporary folder"));
    let stack = template("web_signup", None);
    // cfn-lint reads the nested template too, and compares its parameters and outputs.
    let sam = folder.path().join("template.yaml");
    fs::write(folder.path().join("celeriac.json"), &stack).expect("a temporary folder can be written to");
    fs::copy(format!("{recipes}/sam/template.yaml"), &sam).expect("the recipe is there");
    passes(&tools.join("cfn-lint"), &[], &[sam]);

    let stack: Value = serde_json::from_slice(&stack).expect("a template is JSON");
    let named = |recipe: &str, before: &str| -> Vec<String> {
        let text = fs::read_to_string(format!("{recipes}/{recipe}")).expect("the recipe is there");
        let names = text.split(before).skip(1).map(|rest| rest.split('"').next().unwrap_or_default().to_owned());
        names.collect()
    };
    let (ids, outputs) = (named("cdk/app.js", "getResource(\""), named("terraform/main.tf", ".outputs[\""));
    assert!(!ids.is_empty() && outputs.len() >= 2, "{ids:?} {outputs:?}");
    for id in ids {
        assert!(stack["Resources"][&id].is_object(), "the template has no resource {id}");
    }
    for output in outputs {
        assert!(stack["Outputs"][&output].is_object(), "the template has no output {output}");
    }
    passes(&tools.join("hcl2tojson"), &[], &[PathBuf::from(format!("{recipes}/terraform/main.tf"))]);
}

/// The most dollars that an idle stack of one queue may cost in a month.
const MOST: f64 = 1.0;

/// A month of 30 days.
const MONTH_S: f64 = 30.0 * 86_400.0;

/// How long one poll of Lambda waits for messages.
const POLL_S: f64 = 20.0;

/// How many pollers an empty queue has: with a limit on the mapping, and without one (`Using Lambda with Amazon SQS` in
/// the guide of Lambda).
const POLLERS: (f64, f64) = (5.0, 2.0);

/// A sweep: how often, and what it takes at most. The last two are estimates: one read, a start now and then, and what
/// Lambda and the dispatcher log.
const SWEEP_S: f64 = 300.0;
const SWEEP_TAKES_S: f64 = 0.1;
const SWEEP_LOGS_BYTES: f64 = 1e3;

/// What an idle stack costs in a month, by the lines of `docs/deploy.md`.
fn idle(template: &Value) -> Vec<(&'static str, f64)> {
    let resources = template["Resources"].as_object().expect("a template");
    let properties = |kind: &str| {
        let of_kind = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
        of_kind.map(|(id, resource)| (id.as_str(), &resource["Properties"])).collect::<Vec<_>>()
    };
    let polls = |start: &str| {
        let mappings =
            properties("AWS::Lambda::EventSourceMapping").into_iter().filter(|(id, _)| id.starts_with(start));
        let pollers =
            mappings.map(|(_, mapping)| if mapping["ScalingConfig"].is_object() { POLLERS.0 } else { POLLERS.1 });
        pollers.sum::<f64>() * MONTH_S / POLL_S * PRICES.of("SQS", "ReceiveMessage")
    };
    let schedules = properties("AWS::Scheduler::Schedule");
    assert_eq!(schedules.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["SweepSchedule"], "nothing else is due");
    assert_eq!(schedules[0].1["ScheduleExpression"], "rate(5 minutes)");
    let sweeps = MONTH_S / SWEEP_S;
    let memory_mb = resources["Dispatcher"]["Properties"]["MemorySize"].as_f64().expect("a size");
    let sweep = PRICES.of("Scheduler", "CreateSchedule")
        + PRICES.of("Lambda", "Invoke")
        + SWEEP_TAKES_S * memory_mb / 1024.0 * PRICES.lambda_gb_s
        + PRICES.of("DynamoDB", "Query");
    let watched = |alarm: &Value| {
        alarm["Metrics"]
            .as_array()
            .map_or(1, |metrics| metrics.iter().filter(|metric| metric["MetricStat"].is_object()).count())
    };
    let watched: usize = properties("AWS::CloudWatch::Alarm").into_iter().map(|(_, alarm)| watched(alarm)).sum();
    vec![
        ("polls of the queue", polls("Mapping")),
        ("polls of its dead-letter queue", polls("DeadMapping")),
        ("polls of `prod-failures`", polls("FailuresMapping")),
        ("sweeps", sweeps * sweep),
        ("log lines of the sweeps", sweeps * SWEEP_LOGS_BYTES / 1e9 * PRICES.log_gb),
        ("alarms", watched as f64 * PRICES.alarm_metric),
    ]
}

#[test]
fn an_idle_stack_costs_what_the_documentation_says_and_at_most_a_dollar_a_month() {
    let template = serde_json::from_slice(&template("web_signup", None)).expect("a template is JSON");
    let mut lines = idle(&template);
    lines.push(("together", lines.iter().map(|(_, dollars)| dollars).sum()));
    let page = include_str!("../docs/deploy.md");
    for (what, dollars) in &lines {
        let row = page.lines().find(|line| line.starts_with(&format!("| {what} |")));
        let row = row.unwrap_or_else(|| panic!("docs/deploy.md has no row for {what}"));
        assert!(row.ends_with(&format!("| ${dollars:.2} |")), "{what}: {dollars:.4} dollars, and the page says: {row}");
    }
    let (_, together) = lines.last().expect("there are lines");
    assert!(*together <= MOST, "{lines:?}");
}

/// The settings of a file, by their names in the documentation.
fn settings(file: &toml::Table) -> BTreeSet<String> {
    let named = file.iter().flat_map(|(name, value)| match (name.as_str(), value) {
        ("environment" | "secrets" | "tags" | "vpc", _) => vec![format!("[{name}]")],
        ("queues", toml::Value::Table(queues)) => {
            let settings = queues.values().filter_map(toml::Value::as_table).flat_map(toml::Table::keys);
            settings.map(|setting| format!("queues.NAME.{setting}")).collect()
        }
        (_, toml::Value::Table(settings)) => settings.keys().map(|setting| format!("{name}.{setting}")).collect(),
        _ => vec![name.clone()],
    });
    named.collect()
}

#[test]
fn every_setting_is_documented_and_checked() {
    let every = include_str!("lint/every-setting.toml").parse().expect("it is TOML");
    let page = include_str!("../docs/deploy.md");
    let (_, section) = page.split_once("\n## Settings\n").expect("the page has a section of settings");
    let (section, _) = section.split_once("\n## ").expect("another one follows");
    let names = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let documented: BTreeSet<String> = names.flat_map(|names| names.split('`')).map(str::to_owned).collect();
    let documented: BTreeSet<_> = documented.into_iter().filter(|name| !["", ", "].contains(&name.as_str())).collect();
    assert_eq!(settings(&every), documented);
}
