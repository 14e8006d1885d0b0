//! The text of an SQS message, and of a parcel inside an invocation: both services take text only.
//!
//! A parcel is base64. What is not one itself is a JSON object that says what it stands for: a run of a schedule that
//! is due, or a parcel that lies in the bucket.

use base64_simd::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use celeriac_core::wire;

/// The most characters of a text; of a parcel that has more, a stub is sent, and it lies in the bucket. What Lambda
/// bills as one request, less what an invocation has beside it.
pub(super) const MAX_TEXT: usize = (256 << 10) - 2048;

/// What a text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A parcel. Whether it can be opened is for its receiver to find out.
    Parcel(Bytes),
    /// A parcel in the bucket; these are its bytes up to the end of its header.
    Stored(Bytes),
    /// A scheduled task is due.
    Tick {
        /// The task.
        task: String,
        /// When it is due, in milliseconds since 1970.
        due_ms: u64,
    },
}

/// The JSON object of a message that is no parcel.
#[derive(Serialize, Deserialize)]
#[serde(tag = "celeriac", rename_all = "snake_case")]
enum Reference {
    Tick { task: String, due: Timestamp },
    Stored { header: String },
}

/// Reads a text. What is neither is answered as it is: it cannot be opened, and is buried by whoever tries.
pub(super) fn read(text: &str) -> Content {
    if let Ok(parcel) = STANDARD.decode_to_vec(text) {
        return Content::Parcel(parcel.into());
    }
    match serde_json::from_str(text) {
        Ok(Reference::Tick { task, due }) => {
            Content::Tick { task, due_ms: u64::try_from(due.as_millisecond()).unwrap_or(0) }
        }
        Ok(Reference::Stored { header }) => match STANDARD.decode_to_vec(&header) {
            Ok(stub) => Content::Stored(stub.into()),
            Err(_) => Content::Parcel(Bytes::copy_from_slice(text.as_bytes())),
        },
        Err(_) => Content::Parcel(Bytes::copy_from_slice(text.as_bytes())),
    }
}

/// The text of a parcel, whole or as a stub.
pub(super) fn write(parcel: &[u8]) -> String {
    if wire::is_stub(parcel) {
        let stored = Reference::Stored { header: STANDARD.encode_to_string(parcel) };
        return serde_json::to_string(&stored).expect("an object of one string is JSON");
    }
    STANDARD.encode_to_string(parcel)
}

/// How many characters the text of a parcel of so many bytes has.
pub(super) fn length(parcel: usize) -> usize {
    STANDARD.encoded_length(parcel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_reads_as_it_was_written() {
        let parcel = Bytes::from_static(b"hello, I am no parcel, but who is to know");
        assert_eq!(read(&write(&parcel)), Content::Parcel(parcel));
    }

    #[test]
    fn a_tick_names_its_task_and_its_time() {
        let text = r#"{"celeriac":"tick","task":"report.nightly","due":"2026-11-24T03:00:00Z"}"#;
        let tick = Content::Tick { task: "report.nightly".to_owned(), due_ms: 1_795_489_200_000 };
        assert_eq!(read(text), tick);
    }

    #[test]
    fn what_other_programs_send_is_answered_as_it_is() {
        for text in ["hello world!", "{\"celeriac\":\"tick\"}", "{\"celeriac\":\"stored\",\"header\":\"?\"}", "[1]"] {
            assert_eq!(read(text), Content::Parcel(Bytes::copy_from_slice(text.as_bytes())), "{text}");
        }
    }
}
