//! Tests the example `web_signup`: the server answers, and a worker in another process sends the mail.

mod support;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use support::{example, text};
use tempfile::TempDir;

/// A role of the example, killed when it is dropped.
struct Role {
    process: Child,
    out: BufReader<ChildStdout>,
}

impl Role {
    fn start(args: &[&str], folder: &Path) -> Self {
        let mut process =
            program(folder).args(args).env("RUST_LOG", "warn").stdout(Stdio::piped()).spawn().expect("it starts");
        let out = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("it writes lines");
        line.trim_end().to_owned()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program(folder: &Path) -> Command {
    let mut command = example("web_signup");
    command.env("CELERIAC_STORE", format!("sqlite:{}", folder.join("shared.db").display()));
    command
}

/// Starts the server, and returns its address.
fn serve(folder: &Path) -> (Role, String) {
    let mut server = Role::start(&["serve", "127.0.0.1:0"], folder);
    let line = server.line();
    let address = line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("it said `{line}`")).to_owned();
    (server, address)
}

fn post(address: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let head = "content-type: application/json\r\nconnection: close";
    write!(stream, "POST /signup HTTP/1.1\r\nhost: x\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {head}")), body.to_owned())
}

#[test]
fn a_signup_is_answered_before_any_worker_is_there_and_its_mail_is_sent_by_one() {
    let folder = TempDir::new().expect("a temporary folder");
    let (server, address) = serve(folder.path());
    let (status, body) = post(&address, r#"{"email": "ada@example.org", "name": "Ada"}"#);
    assert_eq!(status, 202, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("it is JSON");
    let mail = answer["mail"].as_str().expect("it has the call's id");
    let state = || {
        let output = program(folder.path()).args(["status", mail, "--json"]).output().expect("it runs");
        let status: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)));
        status["state"].clone()
    };
    assert_eq!(state(), json!("queued"));
    // Accepted means durable: the server may end.
    drop(server);

    let mut worker = Role::start(&["worker"], folder.path());
    assert_eq!(worker.line(), "Celeriac to Ada <ada@example.org>: welcome!");
    support::until("the call to be recorded", || (state() == json!("succeeded")).then_some(()));
}

#[test]
fn a_worker_beside_the_server_sends_each_mail_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let (_server, address) = serve(folder.path());
    let mut worker = Role::start(&["worker"], folder.path());
    for number in 0..20 {
        let (status, body) = post(&address, &format!(r#"{{"email": "{number}@example.org", "name": "N"}}"#));
        assert_eq!(status, 202, "{body}");
        assert_eq!(worker.line(), format!("Celeriac to N <{number}@example.org>: welcome!"));
    }
}

#[test]
fn a_signup_that_is_none_is_refused() {
    let folder = TempDir::new().expect("a temporary folder");
    let (_server, address) = serve(folder.path());
    let (status, body) = post(&address, r#"{"email": "ada@example.org"}"#);
    assert_eq!(status, 422, "{body}");
    assert!(body.contains("missing field `name`"), "{body}");
}

#[test]
fn an_address_that_is_none_is_named() {
    let output = example("web_signup").args(["serve", "here"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: `here` is not an address such as 127.0.0.1:3000"));
}
