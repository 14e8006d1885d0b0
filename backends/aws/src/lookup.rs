//! Finds and caches the stack's queues: their URLs, and the account that owns them.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use aws_sdk_sqs::types::QueueAttributeName;

use super::{clients::Clients, fault::Fault};
use celeriac_core::ports::PortError;

/// The known queues of the stack, by their SQS names.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    urls: RwLock<HashMap<String, Arc<str>>>,
    arns: RwLock<HashMap<String, Arc<str>>>,
}

impl Lookup {
    /// The URL of an SQS queue.
    pub(super) async fn url(&self, clients: &Clients, sqs: &str) -> Result<Arc<str>, PortError> {
        if let Some(url) = known(&self.urls, sqs) {
            return Ok(url);
        }
        let answer = clients.sqs().await.get_queue_url().queue_name(sqs).send().await;
        let answer = answer.map_err(|error| fault(clients, sqs, error))?;
        remember(&self.urls, sqs, answer.queue_url().unwrap_or_default())
    }

    /// The ARN of an SQS queue.
    pub(super) async fn arn(&self, clients: &Clients, sqs: &str) -> Result<Arc<str>, PortError> {
        if let Some(arn) = known(&self.arns, sqs) {
            return Ok(arn);
        }
        let url = self.url(clients, sqs).await?;
        let request = clients.sqs().await.get_queue_attributes().queue_url(&*url);
        let answer = request.attribute_names(QueueAttributeName::QueueArn).send().await;
        let answer = answer.map_err(|error| fault(clients, sqs, error))?;
        let arn = answer.attributes().and_then(|all| all.get(&QueueAttributeName::QueueArn));
        remember(&self.arns, sqs, arn.map_or("", String::as_str))
    }
}

fn known(names: &RwLock<HashMap<String, Arc<str>>>, sqs: &str) -> Option<Arc<str>> {
    names.read().unwrap_or_else(PoisonError::into_inner).get(sqs).cloned()
}

fn remember(names: &RwLock<HashMap<String, Arc<str>>>, sqs: &str, found: &str) -> Result<Arc<str>, PortError> {
    if found.is_empty() {
        let what = format!("SQS does not say where its queue `{sqs}` is");
        return Err(PortError::Unavailable { what, source: None });
    }
    let found: Arc<str> = found.into();
    names.write().unwrap_or_else(PoisonError::into_inner).insert(sqs.to_owned(), Arc::clone(&found));
    Ok(found)
}

fn fault<E>(
    clients: &Clients,
    sqs: &str,
    error: aws_smithy_runtime_api::client::result::SdkError<
        E,
        aws_smithy_runtime_api::client::orchestrator::HttpResponse,
    >,
) -> PortError
where
    E: std::error::Error + aws_smithy_types::error::metadata::ProvideErrorMetadata + Send + Sync + 'static,
{
    // Nothing was sent yet, however the lookup failed.
    match Fault::of(error).port(clients.settings(), "find a queue", format_args!("SQS queue `{sqs}`")) {
        PortError::Unknown { what, source } => PortError::Unavailable { what, source },
        other => other,
    }
}
