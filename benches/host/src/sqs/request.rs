//! Parses requests, borrowing from their bytes.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;

use super::refusal::{MOST_BYTES, MOST_ENTRIES, Refusal};

/// Any request; each action reads the fields it knows.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    pub(super) queue_name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) entries: Vec<Entry<'a>>,
    pub(super) max_number_of_messages: Option<u64>,
    pub(super) wait_time_seconds: u64,
    pub(super) visibility_timeout: Option<u64>,
}

/// An entry of a batch, or the request itself if the action takes no batch.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Entry<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) message_body: Cow<'a, str>,
    pub(super) delay_seconds: u64,
    #[serde(borrow)]
    pub(super) receipt_handle: Cow<'a, str>,
    pub(super) visibility_timeout: Option<u64>,
}

impl<'a> Request<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body).map_err(|error| Refusal::Unreadable(error.to_string()))
    }

    /// The queue's name: the last part of its URL.
    pub(super) fn queue(&self) -> &str {
        match self.queue_url.rsplit('/').next() {
            Some(name) if !name.is_empty() => name,
            _ => &self.queue_name,
        }
    }

    /// Checks what SQS demands of a batch as a whole.
    pub(super) fn check_batch(&self) -> Result<(), Refusal> {
        let count = self.entries.len();
        let bytes: usize = self.entries.iter().map(|entry| entry.message_body.len()).sum();
        if count == 0 {
            return Err(Refusal::NoEntries);
        }
        if count > MOST_ENTRIES {
            return Err(Refusal::TooManyEntries(count));
        }
        if bytes > MOST_BYTES {
            return Err(Refusal::BatchTooLong(bytes));
        }
        let same = |(at, entry): (usize, &Entry<'_>)| self.entries[..at].iter().any(|other| other.id == entry.id);
        if self.entries.iter().enumerate().any(same) {
            return Err(Refusal::SameIds);
        }
        Ok(())
    }
}

impl<'a> Entry<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body).map_err(|error| Refusal::Unreadable(error.to_string()))
    }

    /// The message's text as a JSON string with its quotes. If it has no escapes it is not copied, since the answer
    /// uses the same bytes.
    pub(super) fn text(&self, body: &Bytes) -> Bytes {
        match &self.message_body {
            Cow::Borrowed(text) if !text.is_empty() => {
                let from = text.as_ptr() as usize - body.as_ptr() as usize;
                body.slice(from - 1..=from + text.len())
            }
            text => Bytes::from(serde_json::to_vec(text).expect("a string is JSON")),
        }
    }
}
