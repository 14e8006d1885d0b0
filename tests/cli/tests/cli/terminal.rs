//! Tests what a person sees at a terminal while a command waits.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::Read,
    os::unix::ffi::OsStrExt as _,
    process::{Child, Command, Stdio},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

use crate::site::{SHOP, Site};

/// A program with a terminal, as its standard error if not said otherwise.
struct Watched {
    child: Child,
    screen: File,
    seen: String,
}

impl Watched {
    fn new(command: &mut Command) -> Self {
        Self::attached(command, |command, terminal| command.stdout(Stdio::null()).stderr(terminal))
    }

    fn attached(command: &mut Command, attach: impl FnOnce(&mut Command, File) -> &mut Command) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap();
        let name = OsStr::from_bytes(name.to_bytes());
        let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
        let child = attach(command.stdin(Stdio::null()), terminal).spawn().unwrap();
        // Only the program holds its end of the terminal now, so that reading ends with the program.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self { child, screen: screen.into(), seen: String::new() }
    }

    /// Waits until this text was written.
    #[track_caller]
    fn shows(&mut self, wanted: &str) {
        let mut bytes = [0; 1024];
        while !self.seen.contains(wanted) {
            // An error means that the program has ended.
            let read = self.screen.read(&mut bytes).unwrap_or(0);
            assert!(read > 0, "it ended without showing `{wanted}`: {:?}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    }

    /// All that it writes until it ends.
    fn says(mut self) -> String {
        let mut bytes = Vec::new();
        // An error says that nobody writes any more.
        let _ = self.screen.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_wait_shows_where_the_call_stands() {
    let site = Site::new();
    let mut waiting = Watched::new(&mut site.program(SHOP, &["call", "pack", "[3]", "--wait"]));
    waiting.shows("\r\u{1b}[Kqueued, with no worker yet; no worker is alive, for 1 s");
    let _dev = site.role(&["dev"]);
    waiting.shows("\r\u{1b}[Krunning, attempt 1, in worker-");
    assert_eq!(waiting.ended(), Some(0));
}

#[test]
fn a_wait_that_is_interrupted_leaves_no_half_line() {
    let site = Site::new();
    let mut waiting = Watched::new(&mut site.program(SHOP, &["call", "pack", "[1]", "--wait"]));
    waiting.shows("queued, with no worker yet; no worker is alive, for 0 s");
    waiting.signal(Signal::INT);
    waiting.shows("\r\u{1b}[Kstopped waiting; the call goes on");
    assert_eq!(waiting.ended(), Some(130));
}

#[test]
fn a_call_says_where_it_went() {
    let site = Site::new();
    let mut sent = Watched::new(&mut site.program(SHOP, &["call", "greet", "[\"Ada\"]"]));
    sent.shows(&format!("sent to queue `orders` of {}; no worker is alive there yet\r\n", site.url()));
    assert_eq!(sent.ended(), Some(0));
}

#[test]
fn a_stop_shows_how_many_calls_it_waits_for() {
    let site = Site::new();
    let id = site.call(&["pack", "[3]"]);
    let mut shop = Watched::new(&mut site.program(SHOP, &["worker"]));
    site.becomes(&id, "running");
    shop.signal(Signal::TERM);
    shop.shows("\r\u{1b}[Kstopping: waiting for 1 call to end, at most ");
    shop.shows("stopped");
    assert_eq!(shop.ended(), Some(0));
}

#[test]
fn help_and_errors_have_colours_if_they_are_wanted() {
    let site = Site::new();
    for (variables, coloured) in [
        (&[("TERM", "xterm")][..], true),
        (&[("TERM", "xterm"), ("NO_COLOR", "")], true),
        (&[("TERM", "xterm"), ("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
    ] {
        let program = |args| {
            let mut program = site.program(SHOP, args);
            program.env_remove("NO_COLOR").envs(variables.iter().copied());
            program
        };
        let help = Watched::attached(&mut program(&["--help"]), |command, terminal| {
            command.stdout(terminal).stderr(Stdio::null())
        });
        let wanted = if coloured { "\u{1b}[1;4mOptions:\u{1b}[0m\r\n  \u{1b}[1m" } else { "\nOptions:\r\n  " };
        let help = help.says();
        assert!(help.contains(wanted) && help.contains('\u{1b}') == coloured, "{variables:?}: {help:?}");
        let error = Watched::new(&mut program(&["--nosuch"])).says();
        let wanted = if coloured { "\u{1b}[1;31merror:\u{1b}[0m unexpected" } else { "error: unexpected" };
        assert!(error.starts_with(wanted) && error.contains('\u{1b}') == coloured, "{variables:?}: {error:?}");
    }
}
