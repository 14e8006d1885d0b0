//! Reads the depth of the stack's queues. SQS counts approximately, and does not report the age of the oldest message.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use aws_sdk_sqs::types::QueueAttributeName::{
    self, ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible,
};

use super::{fault::Fault, queue::Access, stack::QueueRole};
use celeriac_core::ports::{Depth, PortError};

impl Access {
    /// The stack's work queues.
    pub(super) async fn queues(&self) -> Result<Vec<Arc<str>>, PortError> {
        let settings = self.clients.settings();
        let prefix = format!("{}-", settings.stack);
        let request = self.clients.sqs().await.list_queues().queue_name_prefix(&prefix).max_results(1000);
        let mut pages = request.into_paginator().send();
        let (mut queues, mut dead) = (Vec::new(), BTreeSet::new());
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                Fault::of(error).port(settings, "list queues", format_args!("SQS queues `{prefix}*`"))
            })?;
            let names = page.queue_urls().iter().filter_map(|url| url.rsplit('/').next());
            for sqs in names {
                match settings.stack.role_of(sqs) {
                    Some(QueueRole::Work(queue)) => queues.push(queue),
                    Some(QueueRole::Dead(queue)) => drop(dead.insert(queue)),
                    Some(QueueRole::Failures) | None => {}
                }
            }
        }
        // Another stack's name, or another program's queue, may begin with this stack's name.
        queues.retain(|queue| dead.contains(queue));
        Ok(queues)
    }

    /// The depth of one queue.
    pub(super) async fn depth(&self, queue: &Arc<str>) -> Result<Depth, PortError> {
        let stack = &self.clients.settings().stack;
        let (work, dead) = (stack.queue(queue), stack.dead_queue(queue));
        let (work, dead) = futures::future::try_join(self.counts(&work), self.counts(&dead)).await?;
        let of = |counts: &HashMap<QueueAttributeName, String>, name| {
            counts.get(&name).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0)
        };
        Ok(Depth {
            queue: Arc::clone(queue),
            ready: of(&work, ApproximateNumberOfMessages),
            delayed: of(&work, ApproximateNumberOfMessagesDelayed),
            in_flight: of(&work, ApproximateNumberOfMessagesNotVisible),
            buried: of(&dead, ApproximateNumberOfMessages) + of(&dead, ApproximateNumberOfMessagesNotVisible),
            oldest_ms: None,
        })
    }

    async fn counts(&self, sqs: &str) -> Result<HashMap<QueueAttributeName, String>, PortError> {
        let url = self.lookup.url(&self.clients, sqs).await?;
        let names =
            [ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible];
        let request = self.clients.sqs().await.get_queue_attributes().queue_url(&*url);
        let answer = request.set_attribute_names(Some(names.to_vec())).send().await;
        let answer = answer.map_err(|error| {
            let resource = format!("SQS queue `{sqs}`");
            Fault::of(error).port(self.clients.settings(), "count messages", resource)
        })?;
        Ok(answer.attributes.unwrap_or_default())
    }
}
