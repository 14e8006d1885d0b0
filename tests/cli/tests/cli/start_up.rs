//! Tests errors at start-up: exit code 3, and the cure.

use std::fs;

use crate::site::{Answer, SHOP, Site};

const NO_TASK: &str = "error: no task is linked into this program: write `#[task]` on a function, and if your tasks live in \
     another crate, `use my_tasks as _;` in this one, or the linker drops them";

fn run(program: &str, args: &[&str]) -> Answer {
    Site::new().program(program, args).output().unwrap().into()
}

#[test]
fn no_task_is_linked() {
    for args in [&[][..], &["worker"], &["tasks"], &["call", "greet"]] {
        run(env!("CARGO_BIN_EXE_empty"), args).fails(3, NO_TASK);
    }
}

#[test]
fn two_tasks_have_one_name() {
    run(env!("CARGO_BIN_EXE_twins"), &[]).fails(
        3,
        "error: two tasks are named `mail.send`: tests/cli/src/bin/twins.rs:7 and tests/cli/src/bin/twins.rs:10; give \
         one of them `#[task(name = \"..\")]`",
    );
}

#[test]
fn schedules_are_never_due() {
    let why = "error: task `in_atlantis` (tests/cli/src/bin/never.rs:10), schedule `cron(0 3 * * ? *)`: there is no time \
               zone `Europe/Atlantis`: names are those of the IANA database, such as `Europe/Berlin`\n\
               task `on_the_thirtieth_of_february` (tests/cli/src/bin/never.rs:7), schedule `cron(0 3 30 2 ? *)`: never \
               due: there is no such date";
    for args in [&[][..], &["worker"], &["dispatcher"]] {
        run(env!("CARGO_BIN_EXE_never"), args).fails(3, why);
    }
    let tasks = run(env!("CARGO_BIN_EXE_never"), &["tasks"]);
    assert_eq!((tasks.code, tasks.err.trim_end()), (Some(3), why));
    assert_eq!(tasks.lines().last().unwrap(), "on_the_thirtieth_of_february cron(0 3 30 2 ? *) UTC never");
}

#[test]
fn the_set_up_forgets_a_state() {
    let answer = Site::new().program(SHOP, &[]).env("SHOP_SETUP", "forgets").output().unwrap();
    Answer::from(answer).fails(
        3,
        "error: task `greet` (tests/cli/src/bin/shop.rs:12) asks for State<shop::Shop>, which was not provided: write \
         `app.state(..)` in the set-up given to celeriac::main!",
    );
}

#[test]
fn main_is_called_in_a_runtime() {
    for args in [&[][..], &["worker"], &["tasks"], &["--help"]] {
        let answer = Site::new().program(SHOP, args).env("SHOP_IN_A_RUNTIME", "1").output().unwrap();
        Answer::from(answer).fails(
            3,
            "error: `celeriac::main!` was called in a tokio runtime, but it starts its own: remove `#[tokio::main]` \
             and `async`, as in `fn main() -> std::process::ExitCode { celeriac::main!(setup) }`, and move async code \
             into the set-up, an `async fn setup(app: App) -> Result<App, BoxError>`",
        );
    }
}

#[test]
fn the_set_up_fails() {
    let answer = Site::new().program(SHOP, &["worker"]).env("SHOP_SETUP", "fails").output().unwrap();
    Answer::from(answer).fails(3, "error: the set-up failed: the till is locked");
}

#[test]
fn the_set_up_panics() {
    let answer = Answer::from(Site::new().program(SHOP, &["worker"]).env("SHOP_SETUP", "panics").output().unwrap());
    assert_eq!(answer.code, Some(3), "{}", answer.err);
    let last = answer.err.trim_end().lines().last().unwrap();
    let begins = "error: the set-up panicked at tests/cli/src/bin/shop.rs:";
    assert!(last.starts_with(begins) && last.ends_with(": the till is on fire"), "{last}");
}

#[test]
fn the_set_up_names_a_database() {
    let answer = Site::new().program(SHOP, &[]).env("SHOP_SETUP", "names a database").output().unwrap();
    Answer::from(answer).fails(
        3,
        "error: the set-up names a store with `App::store` or `App::ports`, but the commands (call, status, ..) do not \
         run it and would look into another: name it with --store or CELERIAC_STORE",
    );
}

#[test]
fn the_database_is_in_no_directory() {
    Site::new()
        .shop(&["--store", "sqlite:data/jobs.db"])
        .fails(3, "error: store `sqlite:data/jobs.db` cannot be opened: cannot create `data/jobs.db`: there is no directory `data`; create it, or name another file");
}

#[test]
fn the_database_is_a_directory() {
    let site = Site::new();
    fs::create_dir(site.path("jobs")).unwrap();
    site.shop(&["queue", "--store", "sqlite:jobs"]).fails(
        3,
        "error: store `sqlite:jobs` cannot be opened: `jobs` is not a file; name a file in it, or another one",
    );
}

#[test]
fn the_database_is_something_else() {
    let site = Site::new();
    fs::write(site.path("notes.txt"), "not a database, but long enough to be looked at as one\n".repeat(100)).unwrap();
    let answer = site.shop(&["call", "greet", "[\"Ada\"]", "--store", "sqlite:notes.txt"]);
    assert_eq!(answer.code, Some(3));
    assert!(
        answer.err.contains("cannot be opened: `notes.txt` is not a SQLite database, or is damaged"),
        "{}",
        answer.err
    );
}

#[test]
fn the_database_is_of_another_program() {
    let site = Site::new();
    let file = rusqlite::Connection::open(site.path("crm.db")).unwrap();
    file.execute_batch("CREATE TABLE customers (name TEXT)").unwrap();
    drop(file);
    site.shop(&["--store", "sqlite:crm.db"]).fails(
        3,
        "error: store `sqlite:crm.db` cannot be opened: `crm.db` is a database of another program (application id 0x00000000); name a file of its own for the \
         queue",
    );
}

#[test]
fn the_database_is_of_a_newer_version() {
    let site = Site::new();
    site.call(&["close_books"]);
    let file = rusqlite::Connection::open(site.path("celeriac.db")).unwrap();
    file.pragma_update(None, "user_version", 1000).unwrap();
    drop(file);
    let answer = site.shop(&["queue"]);
    assert_eq!(answer.code, Some(3));
    let why = "error: store `sqlite:celeriac.db` cannot be opened: `celeriac.db` has format 1000 of a newer version of celeriac, and this one reads up to format";
    assert!(answer.err.starts_with(why), "{}", answer.err);
}

#[test]
fn a_question_makes_no_database_of_an_empty_file() {
    let site = Site::new();
    fs::write(site.path("some.log"), "").unwrap();
    site.shop(&["--store", "sqlite:some.log", "queue"]).fails(
        3,
        "error: store `sqlite:some.log` cannot be opened: `some.log` is an empty file and no database: name the one \
         that your program uses with --store or CELERIAC_STORE; the first role or call makes a database of it",
    );
    assert_eq!(fs::metadata(site.path("some.log")).unwrap().len(), 0);
    let answer = site.shop(&["--store", "sqlite:some.log", "call", "greet", "[\"Ada\"]"]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    assert!(answer.err.contains("the file was there and empty; it is a database now file=some.log"), "{}", answer.err);
    site.shop(&["--store", "sqlite:some.log", "queue"]).ok();
}

#[test]
fn the_database_has_two_names() {
    let site = Site::new();
    site.call(&["close_books"]);
    fs::hard_link(site.path("celeriac.db"), site.path("backup.db")).unwrap();
    site.shop(&["call", "greet", "[\"Ada\"]"]).fails(
        3,
        "error: store `sqlite:celeriac.db` cannot be opened: `celeriac.db` is one of 2 names (hard links) of one file: under each it has another log and other locks, \
         and calls would be lost; remove the other names, which `find / -xdev -samefile celeriac.db` lists",
    );
}

#[test]
fn a_question_creates_no_database() {
    let site = Site::new();
    for args in [&["queue"][..], &["batches"], &["dead", "list"], &["status", "01ARZ3NDEKTSV4RRFFQ69G5FAV-0"]] {
        site.shop(args).fails(
            3,
            "error: store `sqlite:celeriac.db` cannot be opened: there is no database `celeriac.db`: name the one that your \
             program uses with --store or CELERIAC_STORE; it is created by the first role or call",
        );
    }
    assert!(!site.path("celeriac.db").exists());
}

#[test]
fn the_environment_names_the_database() {
    let site = Site::new();
    let call =
        site.program(SHOP, &["call", "greet", "[\"Ada\"]"]).env("CELERIAC_STORE", "sqlite:jobs.db").output().unwrap();
    Answer::from(call).ok();
    assert!(site.path("jobs.db").exists() && !site.path("celeriac.db").exists());
    site.shop(&["queue", "--store", "sqlite:jobs.db"]).ok();
}
