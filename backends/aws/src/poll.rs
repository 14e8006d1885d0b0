//! Polls SQS for messages: first each queue without waiting, then, if all are empty, all of them for longer.

use std::{sync::Arc, time::Duration};

use aws_sdk_sqs::{config, types::MessageSystemAttributeName};
use futures::{
    future::join_all,
    stream::{FuturesUnordered, StreamExt as _},
};
use tokio::sync::oneshot;

use super::{endurance, fault::Fault, queue::Access, receive::Received, send::DUE};
use celeriac_core::ports::{PortError, Receive};

/// The most messages of one request.
const MOST: usize = 10;

/// The longest that SQS waits for a message, in seconds.
const LONGEST_POLL_S: u64 = 20;

/// The longest time that a message is hidden, in seconds. SQS allows twelve hours, counted from its receipt.
pub(super) const LONGEST_HIDE_S: u64 = 11 * 3600;

impl Access {
    /// Polls each queue in turn, and if all are empty, all of them for this long. A queue that cannot be read does not
    /// keep others from being served: its error is returned if nothing was received.
    pub(super) async fn poll_queues(
        self: &Arc<Self>,
        request: &Receive,
        wait_s: u64,
    ) -> Result<Vec<Received>, PortError> {
        let mut found = Ok(Vec::new());
        if request.queues.len() > 1 || wait_s == 0 {
            for queue in &request.queues {
                let most = request.max.saturating_sub(found.as_ref().map_or(0, Vec::len));
                if most > 0 {
                    found = either(found, self.poll_fully(queue, most, request.hide_ms).await);
                }
            }
        }
        if wait_s > 0 && !matches!(&found, Ok(received) if !received.is_empty()) {
            found = either(found, self.poll_for(request, wait_s).await);
        }
        found
    }

    /// Waits for the first queue to have a message.
    async fn poll_for(self: &Arc<Self>, request: &Receive, wait_s: u64) -> Result<Vec<Received>, PortError> {
        let polls = request.queues.iter().map(|queue| {
            let (access, queue, most, hide_ms) = (Arc::clone(self), Arc::clone(queue), request.max, request.hide_ms);
            self.long_poll(queue.clone(), async move { access.poll(&queue, most, hide_ms, wait_s).await })
        });
        let mut polls = polls.collect::<FuturesUnordered<_>>();
        let mut found = Ok(Vec::new());
        while let Some(answer) = polls.next().await {
            found = either(found, answer);
            if matches!(&found, Ok(received) if !received.is_empty()) {
                break;
            }
        }
        let mut received = found?;
        // A full answer means that there is more.
        if received.len() >= MOST
            && let Some(queue) = received.first().map(|first| first.delivery.queue.clone())
        {
            let more = self.poll_fully(&queue, request.max.saturating_sub(received.len()), request.hide_ms).await;
            received.extend(more.unwrap_or_default());
        }
        Ok(received)
    }

    /// A poll that another one may overtake: messages that it still receives are put back.
    async fn long_poll(
        self: &Arc<Self>,
        queue: Arc<str>,
        poll: impl Future<Output = Result<Vec<Received>, PortError>> + Send + 'static,
    ) -> Result<Vec<Received>, PortError> {
        let (answer, answered) = oneshot::channel();
        let access = Arc::clone(self);
        self.reactor.handle()?.spawn(async move {
            if let Err(Ok(late)) = answer.send(poll.await) {
                access.show_again(late.into_iter().map(|received| received.delivery).collect()).await;
            }
        });
        answered.await.unwrap_or_else(|_| {
            let what = format!("receiving from queue `{queue}` panicked; its message is in the log");
            Err(PortError::Unknown { what, source: None })
        })
    }

    /// A queue's messages now, up to `most`: one request, and if that came back full, all others at once.
    async fn poll_fully(&self, queue: &Arc<str>, most: usize, hide_ms: u64) -> Result<Vec<Received>, PortError> {
        let mut received = if most == 0 { return Ok(Vec::new()) } else { self.poll(queue, most, hide_ms, 0).await? };
        let left = most.saturating_sub(received.len());
        if received.len() == MOST && left > 0 {
            let polls = (0..left).step_by(MOST).map(|from| self.poll(queue, left - from, hide_ms, 0));
            // Messages that one of them could not get are there next time.
            received.extend(join_all(polls).await.into_iter().filter_map(Result::ok).flatten());
        }
        Ok(received)
    }

    async fn poll(&self, queue: &Arc<str>, most: usize, hide_ms: u64, wait_s: u64) -> Result<Vec<Received>, PortError> {
        let settings = self.clients.settings();
        let sqs = settings.stack.queue(queue);
        let url = self.lookup.url(&self.clients, &sqs).await?;
        let names = [MessageSystemAttributeName::ApproximateReceiveCount, MessageSystemAttributeName::SentTimestamp];
        let request = self
            .clients
            .sqs()
            .await
            .receive_message()
            .queue_url(&*url)
            .max_number_of_messages(i32::try_from(most.clamp(1, MOST)).unwrap_or(1))
            .visibility_timeout(hide_ms.div_ceil(1000).min(LONGEST_HIDE_S) as i32)
            .wait_time_seconds(wait_s.min(LONGEST_POLL_S) as i32)
            .set_message_system_attribute_names(Some(names.to_vec()))
            .message_attribute_names(DUE);
        let answer = if wait_s == 0 {
            request.send().await
        } else {
            let wait = Duration::from_secs(wait_s.min(LONGEST_POLL_S));
            let timeouts = endurance::SQS.timeouts_after(wait);
            request.customize().config_override(config::Builder::new().timeout_config(timeouts)).send().await
        };
        let answer = answer.map_err(|error| {
            let resource = format!("SQS queue `{sqs}`");
            Fault::of(error).port(settings, format_args!("receive from queue `{queue}`"), resource)
        })?;
        let messages = answer.messages.unwrap_or_default();
        Ok(messages.iter().map(|message| self.received(queue, message)).collect())
    }
}

/// The messages of two polls together; an error only if neither has found any.
fn either(
    first: Result<Vec<Received>, PortError>,
    second: Result<Vec<Received>, PortError>,
) -> Result<Vec<Received>, PortError> {
    match (first, second) {
        (Ok(mut first), Ok(mut second)) => {
            first.append(&mut second);
            Ok(first)
        }
        (Ok(found), Err(error)) | (Err(error), Ok(found)) if !found.is_empty() => {
            tracing::warn!(%error, "a queue cannot be read; the others are");
            Ok(found)
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
