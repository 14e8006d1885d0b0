//! The floor: the raw SDK, with one Invoke per call and a fixed number in flight, as anyone would write it.

use anyhow::{Result, ensure};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_lambda::{Client, config::Credentials, primitives::Blob, types::InvocationType};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use futures::{StreamExt as _, stream};
use measure::{Watch, peak_mb};
use serde_json::json;

use crate::child::say;

/// About the size of a call with 100 bytes of arguments, as JSON.
const BYTES: usize = 150;

/// How many are in flight: the concurrency of an account, and of a dispatcher.
pub(crate) const AT_A_TIME: usize = 1000;

/// Makes this many Invokes and returns the time. One more Invoke comes first, to warm up the client.
pub(crate) fn run(url: &str, calls: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"))
            .endpoint_url(url)
            .load()
            .await;
        let client = Client::new(&config);
        let invoke = async || {
            let request = client.invoke().function_name("worker").invocation_type(InvocationType::Event);
            request.payload(Blob::new(vec![b'1'; BYTES])).send().await
        };
        invoke().await?;
        let watch = Watch::start();
        let mut invokes = stream::iter((0..calls).map(|_| invoke())).buffer_unordered(AT_A_TIME);
        while let Some(answer) = invokes.next().await {
            ensure!(answer?.status_code() == 202, "an Invoke was not accepted");
        }
        say(&json!({ "seconds": watch.seconds(), "cpu": watch.cpu_seconds(), "peak_mb": peak_mb() }));
        Ok(())
    })
}
