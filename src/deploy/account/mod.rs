//! Looks up what an AWS account has of a stack. It changes nothing but where an alias points, and judges nothing: that is
//! [`audit`]'s part.
//!
//! [`audit`]: super::audit

mod alarms;
mod functions;
mod live;
mod mappings;
mod queues;
mod schedules;
mod stack;
mod table;
mod versions;

use std::time::Duration;

use aws_config::{SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use celeriac_aws::{RequestError, Settings, Stack};

pub(crate) use self::versions::{Alias, Version};

/// A person waits for these requests, and nothing is billed meanwhile: they may take longer than a function's.
const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(20);
const ATTEMPTS: u32 = 5;

/// Clients of the services that a stack is made of, for one account and region.
pub(crate) struct Account {
    /// Its number.
    pub(crate) id: String,
    /// The ARN of the user or role that asks.
    pub(crate) caller: String,
    pub(crate) region: String,
    /// Of a host that is not AWS.
    pub(super) endpoint: Option<String>,
    pub(super) cloudformation: aws_sdk_cloudformation::Client,
    pub(super) s3: aws_sdk_s3::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    lambda: aws_sdk_lambda::Client,
    scheduler: aws_sdk_scheduler::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Account {
    /// The account of the credentials that this process finds, and their region.
    pub(crate) async fn open(stack: &Stack) -> Result<Self, RequestError> {
        let config = patient(&celeriac_aws::sdk_config(&Settings::new(stack.clone())).await);
        let caller = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.map_err(RequestError::of)?;
        let endpoint = config.endpoint_url().map(|url| url.trim_end_matches('/').to_owned());
        // Other hosts have no names for buckets.
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(endpoint.is_some()).build();
        Ok(Self {
            id: caller.account().unwrap_or_default().to_owned(),
            caller: caller.arn().unwrap_or_default().to_owned(),
            // Without one, the request would have failed.
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            endpoint,
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            scheduler: aws_sdk_scheduler::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
        })
    }
}

fn patient(config: &SdkConfig) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
    config.to_builder().timeout_config(timeouts).retry_config(retries).build()
}

/// A resource that is not there is no error.
fn found<T>(answer: Result<T, RequestError>) -> Result<Option<T>, String> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
