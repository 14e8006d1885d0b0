//! Reasons to refuse a request, in the words of SQS.

use hyper::{
    StatusCode,
    header::{HeaderName, HeaderValue},
};

use crate::reply::{Reply, json};

/// The largest message, and the largest sum of a batch.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// The most entries of a batch.
pub(crate) const MOST_ENTRIES: usize = 10;

/// Why a request, or an entry of one, is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("The specified queue does not exist.")]
    NoQueue,
    #[error("The action {0} is not valid for this endpoint.")]
    NoAction(String),
    #[error("The request cannot be read: {0}")]
    Unreadable(String),
    #[error("There should be at least one entry in the request.")]
    NoEntries,
    #[error("Maximum number of entries per request are {MOST_ENTRIES}. You have sent {0}.")]
    TooManyEntries(usize),
    #[error("Two or more batch entries in the request have the same Id.")]
    SameIds,
    #[error("Batch requests cannot be longer than {MOST_BYTES} bytes. You have sent {0} bytes.")]
    BatchTooLong(usize),
    #[error("One or more parameters are invalid. Reason: Message must be shorter than {MOST_BYTES} bytes.")]
    MessageTooLong,
    #[error("Value {0} for parameter {1} is invalid.")]
    Invalid(u64, &'static str),
    #[error("The input receipt handle is invalid.")]
    BadReceipt,
    #[error("The specified message isn't in flight.")]
    NotInFlight,
}

impl Refusal {
    /// The shape's name in the JSON protocol.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoQueue => "QueueDoesNotExist",
            Self::NoAction(_) => "InvalidAction",
            Self::Unreadable(_) => "SerializationException",
            Self::NoEntries => "EmptyBatchRequest",
            Self::TooManyEntries(_) => "TooManyEntriesInBatchRequest",
            Self::SameIds => "BatchEntryIdsNotDistinct",
            Self::BatchTooLong(_) => "BatchRequestTooLong",
            Self::MessageTooLong | Self::Invalid(..) => "InvalidParameterValue",
            Self::BadReceipt => "ReceiptHandleIsInvalid",
            Self::NotInFlight => "MessageNotInflight",
        }
    }

    pub(crate) fn reply(&self) -> Reply {
        let shape = format!("com.amazonaws.sqs#{}", self.code());
        let body = serde_json::json!({ "__type": shape, "message": self.to_string() });
        let mut answer = json(StatusCode::BAD_REQUEST, &body);
        // The code of the older protocol, by which SDKs recognise the error.
        let query = match self {
            Self::NoQueue => "AWS.SimpleQueueService.NonExistentQueue;Sender".to_owned(),
            Self::NoAction(_) | Self::Unreadable(_) | Self::Invalid(..) | Self::MessageTooLong | Self::BadReceipt => {
                format!("{};Sender", self.code())
            }
            other => format!("AWS.SimpleQueueService.{};Sender", other.code()),
        };
        if let Ok(query) = HeaderValue::from_str(&query) {
            answer.headers_mut().insert(HeaderName::from_static("x-amzn-query-error"), query);
        }
        answer
    }
}
