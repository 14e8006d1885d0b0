//! The text form of an SQS message, and of a parcel inside an invocation: both services take only text.
//!
//! A parcel is base64. Other messages are JSON objects that stand for a parcel: a due run of a schedule, or a parcel
//! stored in the bucket.

use base64_simd::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use celeriac_core::wire;

/// The most characters of a text. A longer parcel is stored in the bucket, and a stub is sent. It is the size that
/// Lambda bills as one request, minus an invocation's other data.
pub(super) const MAX_TEXT: usize = (256 << 10) - 2048;

/// The content of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A parcel. Its receiver finds out whether it can be opened.
    Parcel(Bytes),
    /// A stub of a parcel in the bucket: its bytes up to the end of its header.
    Stored(Bytes),
    /// A scheduled task is due.
    Tick {
        /// The task.
        task: String,
        /// When it is due, in milliseconds since 1970.
        due_ms: u64,
    },
}

/// The JSON object of a message that is no parcel itself.
#[derive(Serialize, Deserialize)]
#[serde(tag = "celeriac", rename_all = "snake_case")]
enum Reference {
    Tick { task: String, due: Timestamp },
    Stored { header: String },
}

/// Reads a text. An unknown text is returned as it is; its receiver cannot open it and buries it.
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

/// The text of a parcel, complete or as a stub.
pub(super) fn write(parcel: &[u8]) -> String {
    if wire::is_stub(parcel) {
        let stored = Reference::Stored { header: STANDARD.encode_to_string(parcel) };
        return serde_json::to_string(&stored).expect("an object of one string is JSON");
    }
    STANDARD.encode_to_string(parcel)
}

/// The length in characters of the text of a parcel with this many bytes.
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
    fn a_text_of_another_program_is_returned_unchanged() {
        for text in ["hello world!", "{\"celeriac\":\"tick\"}", "{\"celeriac\":\"stored\",\"header\":\"?\"}", "[1]"] {
            assert_eq!(read(text), Content::Parcel(Bytes::copy_from_slice(text.as_bytes())), "{text}");
        }
    }
}
