//! The worker's function may not run: a reserved concurrency of 0, which the console calls throttling.

use std::time::Duration;

use anyhow::Result;

use super::{Seen, aws::Aws, say, through};
use crate::site::Site;

pub async fn run(site: &Site, aws: &Aws, worker: &str, trouble: Duration) -> Result<Seen> {
    let of = ["--function-name", worker];
    let reserve = |most: &str| {
        let put = ["lambda", "put-function-concurrency", "--reserved-concurrent-executions", most];
        aws.json(&[&put[..], &of].concat()).map(drop)
    };
    let found = aws.json(&[&["lambda", "get-function-concurrency"][..], &of].concat())?;
    let before = found["ReservedConcurrentExecutions"].as_u64();
    let free = [&["lambda", "delete-function-concurrency"][..], &of].concat();
    let mend = || match before {
        Some(most) => reserve(&most.to_string()),
        None => aws.json(&free).map(drop),
    };
    if before.is_none() {
        say(&format!("if this is interrupted, mend the function by\n  {}", Aws::command(&free)));
    }
    through(site, trouble, worker, aws, || reserve("0"), mend).await
}
