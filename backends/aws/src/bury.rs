//! Buries messages: SQS itself moves a message only after many receives, so this sends it to the dead-letter queue and
//! then deletes it.

use std::sync::Arc;

use aws_sdk_sqs::types::MessageAttributeValue;

use super::{fault::Fault, queue::Access, text};
use celeriac_core::{
    ports::{PortError, Receipt, Settle, Settlement},
    wire::Header,
};

/// The attribute with the reason.
const REASON: &str = "reason";

/// The most characters of the reason, since long texts do not belong into a dead-letter queue.
const REASON_CHARS: usize = 500;

impl Access {
    /// Sends a message to its dead-letter queue and deletes it. Between the two there are two copies, never none.
    pub(super) async fn bury(
        &self,
        queue: &Arc<str>,
        receipt: Arc<str>,
        reason: &str,
        body: &[u8],
    ) -> Result<(), PortError> {
        self.hold(queue, &receipt).await?;
        let settings = self.clients.settings();
        let dead = settings.stack.dead_queue(queue);
        let url = self.lookup.url(&self.clients, &dead).await?;
        let why: String = reason.chars().filter(|c| !c.is_control()).take(REASON_CHARS).collect();
        let why = MessageAttributeValue::builder().data_type("String").string_value(why).build();
        let why = why.map_err(|error| PortError::Refused { what: error.to_string() })?;
        let request = self.clients.sqs().await.send_message().queue_url(&*url).message_body(text(body));
        request.message_attributes(REASON, why).send().await.map_err(|error| {
            let resource = format!("SQS queue `{dead}`");
            Fault::of(error).port(settings, format_args!("bury a message of queue `{queue}`"), resource)
        })?;
        self.settle_one(queue, receipt, Settle::Delete).await
    }

    /// Checks the receipt first: a message that another receiver has by now is not buried.
    async fn hold(&self, queue: &Arc<str>, receipt: &Arc<str>) -> Result<(), PortError> {
        let until_ms = self.clock.now_ms() + 60_000;
        self.settle_one(queue, Arc::clone(receipt), Settle::Hide { until_ms }).await
    }

    async fn settle_one(&self, queue: &Arc<str>, receipt: Arc<str>, settle: Settle) -> Result<(), PortError> {
        let settlement = Settlement { queue: Arc::clone(queue), receipt: Receipt(receipt), settle };
        Box::pin(self.settle(vec![settlement])).await.pop().unwrap_or(Ok(()))
    }
}

/// A body that never was a parcel is buried as it was sent, unless SQS does not accept it as text.
fn text(body: &[u8]) -> String {
    let is_taken = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    match std::str::from_utf8(body) {
        Ok(text) if !text.is_empty() && text.chars().all(is_taken) && Header::peek(body).is_err() => text.to_owned(),
        _ => text::write(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_no_parcel_is_buried_as_text_if_possible() {
        assert_eq!(text("hello,\nI am no parcel".as_bytes()), "hello,\nI am no parcel");
        // A parcel of a newer format may be valid UTF-8 by chance.
        assert_eq!(text(&[99, 0, 0]), "YwAA");
    }
}
