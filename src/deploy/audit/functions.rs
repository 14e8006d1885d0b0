//! Judges the functions: whether they can run, the program that they run, and their size.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Finding, Live, Wanted,
    finding::Faults,
    part::{REVERT, find},
    wanted::{number, referred, text},
};
use crate::deploy::versions::{self, ALIAS};

/// The cure for a function that its settings differ from.
const APPLY: &str = "`deploy apply`, or with --revert-drift if it was changed by hand";

/// A function as Lambda has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    /// Whether it can be invoked, in Lambda's words.
    pub(crate) state: String,
    pub(crate) state_reason: Option<String>,
    /// How its last change ended, in Lambda's words.
    pub(crate) update: String,
    pub(crate) update_reason: Option<String>,
    /// The checksum of its program, in base 64.
    pub(crate) code: String,
    pub(crate) handler: String,
    pub(crate) architecture: String,
    pub(crate) memory_mb: u32,
    pub(crate) timeout_s: u32,
    pub(crate) reserved: Option<u32>,
    /// The version that its alias names; `None` if it was deployed without versions.
    pub(crate) live: Option<String>,
    pub(crate) environment: BTreeMap<String, String>,
}

pub(super) fn judge(wanted: &Wanted<'_>, live: &Live) -> Vec<Finding> {
    let functions = wanted.of_kind("AWS::Lambda::Function").map(|(id, properties)| {
        let subject = format!("function {}", text(&properties["FunctionName"]));
        match find(&live.functions, id, &subject) {
            Ok(function) => judge_function(subject, properties, function, wanted, deployed_version(wanted, live, id)),
            Err(finding) => finding,
        }
    });
    functions.chain(one_program(live)).collect()
}

/// The version that the last deployment has published of a function; `None` if it was deployed without versions, or from
/// another template.
fn deployed_version<'a>(wanted: &Wanted<'_>, live: &'a Live, id: &str) -> Option<&'a str> {
    let alias = wanted.resources().get(&versions::alias(id))?;
    // An ARN, which ends in the version.
    let version = live.names.get(referred(&alias["Properties"]["FunctionVersion"])?)?;
    version.rsplit(':').next()
}

fn judge_function(
    subject: String,
    properties: &Value,
    function: &Function,
    wanted: &Wanted<'_>,
    version: Option<&str>,
) -> Finding {
    let (code, wanted) = (wanted.code.as_deref(), properties);
    let mut faults = Faults::default();
    judge_state(&mut faults, function);
    faults.unless_same("its memory", &u64::from(function.memory_mb), &number(&wanted["MemorySize"]), APPLY);
    faults.unless_same("its time limit in seconds", &u64::from(function.timeout_s), &number(&wanted["Timeout"]), APPLY);
    faults.unless_same("its handler", &function.handler.as_str(), &text(&wanted["Handler"]), APPLY);
    let architecture = text(&wanted["Architectures"][0]);
    faults.unless_same("its architecture", &function.architecture.as_str(), &architecture, APPLY);
    judge_reserved(&mut faults, wanted["ReservedConcurrentExecutions"].as_u64(), function.reserved.map(u64::from));
    judge_environment(&mut faults, &wanted["Environment"]["Variables"], &function.environment);
    if let Some(code) = code.filter(|code| *code != function.code) {
        faults.error(format!(
            "it runs the program {}, and the local one is {}: `deploy apply`",
            short(&function.code),
            short(code)
        ));
    }
    judge_live(&mut faults, version, function.live.as_deref());
    let live = function.live.as_ref().map_or_else(String::new, |version| format!(", version {version}"));
    let well = format!(
        "{}, {} MB, {} s, program {}{live}",
        function.state,
        function.memory_mb,
        function.timeout_s,
        short(&function.code)
    );
    faults.finding(subject, well)
}

fn judge_state(faults: &mut Faults, function: &Function) {
    let because = |reason: &Option<String>| reason.as_ref().map_or_else(String::new, |reason| format!(", {reason}"));
    let why = because(&function.state_reason);
    match function.state.as_str() {
        "Active" => {}
        // Lambda frees what a function needs that nobody has called for weeks.
        "Inactive" => {
            faults.warning("it is Inactive, since nothing has called it for long; its first call takes longer");
        }
        "Pending" => faults.warning(format!("it is still being made{why}: look again in a minute")),
        state => faults.error(format!("it is {state}{why}: it runs nothing; mend that, then {REVERT}")),
    }
    let why = because(&function.update_reason);
    match function.update.as_str() {
        "Successful" => {}
        "InProgress" => faults.warning("it is being changed: look again in a minute"),
        update => faults.error(format!("its last change is {update}{why}: it runs the old program; `deploy apply`")),
    }
}

/// Judges the version that is invoked by the one that was deployed last.
fn judge_live(faults: &mut Faults, wants: Option<&str>, has: Option<&str>) {
    match (wants, has) {
        (Some(wants), Some(has)) if wants != has => faults.warning(format!(
            "its alias `{ALIAS}` is at version {has}, and {wants} was deployed last: after `deploy rollback` that is so until \
             another program or configuration is deployed"
        )),
        (Some(_), None) => faults.error(format!("its alias `{ALIAS}` was deleted, so nothing can invoke it: {REVERT}")),
        _ => {}
    }
}

fn judge_reserved(faults: &mut Faults, wants: Option<u64>, has: Option<u64>) {
    if has == Some(0) {
        faults.error(format!(
            "its reserved concurrency is 0, so it runs nothing: if that was an emergency brake and it is over, {REVERT}"
        ));
    } else if wants != has {
        let shown = |reserved: Option<u64>| reserved.map_or_else(|| "none".to_owned(), |reserved| reserved.to_string());
        faults.error(format!("its reserved concurrency is {}, and should be {}: {APPLY}", shown(has), shown(wants)));
    }
}

/// Judges the variables that the program needs. A value that `CloudFormation` fills in is not known here.
fn judge_environment(faults: &mut Faults, wanted: &Value, environment: &BTreeMap<String, String>) {
    let wanted = wanted.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("CELERIAC_"));
    for (name, value) in wanted {
        let wants = value.as_str();
        match environment.get(name) {
            Some(has) if wants.is_none_or(|wants| wants == has) => {}
            Some(has) => {
                faults.error(format!("its {name} is `{has}`, and should be `{}`: {APPLY}", wants.unwrap_or_default()));
            }
            None => faults.error(format!("it has no {name}: {APPLY}")),
        }
    }
}

/// Dispatcher and workers speak to each other, so that they are to be the same program.
fn one_program(live: &Live) -> Option<Finding> {
    let found = || live.functions.values().filter_map(|one| one.as_ref().ok()?.as_ref());
    let codes: BTreeSet<&str> = found().map(|function| function.code.as_str()).collect();
    (codes.len() > 1).then(|| {
        let codes: Vec<&str> = codes.into_iter().map(short).collect();
        Finding::error("program", format!("functions run different ones: {}: {APPLY}", codes.join(", ")))
    })
}

/// The first signs of a checksum tell programs apart.
fn short(code: &str) -> &str {
    code.get(..12).unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Level, testing::Stage},
        *,
    };

    fn judged(change: impl FnOnce(&mut Stage)) -> Vec<Finding> {
        let mut stage = Stage::new("");
        change(&mut stage);
        stage.judge(judge)
    }

    /// What is said of the worker once this is changed about it.
    #[track_caller]
    fn of_worker(change: impl FnOnce(&mut Function), level: Level, says: &str) {
        let findings = judged(|stage| change(stage.function("Worker")));
        let finding = findings.iter().find(|one| one.subject == "function prod-worker").expect("the stack has it");
        assert_eq!(finding.level, level, "{}", finding.text);
        assert!(finding.text.contains(says), "{}", finding.text);
    }

    #[test]
    fn a_function_that_is_as_it_should_be_is_well() {
        let findings = judged(|_| ());
        assert!(findings.iter().all(|finding| finding.level == Level::Ok), "{findings:?}");
        assert_eq!(findings[1].text, "Active, 512 MB, 300 s, program c29tZSBwcm9n");
    }

    #[test]
    fn states_have_their_cures() {
        of_worker(|function| function.state = "Pending".to_owned(), Level::Warning, "look again in a minute");
        of_worker(|function| function.state = "Inactive".to_owned(), Level::Warning, "its first call takes longer");
        let fails = |function: &mut Function| {
            function.state = "Failed".to_owned();
            function.state_reason = Some("The role is gone".to_owned());
        };
        of_worker(fails, Level::Error, "it is Failed, The role is gone: it runs nothing; mend that, then");
        of_worker(|function| function.update = "InProgress".to_owned(), Level::Warning, "it is being changed");
        of_worker(
            |function| function.update = "Failed".to_owned(),
            Level::Error,
            "its last change is Failed: it runs the old",
        );
    }

    #[test]
    fn what_differs_from_the_settings_is_named_with_both_values() {
        of_worker(
            |function| function.memory_mb = 128,
            Level::Error,
            "its memory is 128, and should be 512: `deploy apply`",
        );
        of_worker(|function| function.timeout_s = 3, Level::Error, "its time limit in seconds is 3, and should be 300");
        of_worker(|function| function.handler = "x".to_owned(), Level::Error, "its handler is x, and should be worker");
        of_worker(
            |function| function.architecture = "x86_64".to_owned(),
            Level::Error,
            "is x86_64, and should be arm64",
        );
        of_worker(
            |function| function.reserved = Some(0),
            Level::Error,
            "reserved concurrency is 0, so it runs nothing",
        );
        of_worker(|function| function.reserved = Some(5), Level::Error, "is 5, and should be none");
        let other = |function: &mut Function| {
            function.environment.insert("CELERIAC_STORE".to_owned(), "aws:other".to_owned());
        };
        of_worker(other, Level::Error, "its CELERIAC_STORE is `aws:other`, and should be `aws:prod`");
        of_worker(|function| function.environment.clear(), Level::Error, "it has no CELERIAC_STORE");
    }

    #[test]
    fn a_function_that_has_stepped_back_is_named() {
        let mut stage = Stage::of_versions("");
        let findings = stage.judge(judge);
        assert!(findings.iter().all(|finding| finding.level == Level::Ok), "{findings:?}");
        assert!(findings[1].text.ends_with(", version 2"), "{}", findings[1].text);
        stage.function("Worker").live = Some("1".to_owned());
        let findings = stage.judge(judge);
        assert_eq!((findings[0].level, findings[1].level), (Level::Ok, Level::Warning));
        assert!(findings[1].text.starts_with("its alias `live` is at version 1, and 2 was deployed last: after"));
        stage.function("Worker").live = None;
        let finding = stage.judge(judge).remove(1);
        assert_eq!(finding.level, Level::Error);
        assert!(
            finding.text.starts_with("its alias `live` was deleted, so nothing can invoke it: `deploy apply --revert")
        );
    }

    #[test]
    fn a_function_that_is_gone_and_one_that_was_never_made_have_other_cures() {
        let findings = judged(|stage| {
            stage.live.functions.insert("Worker".to_owned(), Ok(None));
            stage.live.functions.remove("Dispatcher");
        });
        let [dispatcher, worker] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!(dispatcher.text, "is not in the stack: `deploy apply` makes it");
        assert!(worker.text.contains("`deploy apply --revert-drift` makes it again"), "{}", worker.text);
        let denied = "AccessDeniedException: no lambda:GetFunctionConfiguration";
        let findings = judged(|stage| {
            stage.live.functions.insert("Worker".to_owned(), Err(denied.to_owned()));
        });
        assert_eq!((findings[1].level, &*findings[1].text), (Level::Error, &*format!("cannot be looked up: {denied}")));
    }

    #[test]
    fn all_functions_run_the_local_program() {
        let mut stage = Stage::new("");
        stage.code = Some("another program".to_owned());
        let findings = stage.judge(judge);
        assert!(findings.iter().all(|finding| finding.level == Level::Error), "{findings:?}");
        assert!(findings[0].text.contains("it runs the program c29tZSBwcm9n, and the local one is another prog"));
        let findings = judged(|stage| stage.function("Worker").code = "another".to_owned());
        let last = findings.last().expect("it is said");
        assert_eq!((last.level, &*last.subject), (Level::Error, "program"));
        assert!(last.text.starts_with("functions run different ones: another, c29tZSBwcm9n"), "{}", last.text);
    }
}
