//! Tests the walls that ARCHITECTURE.md states: which crate may depend on which, and which module of the core on which.
//! Cargo reports the dependencies of crates.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// The crates that a package depends on with all of its features, without its tests' dependencies.
fn dependencies(package: &str) -> BTreeSet<String> {
    tree(package, &["--all-features"])
}

fn tree(package: &str, features: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let tree = ["tree", "--locked", "--package", package, "--edges", "normal", "--prefix", "none"];
    let output = Command::new(cargo)
        .args(tree)
        .args(features)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("names of crates are text");
    lines.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

const BACKENDS: &[&str] = &["celeriac-aws", "celeriac-embedded", "celeriac-lambda", "celeriac-memory", "celeriac-sim"];

#[track_caller]
fn knows_no_backend(package: &str) {
    let known = dependencies(package);
    assert!(known.contains("serde") && known.len() > 10, "that is not its tree: {known:?}");
    for backend in BACKENDS.iter().chain(&["rusqlite", "libsqlite3-sys", "lambda_runtime"]) {
        assert!(!known.contains(*backend), "{package} depends on {backend}");
    }
    let sdk = known.iter().find(|name| name.starts_with("aws-"));
    assert!(sdk.is_none(), "{package} depends on {sdk:?}");
}

#[test]
fn the_core_knows_no_backend() {
    knows_no_backend("celeriac-core");
}

#[test]
fn dispatcher_and_worker_know_no_backend() {
    knows_no_backend("celeriac-dispatcher");
    knows_no_backend("celeriac-worker");
}

#[test]
fn backends_know_neither_dispatcher_nor_worker() {
    // The exception is the backend that runs both in functions.
    for backend in ["celeriac-aws", "celeriac-embedded", "celeriac-memory", "celeriac-sim"] {
        let known = dependencies(backend);
        assert!(!known.contains("celeriac-dispatcher") && !known.contains("celeriac-worker"), "{backend}: {known:?}");
    }
}

#[test]
fn the_macros_know_nothing_of_the_rest() {
    assert!(
        dependencies("celeriac-macros").iter().all(|name| !name.starts_with("celeriac") || name == "celeriac-macros")
    );
}

#[test]
fn a_server_that_only_sends_to_aws_builds_no_more_than_that() {
    let known = tree("celeriac", &["--no-default-features", "--features", "aws-client"]);
    assert!(known.contains("aws-sdk-sqs"), "that is not its tree: {known:?}");
    for needless in ["aws-sdk-s3", "lambda_runtime", "celeriac-lambda", "zip", "object", "toml", "clap", "rusqlite"] {
        assert!(!known.contains(needless), "it depends on {needless}");
    }
}

/// The modules of the core. Each may name those before it.
const MODULES: &[&str] = &[
    "backoff",
    "bitmap",
    "duration",
    "id",
    "lane",
    "name",
    "panics",
    "portions",
    "wire",
    "ports",
    "schedule",
    "task",
    "store",
    "parcel",
    "planner",
    "protocol",
    "scheduler",
    "client",
];

#[test]
fn each_module_of_the_core_names_only_those_before_it() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("task-core/src");
    let mut seen = 0;
    for (place, module) in MODULES.iter().enumerate() {
        for (file, source) in sources(&core, module) {
            for named in named(&source) {
                let there = MODULES.iter().position(|other| *other == named);
                let there = there.unwrap_or_else(|| panic!("{file} names `crate::{named}`, which is not in the list"));
                assert!(there <= place, "{file}: `{module}` stands below `{named}`, and may not name it");
                seen += usize::from(there < place);
            }
        }
    }
    assert!(seen > 50, "only {seen} references were found");
}

/// The files of a module with their sources.
fn sources(core: &Path, module: &str) -> Vec<(String, String)> {
    let read = |path: &Path| (path.display().to_string(), fs::read_to_string(path).expect("a source can be read"));
    let file = core.join(format!("{module}.rs"));
    if file.exists() {
        return vec![read(&file)];
    }
    let entries = fs::read_dir(core.join(module)).expect("a module is a file or a folder");
    entries.map(|entry| read(&entry.expect("an entry").path())).collect()
}

/// The modules that a source names after `crate::`, one or several in braces. Comments are left out.
fn named(source: &str) -> Vec<String> {
    let code: String = source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let word =
        |text: &str| text.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let mut named: Vec<String> = Vec::new();
    for after in code.split("crate::").skip(1) {
        let Some(braces) = after.strip_prefix('{') else {
            named.push(word(after));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (at, letter) in braces.char_indices() {
            match letter {
                '{' => depth += 1,
                ',' if depth == 0 => {
                    named.push(word(&braces[start..at]));
                    start = at + 1;
                }
                '}' if depth == 0 => {
                    named.push(word(&braces[start..at]));
                    break;
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    named.retain(|name| !name.is_empty());
    named
}
