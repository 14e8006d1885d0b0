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

/// A program whose standard error is a terminal.
struct Watched {
    child: Child,
    screen: File,
    seen: String,
}

impl Watched {
    fn new(command: &mut Command) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let name = ptsname(&screen, Vec::new()).unwrap();
        let name = OsStr::from_bytes(name.to_bytes());
        let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(terminal).spawn().unwrap();
        // Only the program holds its end of the terminal now, so that reading ends with the program.
        command.stderr(Stdio::null());
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
