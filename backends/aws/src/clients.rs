//! The clients of the AWS services, each made at its first use.

use std::{sync::Arc, time::Duration};

use aws_config::{
    AppName, BehaviorVersion, Region, SdkConfig, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use tokio::sync::OnceCell;

use super::{Meter, Settings, meter::Metering};

/// The timeout of a request: a long poll takes 20 seconds.
const ATTEMPT: Duration = Duration::from_secs(30);

/// The timeout of connecting.
const CONNECT: Duration = Duration::from_secs(3);

/// How often the SDK tries a request, the first time included. After that the port returns an error, and its caller
/// waits longer before it retries. The SDK's retries are jittered and share one budget, which many failures at once use
/// up.
const ATTEMPTS: u32 = 3;

/// The clients of the services.
pub(super) struct Clients {
    settings: Settings,
    meter: Arc<Meter>,
    config: OnceCell<SdkConfig>,
    sqs: OnceCell<aws_sdk_sqs::Client>,
    lambda: OnceCell<aws_sdk_lambda::Client>,
    dynamodb: OnceCell<aws_sdk_dynamodb::Client>,
    scheduler: OnceCell<aws_sdk_scheduler::Client>,
    #[cfg(feature = "s3")]
    s3: OnceCell<aws_sdk_s3::Client>,
}

macro_rules! client {
    ($name:ident, $sdk:ident) => {
        /// Made at its first use.
        pub(super) async fn $name(&self) -> &$sdk::Client {
            let make = || async {
                let mut config = $sdk::config::Builder::from(self.config().await).interceptor(self.metering());
                if let Some(endpoint) = self.settings.endpoints.get(stringify!($name)) {
                    config = config.endpoint_url(endpoint);
                }
                $sdk::Client::from_conf(config.build())
            };
            self.$name.get_or_init(make).await
        }
    };
}

impl Clients {
    pub(super) fn new(settings: Settings, meter: Arc<Meter>) -> Self {
        Self {
            settings,
            meter,
            config: OnceCell::new(),
            sqs: OnceCell::new(),
            lambda: OnceCell::new(),
            dynamodb: OnceCell::new(),
            scheduler: OnceCell::new(),
            #[cfg(feature = "s3")]
            s3: OnceCell::new(),
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    client!(sqs, aws_sdk_sqs);
    client!(lambda, aws_sdk_lambda);
    client!(dynamodb, aws_sdk_dynamodb);
    client!(scheduler, aws_sdk_scheduler);

    /// Addresses buckets by path where the services are not AWS's own: other hosts have no names for buckets.
    #[cfg(feature = "s3")]
    pub(super) async fn s3(&self) -> &aws_sdk_s3::Client {
        let make = || async {
            let config = self.config().await;
            let own = self.settings.endpoints.get("s3");
            let by_path = own.is_some() || config.endpoint_url().is_some();
            let mut config =
                aws_sdk_s3::config::Builder::from(config).force_path_style(by_path).interceptor(self.metering());
            if let Some(endpoint) = own {
                config = config.endpoint_url(endpoint);
            }
            aws_sdk_s3::Client::from_conf(config.build())
        };
        self.s3.get_or_init(make).await
    }

    fn metering(&self) -> Metering {
        Metering::new(Arc::clone(&self.meter))
    }

    /// Boxed, since it is large and would be carried and moved with each request.
    async fn config(&self) -> &SdkConfig {
        self.config.get_or_init(|| Box::pin(load(&self.settings))).await
    }
}

async fn load(settings: &Settings) -> SdkConfig {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        // A long poll is silent for 20 seconds; the timeout of an attempt bounds it anyway.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Ok(name) = AppName::new("celeriac") {
        loader = loader.app_name(name);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    loader.load().await
}
