//! The store that the environment names: which calls go there, and which do not. Each test runs a process of its own.

use std::{path::Path, process::Command};

use celeriac_core::client::{Call, Client, Error};
use tempfile::TempDir;

use super::fixture;
use crate::tasks::{Mail, SendEmail};

/// Runs [`scoped_child`] in a separate process, since the use of scopes marks a whole process.
#[tokio::test]
async fn a_call_that_escapes_a_scope_is_not_sent_to_what_the_environment_names() {
    let f = fixture();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "file::environment::scoped_child", "--ignored", "--nocapture"])
        .env("CELERIAC_STORE", format!("sqlite:{}", f.dir.path().join("test.db").display()))
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert_eq!(f.waiting().await.into_values().collect::<Vec<_>>(), ["before", "named"]);
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn scoped_child() {
    let call = |to: &str| Call::<SendEmail>::new(Mail { to: to.to_owned() });
    call("before").send().await.unwrap();
    let (client, memory) = crate::memory::client();
    let inside = async {
        let escaped = tokio::spawn(async move { call("escaped").send().await }).await.unwrap();
        assert_eq!(
            escaped.unwrap_err().to_string(),
            "no client to send with: this process has used `client.scope(..)`, and this call was made outside of it, as \
             in a task that was spawned inside; so it was not sent to the store that the environment names. Write \
             `tokio::spawn(client.scope(future))`, name a client with `.on(&client)`, or name one for all such calls with \
             `Client::set_default(client)` at start-up"
        );
        let thread = std::thread::spawn(move || call("escaped").blocking_send().map(drop));
        assert!(matches!(thread.join().unwrap(), Err(Error::OutOfScope)));
    };
    client.scope(inside).await;
    assert!(matches!(call("afterwards").send().await, Err(Error::OutOfScope)), "what is spawned may outlive its scope");

    tokio::spawn(client.scope(async move { call("spawned in scope").send().await })).await.unwrap().unwrap();
    let entered = client.clone();
    let thread = move || {
        let _entered = entered.enter();
        call("entered").blocking_send().map(drop)
    };
    std::thread::spawn(thread).join().unwrap().unwrap();
    assert_eq!(crate::tasks::recipients(&memory.parcels()), ["spawned in scope", "entered"]);

    let store = std::env::var("CELERIAC_STORE").unwrap();
    let file = Path::new(store.strip_prefix("sqlite:").unwrap());
    Client::set_default(Client::new(celeriac_embedded::open(file).unwrap()));
    call("named").send().await.unwrap();
}

/// Runs [`ambient_child`] in a separate process whose environment names a file.
fn in_child(database: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "file::environment::ambient_child", "--ignored", "--nocapture"])
        .env("CELERIAC_STORE", format!("sqlite:{}", database.display()))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[ignore = "run by the tests below, in a process of its own"]
async fn ambient_child() {
    let call = || Call::<SendEmail>::new(Mail { to: "ada".to_owned() }).send();
    match call().await {
        Ok(_) => {
            call().await.unwrap();
            println!("sent");
        }
        Err(error @ Error::Store(_)) => println!("{error}"),
        Err(other) => println!("unexpected: {other}"),
    }
}

#[tokio::test]
async fn the_environment_names_the_file_of_the_ambient_client() {
    let f = fixture();
    let printed = in_child(&f.dir.path().join("test.db"));
    assert!(printed.contains("sent\n"), "{printed}");
    assert_eq!(f.waiting().await.into_values().collect::<Vec<_>>(), ["ada", "ada"]);
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("notes.txt");
    std::fs::write(&file, "no database at all, but a text of some length, longer than a header".repeat(20)).unwrap();
    let printed = in_child(&file);
    let told = format!("no client to send with: store `sqlite:{0}` cannot be opened: `{0}` is not", file.display());
    assert!(printed.contains(&told), "{printed}");
}
