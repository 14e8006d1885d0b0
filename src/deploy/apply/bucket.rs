//! The bucket that the program and the template are uploaded to. `CloudFormation` reads both from there.

use std::{fmt, time::Duration};

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_sdk_s3::{
    error::SdkError,
    operation::head_bucket::HeadBucketError,
    primitives::ByteStream,
    types::{BucketLocationConstraint, ChecksumAlgorithm, CreateBucketConfiguration, PublicAccessBlockConfiguration},
};
use aws_smithy_types::timeout::TimeoutConfig;
use celeriac_aws::RequestError;
use serde_json::json;

use super::{Account, ApplyError};

/// The one region whose buckets may not name it.
const FIRST_REGION: &str = "us-east-1";

/// The slowest upload that is waited for: 1 Mbit/s.
const UPLOAD_BYTES_PER_S: usize = 125_000;

/// A bucket of this account.
pub(super) struct CodeBucket {
    name: String,
}

impl fmt::Display for CodeBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)
    }
}

impl CodeBucket {
    /// The bucket of this name, or that of this account and region; `None` if the latter is missing.
    pub(super) async fn find(account: &Account, named: Option<&str>) -> Result<Option<Self>, ApplyError> {
        let name = named.map_or_else(|| Self::own(account), str::to_owned);
        let request = account.s3.head_bucket().bucket(&name).expected_bucket_owner(&account.id);
        let answer = request.send().await;
        if answer.as_ref().is_err_and(is_elsewhere) {
            return Err(ApplyError::Refused(format!(
                "the bucket `{name}` is in another region than {}, and Lambda reads programs only from its own: name another \
                 with --code-bucket",
                account.region
            )));
        }
        match answer.map_err(RequestError::of) {
            Ok(_) => Ok(Some(Self { name })),
            Err(error) if error.is_missing() && named.is_none() => Ok(None),
            Err(error) if error.is_missing() => Err(ApplyError::Refused(format!(
                "there is no bucket `{name}`: make it, or leave --code-bucket out to have one made"
            ))),
            // Anyone can take a name that follows from an account's number. So a bucket of another account is never used.
            Err(error) if error.is_denied() => Err(ApplyError::Refused(format!(
                "the bucket `{name}` cannot be used: it belongs to another account than {}, or s3:ListBucket is not allowed; \
                 name another with --code-bucket",
                account.id
            ))),
            Err(error) => Err(ApplyError::Request("look at the bucket for the program", error)),
        }
    }

    /// The name of the bucket for an account and region.
    pub(super) fn own(account: &Account) -> String {
        format!("celeriac-code-{}-{}", account.id, account.region)
    }

    /// Makes the bucket for this account and region, which nobody else can read.
    pub(super) async fn make(account: &Account) -> Result<Self, ApplyError> {
        let bucket = Self { name: Self::own(account) };
        bucket.create(account).await.map_err(|error| {
            ApplyError::Refused(format!(
                "the bucket `{}` cannot be made: {error}; or name one of yours with --code-bucket",
                bucket.name
            ))
        })?;
        Ok(bucket)
    }

    async fn create(&self, account: &Account) -> Result<(), RequestError> {
        let place = (account.region != FIRST_REGION).then(|| {
            let region = BucketLocationConstraint::from(account.region.as_str());
            CreateBucketConfiguration::builder().location_constraint(region).build()
        });
        let made = account.s3.create_bucket().bucket(&self.name).set_create_bucket_configuration(place).send().await;
        match made.map_err(RequestError::of) {
            // Another deployment was faster.
            Err(error) if error.code() == "BucketAlreadyOwnedByYou" => {}
            made => drop(made?),
        }
        let closed = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true)
            .build();
        let close = account.s3.put_public_access_block().bucket(&self.name).expected_bucket_owner(&account.id);
        close.public_access_block_configuration(closed).send().await.map_err(RequestError::of)?;
        let policy = account.s3.put_bucket_policy().bucket(&self.name).expected_bucket_owner(&account.id);
        let only_by_tls = self.only_by_tls(account).to_string();
        policy.policy(only_by_tls).send().await.map_err(RequestError::of)?;
        Ok(())
    }

    fn only_by_tls(&self, account: &Account) -> serde_json::Value {
        let arn = format!("arn:{}:s3:::{}", account.partition(), self.name);
        let statement = json!({
            "Sid": "OnlyByTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        });
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    }

    /// Whether an object of this size is there. If that is unknown, it is uploaded again.
    pub(super) async fn has(&self, account: &Account, key: &str, bytes: usize) -> bool {
        let request = account.s3.head_object().bucket(&self.name).key(key).expected_bucket_owner(&account.id);
        request.send().await.is_ok_and(|object| object.content_length() == i64::try_from(bytes).ok())
    }

    /// Uploads an object. S3 compares its checksum.
    pub(super) async fn put(&self, account: &Account, key: &str, bytes: Vec<u8>) -> Result<(), ApplyError> {
        let longest = Duration::from_secs(60 + (bytes.len() / UPLOAD_BYTES_PER_S) as u64);
        let patient = aws_sdk_s3::config::Builder::new()
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(longest).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().build());
        let request = account.s3.put_object().bucket(&self.name).key(key).expected_bucket_owner(&account.id);
        let request = request.checksum_algorithm(ChecksumAlgorithm::Sha256).body(ByteStream::from(bytes));
        let sent = request.customize().config_override(patient).send().await.map_err(RequestError::of);
        sent.map(|_| ()).map_err(|error| {
            ApplyError::Refused(format!(
                "nothing can be uploaded to the bucket `{}`: {error}; or name another with --code-bucket",
                self.name
            ))
        })
    }

    /// The URL of an object, for `CloudFormation`.
    pub(super) fn url(&self, account: &Account, key: &str) -> String {
        match &account.endpoint {
            Some(endpoint) => format!("{endpoint}/{}/{key}", self.name),
            None => format!("https://{}.s3.{}.{}/{key}", self.name, account.region, account.suffix()),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// S3 redirects to the region of a bucket, which has no code in an answer without a body.
fn is_elsewhere(error: &SdkError<HeadBucketError>) -> bool {
    const MOVED: u16 = 301;
    error.raw_response().is_some_and(|answer| answer.status().as_u16() == MOVED)
}

impl Account {
    /// The part of AWS that the account belongs to, from the caller's ARN.
    fn partition(&self) -> &str {
        self.caller.split(':').nth(1).unwrap_or("aws")
    }

    /// The domain of the services.
    fn suffix(&self) -> &'static str {
        if self.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
    }
}
