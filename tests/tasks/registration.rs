//! The registration of tasks: names, options, states.

use std::{collections::BTreeMap, time::Duration};

use celeriac::{Registry, States, TaskDef};

use crate::run::{states, task_of};

#[test]
fn each_task_is_registered_by_its_name() {
    let registry = Registry::linked().unwrap();
    let names: Vec<_> = registry.iter().map(|def| def.name).collect();
    let expected = [
        "WriteTo",
        "cased",
        "countdown",
        "from_wire",
        "log_in",
        "mail.send",
        "odd",
        "ping",
        "report.nightly",
        "resize",
        "tick",
        "unpack",
        "write_slowly_to",
        "write_to",
    ];
    assert_eq!(names, expected);
    assert!(registry.get("send_email").is_none());
    assert!(std::ptr::eq(registry.get("send_mail").unwrap(), registry.get("mail.send").unwrap()));
    assert_eq!(task_of("ping").at.0, "tests/tasks/common.rs");
}

#[test]
fn options_are_those_given_and_else_the_defaults() {
    let mail = task_of("mail.send").options;
    let expected = celeriac::Options {
        alias: Some("send_mail"),
        retries: 5,
        backoff: (Duration::from_secs(2), Duration::from_mins(10)),
        timeout: Duration::from_secs(30),
        queue: "mail",
        concurrency: 500,
        has_concurrency: true,
        expires: Some(Duration::from_hours(2)),
        takes: Some(Duration::from_millis(80)),
        memory: Some(512),
        ..celeriac::Options::new()
    };
    assert_eq!(mail, expected);
    assert_eq!(task_of("ping").options, celeriac::Options::new());
    assert!(task_of("resize").options.at_most_once);
    let report = task_of("report.nightly").options;
    assert_eq!((report.schedule, report.timezone), (Some("cron(0 3 * * ? *)"), "Europe/Berlin"));
    assert!(!report.catch_up);
}

#[test]
fn two_tasks_of_one_name_are_an_error_that_says_where() {
    let twin = |line| -> &'static TaskDef {
        let def = task_of("ping");
        Box::leak(Box::new(TaskDef { name: "twin", at: ("src/mail.rs", line), options: def.options, ..*def }))
    };
    assert_eq!(
        Registry::new([twin(7), twin(3)]).unwrap_err().to_string(),
        "two tasks are named `twin`: src/mail.rs:3 and src/mail.rs:7; give one of them `#[task(name = \"..\")]`"
    );
}

#[test]
fn no_task_at_all_is_an_error_that_knows_the_linker() {
    assert_eq!(
        Registry::new([]).unwrap_err().to_string(),
        "no task is linked into this program: write `#[task]` on a function, and if your tasks live in another crate, \
         `use my_tasks as _;` in this one, or the linker drops them"
    );
}

#[test]
fn missing_state_is_an_error_for_each_task_that_asks_for_it() {
    let registry = Registry::linked().unwrap();
    registry.check(&states()).unwrap();
    let error = registry.check(&States::default()).unwrap_err().to_string();
    let said: BTreeMap<_, Vec<_>> = error.lines().fold(BTreeMap::new(), |mut said, line| {
        let task = line.split('`').nth(1).unwrap_or_default();
        said.entry(task).or_insert_with(Vec::new).push(line);
        said
    });
    let names: Vec<_> = said.iter().map(|(name, lines)| (*name, lines.len())).collect();
    assert_eq!(names, [("mail.send", 1), ("report.nightly", 1), ("tick", 2)]);
    let line = task_of("mail.send").at.1;
    assert_eq!(
        said["mail.send"],
        [format!(
            "task `mail.send` (tests/tasks/common.rs:{line}) asks for State<tasks::common::Mailer>, which was not provided: write \
             `app.state(..)` in the set-up given to celeriac::main!"
        )]
    );
}
