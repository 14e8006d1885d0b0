//! Tests which store a command uses, by its URL.

use crate::site::{Answer, SHOP, Site};

/// Runs a command with `CELERIAC_STORE` set to this store.
fn on(store: &str, args: &[&str]) -> Answer {
    let site = Site::new();
    let mut command = site.program(SHOP, args);
    command.env("CELERIAC_STORE", store).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    command.env("AWS_REGION", "eu-central-1").env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command.output().unwrap().into()
}

#[test]
fn an_option_takes_precedence_over_the_environment() {
    let answer = on("aws:shop", &["queue", "--store", "sqlite:jobs.db"]);
    let why = "error: store `sqlite:jobs.db` cannot be opened: there is no database `jobs.db`";
    assert!(answer.err.starts_with(why), "{}", answer.err);
}

#[test]
fn a_file_without_a_scheme_is_refused_with_what_to_write() {
    let why = "store `jobs.db`: a store is named by a URL; for a file write `sqlite:jobs.db`";
    for args in [&["queue"][..], &["call", "greet", "[\"Ada\"]"], &["worker"], &["dispatcher"], &["dev"]] {
        on("jobs.db", args).fails(3, &format!("error: {why}"));
        let site = Site::new();
        site.shop(&[args, &["--store", "jobs.db"]].concat()).fails(2, &format!("error: --store: {why}"));
        assert!(!site.path("jobs.db").exists() && !site.path("celeriac.db").exists());
    }
}

#[test]
fn a_store_that_no_backend_opens_is_refused() {
    let why = "error: store `redis://localhost`: this program has only backends for `aws:shop`, `memory:`, `sqlite:celeriac.db`; for \
               `redis:` link the crate of that backend";
    for args in [&["queue"][..], &["call", "greet", "[\"Ada\"]"], &["worker"]] {
        on("redis://localhost", args).fails(3, why);
    }
}

#[test]
fn a_file_is_named_with_slashes_as_other_programs_write_them() {
    let site = Site::new();
    let url = format!("sqlite://{}", site.path("jobs.db").display());
    site.shop(&["call", "greet", "[\"Ada\"]", "--store", &url]).ok();
    assert!(site.path("jobs.db").exists());
    let why = "error: store `sqlite:` cannot be opened: the URL names no file: write `sqlite:celeriac.db`";
    site.shop(&["queue", "--store", "sqlite:"]).fails(3, why);
    let why = "error: store `sqlite:jobs.db?mode=ro` cannot be opened: `jobs.db?mode=ro`: parameters are not supported; \
               write `sqlite:jobs.db`";
    site.shop(&["queue", "--store", "sqlite:jobs.db?mode=ro"]).fails(3, why);
}

#[test]
fn a_store_that_ends_with_its_process_is_refused_for_shared_use() {
    let why = "error: store `memory:` exists only within one process: only `dev` and a program that calls `App::start` \
               can use it; for several processes name a file, such as `sqlite:celeriac.db`";
    for args in [&["queue"][..], &["call", "greet", "[\"Ada\"]"], &["worker"], &["dispatcher"], &["dead", "list"]] {
        on("memory:", args).fails(3, why);
    }
}

#[test]
fn the_environment_names_a_stack() {
    let why = "error: store `aws:Shop` cannot be opened: `Shop` is no stack's name: a letter, then 2 to 39 more of a-z, \
               0-9 and `-`";
    for args in [&["queue"][..], &["dead", "list"], &["worker"], &["dispatcher"], &["dev"]] {
        on("aws:Shop", args).fails(3, why);
    }
    Site::new().shop(&["batches", "--store", "aws:Shop"]).fails(3, why);
}

#[test]
fn a_stack_that_does_not_answer_is_named() {
    let answer = on("aws:shop", &["queue"]);
    assert_eq!(answer.code, Some(1), "{}", answer.err);
    let why = "error: cannot list queues: SQS queues `shop-*`: io error: client error (Connect): tcp connect error: ";
    let rest = answer.err.strip_prefix(why).unwrap_or_else(|| panic!("{}", answer.err));
    assert_eq!(rest.matches("refused").count(), 1, "its cause is said once: {}", answer.err);
}

#[test]
fn a_queue_that_the_stack_needs_for_itself_is_refused() {
    let why = "error: store `aws:shop`: queue `mail-dead`: stack `shop` needs that name for itself; no queue is `failures` \
               or ends in `-dead`";
    for role in ["worker", "dispatcher", "dev"] {
        let answer = on("aws:shop", &[role, "--queues", "mail-dead"]);
        assert_eq!((answer.code, answer.err.lines().last()), (Some(3), Some(why)));
    }
}

#[test]
fn a_path_of_roles_that_iam_would_refuse_is_named() {
    let why = "CELERIAC_ROLE_PATH is `team`: a role's path starts and ends with `/`, such as `/team/`";
    let site = Site::new();
    let mut command = site.program(SHOP, &["queue", "--store", "aws:shop"]);
    let answer: Answer = command.env("CELERIAC_ROLE_PATH", "team").output().unwrap().into();
    answer.fails(3, &format!("error: store `aws:shop` cannot be opened: {why}"));
}

#[test]
fn an_alias_that_lambda_would_refuse_is_named() {
    for alias in ["live:1", "12"] {
        let why = format!(
            "CELERIAC_ALIAS is `{alias}`: an alias of a function is 1 to 128 letters, digits, `-` and `_`, not only digits"
        );
        let site = Site::new();
        let mut command = site.program(SHOP, &["queue", "--store", "aws:shop"]);
        let answer: Answer = command.env("CELERIAC_ALIAS", alias).output().unwrap().into();
        answer.fails(3, &format!("error: store `aws:shop` cannot be opened: {why}"));
    }
}

#[test]
fn a_person_who_is_not_signed_in_is_told_how() {
    let profile = "[profile people]\nsso_session = shop\nsso_account_id = 111122223333\nsso_role_name = operator\n\
                   region = eu-central-1\n[sso-session shop]\nsso_region = eu-central-1\n\
                   sso_start_url = https://shop.awsapps.com/start\n[profile console]\nregion = eu-central-1\n\
                   login_session = arn:aws:iam::111122223333:user/ada\n";
    for (name, sign_in) in [("people", "aws sso login"), ("console", "aws login")] {
        let site = Site::new();
        std::fs::write(site.path("config"), profile).unwrap();
        let mut command = site.program(SHOP, &["queue"]);
        for variable in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
            command.env_remove(variable);
        }
        command.env("CELERIAC_STORE", "aws:shop").env("AWS_PROFILE", name).env("HOME", site.path(""));
        command.env("AWS_CONFIG_FILE", site.path("config")).env("AWS_EC2_METADATA_DISABLED", "true");
        let answer: Answer = command.output().unwrap().into();
        assert!(answer.err.trim_end().ends_with(&format!("; sign in: `{sign_in}`")), "{}", answer.err);
    }
}
