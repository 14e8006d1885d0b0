//! Tests the example `mail_campaign` with a real SMTP server that refuses, stalls and drops connections.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
};

use support::{Campaign, Record, Server, summary, text};

#[test]
fn each_valid_recipient_gets_one_mail_and_each_permanent_failure_is_a_dead_letter() {
    let campaign = Campaign::generate(10_000, 11);
    let server = Server::start(&["--seed", "11", "--temporary", "5", "--permanent", "1"]);
    let output = campaign.run(&["--smtp", &server.url, "--json"]);
    let record = server.record().refresh().clone();

    let refused = addresses(&record, "550");
    let mut accepted: BTreeMap<_, u32> = BTreeMap::new();
    record.of("accepted").for_each(|event| *accepted.entry(event.to.clone()).or_default() += 1);
    let expected: BTreeMap<_, _> =
        campaign.valid.iter().filter(|to| !refused.contains(*to)).map(|to| (to.clone(), 1)).collect();
    assert_eq!(accepted, expected, "each valid recipient once");

    let valid = campaign.valid.len() as u64;
    let rows = summary(&output);
    assert_eq!(rows.accepted, valid);
    assert_eq!(rows.sent, expected.len() as u64);
    assert_eq!(rows.dead, refused.len() as u64);
    assert_eq!(rows.retried, record.count("451") as u64);
    assert_eq!(rows.accepted + rows.skipped, 10_000);
    assert_eq!(record.count("550"), refused.len(), "what is refused for good is not tried again");
    // The server draws by address: 5 % and 1 %, give or take three deviations.
    assert!((430..=570).contains(&rows.retried) && (70..=130).contains(&rows.dead), "{rows:?}");

    assert_eq!(output.status.code(), Some(3), "dead letters have an exit code of their own");
    let errors = text(&output.stderr);
    let named: Vec<_> = errors.lines().filter(|line| line.starts_with("not sent: ")).collect();
    assert_eq!(named.len(), 11, "ten dead letters and the number of the rest: {errors}");
    assert!(named[0].ends_with(" refused the mail: 550 5.1.1 no such mailbox"), "{errors}");
    assert_eq!(named[10], format!("not sent: {} more", rows.dead - 10));
    assert!(errors.contains(" refused the mail for now: 451 4.7.1 try again later; such mails are tried again\n"));
}

#[test]
fn at_most_so_many_connections_are_open() {
    let campaign = Campaign::generate(500, 2);
    let server = Server::start(&[]);
    let output = campaign.run(&["--smtp", &server.url, "--connections", "3", "--json"]);
    assert_eq!(summary(&output).sent, campaign.valid.len() as u64);
    let (mut open, mut most) = (0, 0);
    for event in &server.record().refresh().events {
        match event.what.as_str() {
            "open" => open += 1,
            "close" => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    assert!((1..=3).contains(&most), "{most} connections at a time");
    assert!(server.record().refresh().count("open") < 20, "connections are used again");
}

#[test]
fn a_connection_that_is_dropped_mid_mail_is_not_the_end_of_the_mail() {
    let campaign = Campaign::with(b"email,name\nada@example.org,Ada\ngrace@example.org,Grace\n");
    let server = Server::start(&["--mid-mail", "drop"]);
    let output = campaign.run(&["--smtp", &server.url, "--json"]);
    let rows = summary(&output);
    assert_eq!((rows.sent, rows.retried, rows.dead), (2, 2, 0));
    let errors = text(&output.stderr);
    assert!(errors.contains(" dropped the connection in the middle of a mail: "), "{errors}");
    assert!(errors.trim_end().ends_with("; such mails are tried again"), "{errors}");
    assert_eq!(server.record().refresh().count("accepted"), 2);
}

#[test]
fn a_server_that_drops_every_mail_makes_dead_letters() {
    let campaign = Campaign::with(b"email,name\nada@example.org,Ada\n");
    let server = Server::start(&["--mid-mail", "drop", "--times", "0"]);
    let output = campaign.run(&["--smtp", &server.url, "--tries", "2"]);
    assert_eq!(output.status.code(), Some(3));
    let (errors, address) = (text(&output.stderr), server.url.trim_start_matches("smtp://"));
    let dead = format!("not sent: ada@example.org: {address} dropped the connection in the middle of a mail: ");
    let line = errors.lines().find(|line| line.starts_with(&dead)).unwrap_or_else(|| panic!("{errors}"));
    assert!(line.ends_with("; given up after 2 tries"), "{errors}");
}

#[test]
fn a_server_that_stalls_mid_mail_holds_nothing_up_for_ever() {
    let campaign = Campaign::with(b"email,name\nada@example.org,Ada\n");
    let server = Server::start(&["--mid-mail", "stall"]);
    let output = campaign.run(&["--smtp", &server.url, "--timeout", "1s", "--json"]);
    assert_eq!(summary(&output).sent, 1, "{}", text(&output.stderr));
    let address = server.url.trim_start_matches("smtp://");
    let warning = format!("warning: ada@example.org: {address} did not answer within 1s; such mails are tried again\n");
    assert_eq!(text(&output.stderr), warning);
}

#[test]
fn a_server_that_is_not_there_or_says_nothing_is_named_before_anything_is_sent() {
    let campaign = Campaign::with(b"email,name\nada@example.org,Ada\n");
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let refused = campaign.run(&["--smtp", &format!("smtp://{free}")]);
    let error = text(&refused.stderr);
    assert!(error.starts_with(&format!("error: nothing is sent: cannot connect to {free}: ")), "{error}");
    assert!(error.contains("refused"), "{error}");
    assert_eq!(refused.status.code(), Some(1));

    let mute = Server::start(&["--mute"]);
    let stalled = campaign.run(&["--smtp", &mute.url, "--timeout", "500ms"]);
    let address = mute.url.trim_start_matches("smtp://");
    let error = format!("error: nothing is sent: {address} did not answer within 500ms\n");
    assert_eq!(text(&stalled.stderr), error);
    assert!(!campaign.path().join("celeriac.db").exists());
}

fn addresses(record: &Record, what: &str) -> BTreeSet<String> {
    record.of(what).map(|event| event.to.clone()).collect()
}
