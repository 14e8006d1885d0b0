//! Clients as users build them, for a test's host.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_host::{Host, Stats};

/// The configuration of the SDKs' clients, without retries: a test wants to see each answer.
pub(crate) async fn config(host: &Host) -> SdkConfig {
    let credentials = aws_sdk_sqs::config::Credentials::new("test", "test", None, None, "test");
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .endpoint_url(host.url())
        .load()
        .await
}

/// Waits until the host's stats are as wanted, for at most ten seconds.
pub(crate) async fn until(host: &Arc<Host>, wanted: impl Fn(&Stats) -> bool) -> Stats {
    let waited = async {
        loop {
            let stats = host.stats();
            if wanted(&stats) {
                return stats;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), waited).await;
    in_time.unwrap_or_else(|_| panic!("not within ten seconds: {:?}", host.stats()))
}
