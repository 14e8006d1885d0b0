//! Tests a program's version, completions and manual.

use crate::site::Site;

#[test]
fn a_program_says_its_own_version_and_that_of_celeriac() {
    let site = Site::new();
    assert_eq!(site.shop(&["--version"]).ok().out, format!("shop 0.1.0 (celeriac {})\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_for_the_programs_own_name() {
    let site = Site::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = site.shop(&["completions", shell]).ok().out;
        assert!(script.contains("shop") && script.contains("dispatcher"), "{shell}: {script}");
    }
    let unknown = site.shop(&["completions", "command.com"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("[possible values: bash, elvish, fish, powershell, zsh]"), "{}", unknown.err);
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let site = Site::new();
    let page = site.shop(&["man"]).ok().out;
    assert!(page.contains(".TH shop 1") && page.contains("CELERIAC_STORE"), "{page}");
    site.shop(&["man", "--out", "man1"]).ok();
    for name in ["shop.1", "shop-worker.1", "shop-dead-list.1"] {
        assert!(site.path("man1").join(name).exists(), "{name}");
    }
    std::fs::write(site.path("file"), "").unwrap();
    let answer = site.shop(&["man", "--out", "file/man1"]);
    assert_eq!(answer.code, Some(1));
    assert!(answer.err.starts_with("error: the pages cannot be written to `file/man1`: "), "{}", answer.err);
}

#[test]
fn colours_are_for_terminals() {
    let help = Site::new().shop(&["--help"]).ok().out;
    assert!(!help.contains('\u{1b}'), "{help}");
}

#[test]
fn dropping_all_dead_letters_is_asked_for_twice() {
    let site = Site::new();
    site.call(&["close_books"]);
    let why =
        "error: this would remove all dead letters for good: pass --yes to do it, or --dry-run to see what it would do";
    site.shop(&["dead", "drop", "--all"]).fails(2, why);
    assert_eq!(site.shop(&["dead", "drop", "--all", "--dry-run"]).ok().out, "would drop 0 dead letters\n");
    assert_eq!(site.shop(&["dead", "drop", "--all", "--yes"]).ok().out, "dropped 0 dead letters\n");
}

#[test]
fn a_queue_that_nothing_was_sent_to_is_not_found() {
    let site = Site::new();
    site.call(&["close_books"]);
    let why =
        "error: nothing has ever been sent to a queue `nosuch` of this store; `queue list` names those that there are";
    site.shop(&["queue", "list", "nosuch"]).fails(4, why);
    let queues = |args| site.json(args)["queues"][0]["queue"].take();
    assert_eq!((queues(&["queue", "list"]), queues(&["queue"])), ("default".into(), "default".into()));
}

#[test]
fn a_purge_is_asked_for_twice_and_can_be_undone() {
    let site = Site::new();
    let id = site.call(&["close_books"]);
    site.call(&["close_books", "--countdown", "1h"]);
    let why = "error: this would end all calls that wait in queue `default`: pass --yes to do it, or --dry-run to see what it would do";
    site.shop(&["queue", "purge", "default"]).fails(2, why);
    assert_eq!(
        site.shop(&["queue", "purge", "default", "--dry-run"]).ok().out,
        "would end the calls of 1 parcel; left: 1 waiting for their time\n"
    );
    assert_eq!(
        site.shop(&["queue", "purge", "default", "--yes"]).ok().out,
        "ended 1 call of 1 parcel; left: 1 waiting for their time\n"
    );
    assert_eq!(site.json(&["dead", "show", &id])["reason"], "revoked");
    assert_eq!(site.shop(&["dead", "retry", &id]).ok().out, "sent 1 call again\n");
    let planned = site.json(&["queue", "purge", "default", "--dry-run"]);
    assert_eq!((&planned["parcels"], &planned["dry_run"]), (&1.into(), &true.into()));
    assert!(planned.get("calls").is_none(), "only the parcels say how many calls they have: {planned}");
    let purged = site.json(&["queue", "purge", "default", "--yes"]);
    assert_eq!((&purged["calls"], &purged["delayed"]), (&1.into(), &1.into()));
    let unknown =
        "error: nothing has ever been sent to a queue `nosuch` of this store; `queue list` names those that there are";
    site.shop(&["queue", "purge", "nosuch", "--yes"]).fails(4, unknown);
}
