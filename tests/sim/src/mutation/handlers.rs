//! Handlers that break a rule, in their requests or in their answers.

use std::sync::Arc;

use celeriac_aws::Minutes;
use celeriac_core::ports::{Outgoing, Ports, Profile, Queue, SendError, layers::QueueLayer};
use celeriac_lambda::Request;
use futures::future::{BoxFuture, FutureExt as _};
use serde_json::{Value, json};

use super::{Mutation, ledger::Twisted as TwistedLedger};

/// How much later a worker believes its time limit to be.
const LATER_MS: u64 = 3_600_000;

/// The common id of all invocations, when they cannot be distinguished.
const ANYBODY: &str = "anybody";

impl Mutation {
    /// Changes what a function is told about its invocation.
    pub(crate) fn twist_request(self, request: Request) -> Request {
        match self {
            Self::AnyHolderIsDead => Request { id: ANYBODY.to_owned(), ..request },
            Self::RunsOn => Request { deadline_ms: request.deadline_ms + LATER_MS, ..request },
            _ => request,
        }
    }

    /// Changes the event of a mapping.
    pub(crate) fn twist_event(self, event: &str) -> String {
        match self {
            Self::EarlyIsDue => event.replace("\"due\"", "\"undue\""),
            Self::AnyHolderIsDead => of_anybody(event).unwrap_or_else(|| event.to_owned()),
            _ => event.to_owned(),
        }
    }

    /// Changes the answer to the event of a mapping.
    pub(crate) fn twist_answer(self, event: &Value, answer: Value) -> Value {
        let none = Vec::new();
        let stays = answer["batchItemFailures"].as_array().unwrap_or(&none);
        match self {
            Self::AnswersNothing => json!({ "batchItemFailures": [] }),
            Self::AnswersTheWrongOnes => {
                let all = event["Records"].as_array().unwrap_or(&none);
                let all = all.iter().map(|message| json!({ "itemIdentifier": message["messageId"] }));
                json!({ "batchItemFailures": all.filter(|id| !stays.contains(id)).collect::<Vec<_>>() })
            }
            _ => answer,
        }
    }

    /// Changes the counts of outstanding invocations.
    pub(crate) fn twist_counts(self, shard: u8, counted: Minutes) -> Minutes {
        let ignored = self == Self::CapIgnored || self == Self::ShardsIgnored && shard > 0;
        if ignored { Minutes::new() } else { counted }
    }

    /// Breaks the ports of a dispatcher.
    pub(crate) fn twist_dispatcher(self, ports: Ports) -> Ports {
        match self {
            Self::DrainedIsNotSent => Ports { queue: Arc::new(Unsent(ports.queue)), ..ports },
            Self::DrainedHasNoLetters => {
                let ledger = Arc::new(TwistedLedger { ledger: ports.ledger, mutation: Self::LettersLost });
                Ports { ledger, ..ports }
            }
            Self::InvocationsOverfilled => {
                let profile = Profile { message_bytes: usize::MAX, ..ports.profile };
                Ports { profile, ..ports }
            }
            _ => ports,
        }
    }
}

/// The event, with all its reports about one request, whose id every invocation has.
fn of_anybody(event: &str) -> Option<String> {
    let mut event: Value = serde_json::from_str(event).ok()?;
    for message in event["Records"].as_array_mut()? {
        let mut report: Value = serde_json::from_str(message["body"].as_str()?).ok()?;
        report["requestContext"]["requestId"] = ANYBODY.into();
        message["body"] = report.to_string().into();
    }
    Some(event.to_string())
}

/// A queue that accepts all messages and sends none.
struct Unsent(Arc<dyn Queue>);

impl QueueLayer for Unsent {
    fn inner(&self) -> &dyn Queue {
        &*self.0
    }

    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        std::future::ready(vec![Ok(()); messages.len()]).boxed()
    }
}
