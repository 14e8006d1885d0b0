//! Tests the example `nightly_report`: by hand, and by its schedule after a night without a running process.

mod support;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use celeriac::embedded;
use jiff::{Timestamp, ToSpan as _, Zoned};
use support::{example, text, until};
use tempfile::TempDir;

/// The name under which the store remembers the last run of the schedule.
const SCHEDULE: &str = "report.nightly cron(0 3 * * ? *) Europe/Berlin";

fn shop() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let yesterday = yesterday();
    let orders = format!("day,amount\n2026-01-31,10\n2026-01-31,5\n{yesterday},7\n2026-02-01,1\n");
    fs::write(folder.path().join("orders.csv"), orders).expect("a temporary folder can be written to");
    folder
}

fn program(folder: &Path) -> Command {
    let mut command = example("nightly_report");
    command.current_dir(folder);
    command
}

fn yesterday() -> String {
    let now = Zoned::now().in_tz("Europe/Berlin").expect("the zone is known");
    now.date().checked_sub(1.day()).expect("there was a yesterday").to_string()
}

#[test]
fn a_report_by_hand_is_of_the_day_that_was_asked_for() {
    let folder = shop();
    let _dev = Dev::start(folder.path());
    let args = ["call", "report.nightly", r#"{"day": "2026-01-31"}"#, "--wait", "--timeout", "50s"];
    let output = program(folder.path()).args(args).output().expect("it runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("reports/2026-01-31.txt"), "{}", text(&output.stdout));
    let report = fs::read_to_string(folder.path().join("reports/2026-01-31.txt")).expect("it is there");
    assert_eq!(report, "2026-01-31: 2 orders, 15 in all\n");
}

#[test]
fn after_a_night_when_nothing_ran_one_of_two_processes_makes_the_report_once() {
    let folder = shop();
    let before = yesterday();
    let two_days_ago = Timestamp::now().as_millisecond() - 48 * 3_600_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ports = embedded::open(&folder.path().join("celeriac.db")).expect("a new file");
    runtime.block_on(ports.schedules.sent(SCHEDULE, two_days_ago as u64)).expect("it is written");
    drop(ports);

    let mut processes = [Dev::start(folder.path()), Dev::start(folder.path())];
    let report = folder.path().join("reports").join(format!("{before}.txt"));
    until("the report", || report.exists().then_some(()));
    // Long enough to see a second run, if there were one.
    thread::sleep(Duration::from_secs(2));
    let wrote: Vec<_> = processes.iter_mut().map(Dev::stop).collect();
    if yesterday() == before {
        assert_eq!(fs::read_to_string(&report).expect("it is there"), format!("{before}: 1 orders, 7 in all\n"));
        assert_eq!(wrote.concat(), format!("wrote reports/{before}.txt\n"), "once, by one of them");
    }
}

#[test]
fn the_schedule_is_listed() {
    let folder = shop();
    let output = program(folder.path()).arg("tasks").output().expect("it runs");
    let out = text(&output.stdout);
    assert!(out.contains("report.nightly") && out.contains("cron(0 3 * * ? *)"), "{out}{}", text(&output.stderr));
}

/// Everything in one process.
struct Dev(Child);

impl Dev {
    fn start(folder: &Path) -> Self {
        Self(program(folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts"))
    }

    /// Stops it, and returns what it wrote.
    fn stop(&mut self) -> String {
        self.0.kill().expect("it is our child");
        let mut out = String::new();
        let mut pipe = self.0.stdout.take().expect("it is piped");
        std::io::Read::read_to_string(&mut pipe, &mut out).expect("it wrote text");
        self.0.wait().expect("it is our child");
        out
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It has usually been stopped before.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
