//! Settles messages: deletes and hides them in batches, and buries them.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
};
use futures::{StreamExt as _, stream};

use super::{fault::Fault, poll::LONGEST_HIDE_S, queue::Access};
use celeriac_core::ports::{PortError, Settle, Settlement};

/// The most entries of a batch.
const BATCH: usize = 10;

/// The most requests in flight.
const FLIGHTS: usize = 16;

/// SQS's codes for a stale receipt.
const STALE: [&str; 3] = ["ReceiptHandleIsInvalid", "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"];

type Answers = Vec<(usize, Result<(), PortError>)>;

/// The action of one request to SQS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verb {
    Delete,
    Hide,
    Bury,
}

/// One settlement, with its index.
struct Item {
    at: usize,
    receipt: Arc<str>,
    settle: Settle,
}

impl Access {
    /// Settles deliveries. The answers are in the same order.
    pub(super) async fn settle(&self, settlements: Vec<Settlement>) -> Vec<Result<(), PortError>> {
        let mut settled: Vec<_> = (0..settlements.len()).map(|_| Ok(())).collect();
        let mut groups: BTreeMap<(Arc<str>, Verb), Vec<Item>> = BTreeMap::new();
        for (at, Settlement { queue, receipt, settle }) in settlements.into_iter().enumerate() {
            let verb = match settle {
                Settle::Delete => Verb::Delete,
                Settle::Hide { .. } => Verb::Hide,
                Settle::Bury { .. } => Verb::Bury,
            };
            groups.entry((queue, verb)).or_default().push(Item { at, receipt: receipt.0, settle });
        }
        let requests = groups.into_iter().flat_map(|((queue, verb), mut items)| {
            let mut requests = Vec::new();
            while !items.is_empty() {
                let rest = items.split_off(items.len().min(BATCH));
                requests.push((Arc::clone(&queue), verb, std::mem::replace(&mut items, rest)));
            }
            requests
        });
        let answers = stream::iter(requests)
            .map(|(queue, verb, items)| async move { self.settle_batch(&queue, verb, items).await })
            .buffer_unordered(FLIGHTS)
            .collect::<Vec<Answers>>();
        for (at, answer) in answers.await.into_iter().flatten() {
            settled[at] = answer;
        }
        settled
    }

    async fn settle_batch(&self, queue: &Arc<str>, verb: Verb, items: Vec<Item>) -> Answers {
        let done = match verb {
            Verb::Delete => self.delete(queue, &items).await,
            Verb::Hide => self.hide_batch(queue, &items).await,
            Verb::Bury => return self.bury_all(queue, items).await,
        };
        let failed = match done {
            Ok(failed) => failed,
            Err(error) => return items.into_iter().map(|item| (item.at, Err(error.clone()))).collect(),
        };
        let mut failed: BTreeMap<usize, PortError> = failed.into_iter().collect();
        items.into_iter().map(|item| (item.at, failed.remove(&item.at).map_or(Ok(()), Err))).collect()
    }

    async fn delete(&self, queue: &str, items: &[Item]) -> Result<Vec<(usize, PortError)>, PortError> {
        let url = self.url(queue).await?;
        let mut request = self.clients.sqs().await.delete_message_batch().queue_url(&*url);
        for item in items {
            let entry =
                DeleteMessageBatchRequestEntry::builder().id(item.at.to_string()).receipt_handle(&*item.receipt);
            request = request.entries(entry.build().map_err(|error| refused(&error))?);
        }
        let answer = request.send().await.map_err(|error| self.settling(Fault::of(error), queue))?;
        Ok(self.failed(answer.failed(), queue))
    }

    async fn hide_batch(&self, queue: &str, items: &[Item]) -> Result<Vec<(usize, PortError)>, PortError> {
        let url = self.url(queue).await?;
        let now_ms = self.clock.now_ms();
        let mut request = self.clients.sqs().await.change_message_visibility_batch().queue_url(&*url);
        for item in items {
            let Settle::Hide { until_ms } = item.settle else { continue };
            let hide_s = until_ms.saturating_sub(now_ms).div_ceil(1000).min(LONGEST_HIDE_S);
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(item.at.to_string())
                .receipt_handle(&*item.receipt)
                .visibility_timeout(hide_s as i32);
            request = request.entries(entry.build().map_err(|error| refused(&error))?);
        }
        let answer = request.send().await.map_err(|error| self.settling(Fault::of(error), queue))?;
        Ok(self.failed(answer.failed(), queue))
    }

    fn failed(&self, failed: &[BatchResultErrorEntry], queue: &str) -> Vec<(usize, PortError)> {
        let errors = failed.iter().filter_map(|item| {
            let fault = Fault::of_item(item.code(), item.message(), item.sender_fault());
            Some((item.id().parse().ok()?, self.settling(fault, queue)))
        });
        errors.collect()
    }

    fn settling(&self, fault: Fault, queue: &str) -> PortError {
        // SQS uses this code for any parameter's value; only the receipt's means that it is stale.
        let of_receipt = fault.code == "InvalidParameterValue" && fault.is_about("ReceiptHandle");
        if of_receipt || STALE.contains(&fault.code.as_str()) {
            return PortError::Stale;
        }
        let settings = self.clients.settings();
        let resource = format!("SQS queue `{}`", settings.stack.queue(queue));
        fault.port(settings, format_args!("settle a message of queue `{queue}`"), resource)
    }

    async fn url(&self, queue: &str) -> Result<Arc<str>, PortError> {
        self.lookup.url(&self.clients, &self.clients.settings().stack.queue(queue)).await
    }

    async fn bury_all(&self, queue: &Arc<str>, items: Vec<Item>) -> Answers {
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            let Settle::Bury { reason, body } = &item.settle else { continue };
            answers.push((item.at, self.bury(queue, item.receipt, reason, body).await));
        }
        answers
    }
}

fn refused(error: &dyn std::fmt::Display) -> PortError {
    PortError::Refused { what: format!("a message cannot be settled: {error}") }
}
