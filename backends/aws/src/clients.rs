//! The clients of the AWS services, each made at its first use.

use std::sync::Arc;

use aws_config::{
    AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig, stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use tokio::sync::OnceCell;

use super::{Meter, Settings, endurance, meter::Metering};

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
    ($name:ident, $sdk:ident, $endurance:ident) => {
        /// Made at its first use.
        pub(super) async fn $name(&self) -> &$sdk::Client {
            let make = || async {
                let mut config = $sdk::config::Builder::from(self.config().await)
                    .interceptor(self.metering())
                    .timeout_config(endurance::$endurance.timeouts())
                    .retry_config(endurance::$endurance.retries());
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

    client!(sqs, aws_sdk_sqs, SQS);
    client!(lambda, aws_sdk_lambda, LAMBDA);
    client!(dynamodb, aws_sdk_dynamodb, DYNAMODB);
    client!(scheduler, aws_sdk_scheduler, SCHEDULER);

    /// Addresses buckets by path where the services are not AWS's own: other hosts have no names for buckets.
    #[cfg(feature = "s3")]
    pub(super) async fn s3(&self) -> &aws_sdk_s3::Client {
        let make = || async {
            let config = self.config().await;
            let own = self.settings.endpoints.get("s3");
            let by_path = own.is_some() || config.endpoint_url().is_some();
            let mut config = aws_sdk_s3::config::Builder::from(config)
                .force_path_style(by_path)
                .interceptor(self.metering())
                .timeout_config(endurance::S3.timeouts())
                .retry_config(endurance::S3.retries())
                // The time-out of an attempt ends with the first byte of an object.
                .stalled_stream_protection(StalledStreamProtectionConfig::enabled().build());
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

/// The configuration of SDKs for further services of the stack's account: its region, its credentials, its endpoint, and
/// the one HTTPS client. Time-outs and retries are the SDKs' own.
pub async fn sdk_config(settings: &Settings) -> SdkConfig {
    load(settings).await
}

async fn load(settings: &Settings) -> SdkConfig {
    loader(settings).load().await
}

/// What all services share.
fn loader(settings: &Settings) -> ConfigLoader {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        // A long poll is silent for 20 seconds; the time-out of an attempt bounds it anyway.
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
    loader
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Duration};

    use aws_sdk_dynamodb::{config::Credentials, error::SdkError};
    use tokio::time::Instant;

    use super::*;

    /// A third of a dispatcher's minute: it has time left to put its parcels back, and for a request to another service.
    const MOST: Duration = Duration::from_secs(30);

    /// Clients of services that accept a connection and never answer.
    async fn into_the_void(void: &TcpListener) -> Clients {
        let settings = Settings {
            region: Some("eu-central-1".to_owned()),
            endpoint: Some(format!("http://{}", void.local_addr().expect("it is bound"))),
            ..Settings::new("shop".parse().expect("a name"))
        };
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let config = loader(&settings).credentials_provider(credentials).load().await;
        let clients = Clients::new(settings, Arc::default());
        clients.config.set(config).expect("it has none yet");
        clients
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_into_the_void_ends_well_within_a_dispatchers_minute() {
        let void = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let clients = into_the_void(&void).await;
        for (service, endurance) in
            [("sqs", endurance::SQS), ("lambda", endurance::LAMBDA), ("dynamodb", endurance::DYNAMODB)]
        {
            let began = Instant::now();
            let timed_out = match service {
                "sqs" => is_timeout(&clients.sqs().await.get_queue_url().queue_name("shop-mail").send().await),
                "lambda" => is_timeout(&clients.lambda().await.invoke().function_name("shop-worker").send().await),
                _ => is_timeout(&clients.dynamodb().await.describe_table().table_name("shop").send().await),
            };
            let took = began.elapsed();
            assert!(timed_out, "{service}");
            assert!(took <= endurance.longest() + Duration::from_millis(100) && took < MOST, "{service}: {took:?}");
        }
    }

    fn is_timeout<T, E>(answer: &Result<T, SdkError<E>>) -> bool {
        matches!(answer, Err(SdkError::TimeoutError(_)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_poll_is_waited_for_and_then_given_up() {
        let void = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let clients = into_the_void(&void).await;
        let began = Instant::now();
        let wait = Duration::from_secs(20);
        let request = clients.sqs().await.receive_message().queue_url("http://sqs/shop-mail").wait_time_seconds(20);
        let timeouts = aws_sdk_sqs::config::Builder::new().timeout_config(endurance::SQS.timeouts_after(wait));
        assert!(is_timeout(&request.customize().config_override(timeouts).send().await));
        assert!(began.elapsed() > 3 * wait, "{:?}", began.elapsed());
    }
}
