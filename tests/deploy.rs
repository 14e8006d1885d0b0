//! Checks the templates of the examples' stacks with AWS's own linter and with a scanner of policies.

mod support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

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

#[test]
fn templates_of_the_examples_pass_their_checks() {
    let lint = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lint");
    let (tools, folder) = (tools(), TempDir::new().expect("a temporary folder"));
    let every = format!("{lint}/every-setting.toml");
    let smoke = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/smoke/deploy.toml").to_owned();
    let templates =
        [("mail_campaign", None), ("nightly_report", None), ("smoke", Some(&smoke)), ("web_signup", Some(&every))];
    let templates = templates.map(|(program, settings)| {
        let mut command = example(program);
        command.args(["deploy", "template", "--store", "aws:prod"]);
        if let Some(settings) = settings {
            command.arg("--settings").arg(settings);
        }
        let written = command.output().expect("the program runs");
        assert!(written.status.success(), "{program}: {}", text(&written.stderr));
        let template = folder.path().join(format!("{program}.json"));
        fs::write(&template, written.stdout).expect("a temporary folder can be written to");
        template
    });
    passes(&tools.join("cfn-lint"), &[], &templates);
    let config = format!("{lint}/checkov.yaml");
    let args = ["--config-file", &config, "--framework", "cloudformation", "--quiet", "--compact", "--skip-download"];
    passes(&tools.join("checkov"), &[&args[..], &["--file"]].concat(), &templates);
}
