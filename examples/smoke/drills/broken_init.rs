//! The set-up of workers fails, as with a wrong password or a database that is down.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Seen, aws::Aws, say, through};
use crate::{BROKEN, site::Site};

pub async fn run(site: &Site, aws: &Aws, worker: &str, trouble: Duration) -> Result<Seen> {
    let before = aws.json(&["lambda", "get-function-configuration", "--function-name", worker])?;
    let variables = before["Environment"]["Variables"].clone();
    let mut broken = variables.clone();
    broken.as_object_mut().context("the function has an environment")?.insert(BROKEN.to_owned(), "1".into());
    let (before, broken) = (json!({ "Variables": variables }).to_string(), json!({ "Variables": broken }).to_string());
    let set = |environment: &str| {
        let of = ["--function-name", worker];
        let update = ["lambda", "update-function-configuration"];
        aws.json(&[&update[..], &of, &["--environment", environment]].concat())?;
        aws.json(&[&["lambda", "wait", "function-updated-v2"][..], &of].concat()).map(drop)
    };
    let mend = ["lambda", "update-function-configuration", "--function-name", worker, "--environment", &before];
    say(&format!("if this is interrupted, mend the function by\n  {}", Aws::command(&mend)));
    through(site, trouble, worker, aws, || set(&broken), || set(&before)).await
}
