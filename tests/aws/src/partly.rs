//! Refuses part of a batch.

use bytes::Bytes;
use serde_json::{Value, json};

/// Splits the keys of a batch read: every second key, and the part of the answer that names the others.
pub(crate) fn split_keys(request: &Bytes) -> (Bytes, Value) {
    let mut request: Value = serde_json::from_slice(request).expect("a batch is JSON");
    let mut unprocessed = request["RequestItems"].clone();
    for (asked, left) in [(&mut request["RequestItems"], 0), (&mut unprocessed, 1)] {
        for table in asked.as_object_mut().expect("tables by name").values_mut() {
            let keys = table["Keys"].as_array().expect("a table is asked for keys");
            table["Keys"] = keys.iter().skip(left).step_by(2).cloned().collect();
        }
    }
    (request.to_string().into(), unprocessed)
}

/// An answer that names the part of the request that it leaves out.
pub(crate) fn join_keys(answer: &Bytes, unprocessed: Value) -> Bytes {
    let mut answer: Value = serde_json::from_slice(answer).expect("the answer to a batch is JSON");
    answer["UnprocessedKeys"] = unprocessed;
    answer.to_string().into()
}

/// A batch request without every second entry, and the failures of those entries.
pub(crate) fn split(request: &Bytes, code: &str) -> (Bytes, Vec<Value>) {
    let mut request: Value = serde_json::from_slice(request).expect("a batch is JSON");
    let entries = request["Entries"].as_array_mut().expect("a batch has entries");
    let (mut kept, mut failed) = (Vec::new(), Vec::new());
    for (k, entry) in entries.drain(..).enumerate() {
        if k % 2 == 0 {
            kept.push(entry);
        } else {
            failed.push(json!({"Id": entry["Id"], "Code": code, "Message": "injected", "SenderFault": false}));
        }
    }
    *entries = kept;
    (request.to_string().into(), failed)
}

/// An answer with these failures added.
pub(crate) fn join(answer: &Bytes, failed: Vec<Value>) -> Bytes {
    let mut answer: Value = serde_json::from_slice(answer).expect("the answer to a batch is JSON");
    let mut all = answer["Failed"].as_array().cloned().unwrap_or_default();
    all.extend(failed);
    answer["Failed"] = all.into();
    answer.to_string().into()
}
