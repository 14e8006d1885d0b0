//! Tests the example `mail_campaign` with an outbox, and its parts that need no process.

mod support;

/// The parts of the example. Their own tests run here, since `cargo test` does not run tests inside examples.
#[allow(dead_code, unreachable_pub, reason = "the example uses the rest")]
#[path = "../examples/mail_campaign"]
mod parts {
    mod feed;
    mod letters;
    mod lines;
    mod recipients;
    mod row;
    mod smtp;
}

use std::{collections::BTreeSet, fs, process::Stdio};

use support::{Campaign, header, summary, text, until};

#[test]
fn ten_thousand_rows_become_one_mail_for_each_valid_recipient() {
    let campaign = Campaign::generate(10_000, 7);
    let output = campaign.run(&["--json"]);
    let errors = text(&output.stderr);
    assert!(output.status.success(), "{errors}");

    let outbox = campaign.outbox("outbox");
    let sent: BTreeSet<_> = outbox.values().map(|mail| address(header(mail, "To"))).collect();
    assert_eq!(sent, campaign.valid.iter().cloned().collect(), "the outbox has the wrong recipients");
    assert_eq!(outbox.len(), campaign.valid.len(), "someone has two mails");
    for (path, mail) in &outbox {
        let key = path.file_stem().expect("it has a name").to_string_lossy();
        assert_eq!(header(mail, "Message-ID"), format!("<{key}@example.com>"));
    }

    let rows = summary(&output);
    assert_eq!(rows.accepted, campaign.valid.len() as u64);
    assert_eq!((rows.sent, rows.retried, rows.dead), (rows.accepted, 0, 0));
    assert_eq!(rows.accepted + rows.skipped, 10_000, "each row is sent or skipped, blank lines are neither");
    assert!(rows.seconds > 0.0);
    assert_eq!(errors.lines().filter(|line| line.ends_with(": skipped")).count() as u64, rows.skipped, "{errors}");
}

#[test]
fn messy_rows_are_named_by_line_and_the_rest_is_sent() {
    let content = "\u{feff}city,email,NAME\r\n\
        London,ada@example.org,\"Lovelace, Ada\"\r\n\
        \r\n\
        Oslo,,Nobody\r\n\
        Rome,not an address,Max\r\n\
        Paris,ADA@example.ORG,Ada\r\n\
        Tokyo,hanako@example.org,山田 花子\r\n";
    let campaign = Campaign::with(content.as_bytes());
    let output = campaign.run(&["--outbox", "mails"]);
    assert_eq!(
        text(&output.stderr),
        "recipients.csv: line 4: no address: skipped\n\
         recipients.csv: line 5: `not an address` is not an address: missing separator character '@': skipped\n\
         recipients.csv: line 6: `ADA@example.ORG` is a repeat: an earlier row has this address: skipped\n"
    );
    assert_eq!(output.status.code(), Some(0));
    let out = text(&output.stdout);
    assert!(out.starts_with("campaign `recipients`: 2 of 2 mails sent in "), "{out}");
    assert!(out.ends_with(" s, 0 tries again, 0 dead letters, 3 rows skipped\n"), "{out}");

    let outbox: Vec<_> = campaign.outbox("mails").into_values().collect();
    assert_eq!(outbox.len(), 2);
    assert!(outbox.iter().any(|mail| mail.contains("\r\n\r\nHello Lovelace, Ada,\r\n")), "{outbox:?}");
    // Names beyond ASCII must be written as in RFC 2047.
    assert!(outbox.iter().any(|mail| mail.contains("To: =?utf-8?b?5bGx55SwIOiKseWtkA==?= <hanako@example.org>\r\n")));
}

#[test]
fn a_complete_campaign_is_not_sent_again() {
    let campaign = Campaign::generate(300, 1);
    let first = summary(&campaign.run(&["--json"]));
    fs::remove_dir_all(campaign.path().join("outbox")).expect("there is an outbox");

    let again = campaign.run(&["--json"]);
    assert_eq!(again.status.code(), Some(0));
    let note =
        "campaign `recipients` is complete already: nothing is sent; with another --campaign NAME all is sent again";
    assert!(text(&again.stderr).contains(note), "{}", text(&again.stderr));
    assert_eq!(campaign.outbox("outbox").len(), 0);
    let again = summary(&again);
    assert_eq!((again.accepted, again.sent, again.skipped), (first.accepted, first.sent, first.skipped));
    assert!((again.seconds - first.seconds).abs() < 1e-9, "the campaign took as long as it took");

    let other = campaign.run(&["--json", "--campaign", "autumn"]);
    assert_eq!(summary(&other).sent, first.sent);
    assert_eq!(campaign.outbox("outbox").len() as u64, first.sent);
}

#[cfg(unix)]
#[test]
fn a_campaign_that_is_asked_to_stop_goes_on_when_it_is_started_again() {
    let campaign = Campaign::generate(5000, 4);
    let process = campaign.command(&["--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let process = process.expect("the program runs");
    let outbox = campaign.path().join("outbox");
    let mails = || fs::read_dir(&outbox).map_or(0, Iterator::count);
    until("the first mails", || (mails() > 100).then_some(()));
    let pid = rustix::process::Pid::from_child(&process);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    let stopped = process.wait_with_output().expect("it ends");
    assert_eq!(stopped.status.code(), Some(130), "{}", text(&stopped.stderr));
    assert!(text(&stopped.stderr).ends_with("stopped before the end: the same command goes on\n"));
    assert!(campaign.outbox("outbox").len() < campaign.valid.len());

    let output = campaign.run(&["--json"]);
    let rows = summary(&output);
    assert_eq!((rows.sent, rows.dead), (campaign.valid.len() as u64, 0));
    assert_eq!(campaign.outbox("outbox").len(), campaign.valid.len());
    assert!(text(&output.stderr).contains("campaign `recipients` goes on: "), "{}", text(&output.stderr));
}

#[test]
fn a_campaign_that_is_killed_leaves_each_mail_whole_and_once_in_the_end() {
    let campaign = Campaign::generate(5000, 5);
    let outbox = campaign.path().join("outbox");
    for mails in [300, 1500, 2800] {
        let mut process = campaign.command(&[]).stderr(Stdio::null()).spawn().expect("the program runs");
        until("mails", || (fs::read_dir(&outbox).map_or(0, Iterator::count) > mails).then_some(()));
        process.kill().expect("it is our child");
        process.wait().expect("it is our child");
    }
    let output = campaign.run(&["--json"]);
    assert_eq!(summary(&output).sent, campaign.valid.len() as u64, "{}", text(&output.stderr));
    let outbox = campaign.outbox("outbox");
    assert!(outbox.keys().all(|path| path.extension().is_some_and(|end| end == "eml")), "a half file is left");
    assert!(outbox.values().all(|mail| mail.ends_with("the people of recipients")), "a mail is not whole");
    let sent: BTreeSet<_> = outbox.values().map(|mail| address(header(mail, "To"))).collect();
    assert_eq!((sent.len(), outbox.len()), (campaign.valid.len(), campaign.valid.len()));
}

#[test]
fn other_recipients_under_one_name_are_another_campaign() {
    let campaign = Campaign::with(b"email,name\nada@example.org,Ada\n");
    campaign.run(&[]);
    fs::write(campaign.path().join("recipients.csv"), "email,name\ngrace@example.org,Grace\n").expect("it is ours");
    let output = campaign.run(&["--json"]);
    assert_eq!(
        text(&output.stderr),
        "note: an earlier campaign `recipients` had other recipients or another destination; this is a new one\n"
    );
    assert_eq!(summary(&output).sent, 1);
    assert_eq!(campaign.outbox("outbox").len(), 2);
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_leaves_nothing_behind() {
    let campaign = Campaign::generate(1000, 3);
    let output = campaign.run(&["--dry-run"]);
    assert!(output.status.success());
    let out = text(&output.stdout);
    let calls = campaign.valid.len();
    assert!(out.starts_with("plan for task `mail.send`\n"), "{out}");
    assert!(out.contains(&format!("calls        {calls}, ")), "{out}");
    assert!(out.ends_with(&format!("\n{} rows are skipped; nothing is sent\n", 1000 - calls)), "{out}");
    let plan: serde_json::Value =
        serde_json::from_slice(&campaign.run(&["--dry-run", "--json"]).stdout).expect("it is one line of JSON");
    assert_eq!(plan["plan"]["calls"], calls);
    assert_eq!(plan["skipped"], 1000 - calls);
    let left: BTreeSet<_> =
        fs::read_dir(campaign.path()).expect("it is there").map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["recipients.csv", "valid.txt"].map(Into::into).into());
}

#[test]
fn a_file_without_recipients_is_a_campaign_without_mails() {
    let campaign = Campaign::with(b"email,name\n\n");
    let output = campaign.run(&["--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let rows = summary(&output);
    assert_eq!((rows.accepted, rows.sent, rows.skipped), (0, 0, 0));
}

#[test]
fn unreadable_files_are_reported_before_anything_is_sent() {
    let fails = |content: &[u8], args: &[&str]| {
        let campaign = Campaign::with(content);
        let output = campaign.run(args);
        assert!(!campaign.path().join("celeriac.db").exists(), "nothing should be opened");
        (output.status.code(), text(&output.stderr))
    };
    let no_columns = "error: recipients.csv has no column `email`: its first line names `mail`, `name`; name the \
                      columns there, `email` and `name` among them\n";
    assert_eq!(fails(b"mail,name\nada@example.org,Ada\n", &[]), (Some(1), no_columns.to_owned()));
    let empty = "error: recipients.csv is empty: its first line must name the columns, `email` and `name` among them\n";
    assert_eq!(fails(b"", &[]), (Some(1), empty.to_owned()));
    let no_name = "error: a campaign needs a name: --campaign NAME\n";
    assert_eq!(fails(b"email,name\n", &["--campaign", ""]), (Some(1), no_name.to_owned()));
    let (code, error) = fails(b"email,name\n", &["--recipients", "nobody.csv"]);
    assert_eq!(code, Some(2), "{error}");
    let (code, error) = fails(b"email,name\n", &["--smtp", "smtps://mail.example.org"]);
    assert!(code == Some(2) && error.contains("smtp://HOST:PORT"), "{error}");
}

#[test]
fn an_outbox_that_cannot_be_made_is_named() {
    let campaign = Campaign::with(b"email,name\nada@example.org,Ada\n");
    let output = campaign.run(&["--outbox", "recipients.csv"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(error.starts_with("error: cannot use recipients.csv as outbox: "), "{error}");
}

fn address(mailbox: &str) -> String {
    let address = mailbox.rsplit_once('<').map_or(mailbox, |(_, address)| address);
    address.trim_end_matches('>').to_owned()
}
