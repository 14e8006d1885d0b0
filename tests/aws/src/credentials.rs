//! Credentials where the SDKs look for them.

use std::{env, os::unix::process::CommandExt as _, process::Command};

const KEY: (&str, &str) = ("AWS_ACCESS_KEY_ID", "test");

/// Credentials for a local AWS, which takes any, as environment variables.
pub const CREDENTIALS: [(&str, &str); 2] = [KEY, ("AWS_SECRET_ACCESS_KEY", "test")];

/// Ensures [`CREDENTIALS`] in this program's environment: if they are missing it replaces itself, since a program
/// cannot safely change its own environment. Called first in a test's `main`.
pub fn with_credentials() {
    if env::var(KEY.0).as_deref() == Ok(KEY.1) {
        return;
    }
    let this = env::current_exe().expect("a test knows its own path");
    let error = Command::new(this).args(env::args_os().skip(1)).envs(CREDENTIALS).exec();
    panic!("this program cannot be started again: {error}");
}
