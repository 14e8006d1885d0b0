//! A batch of which a part is refused.

use bytes::Bytes;
use serde_json::{Value, json};

/// A batch request without every second entry, and the failures of those.
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

/// An answer with these failures too.
pub(crate) fn join(answer: &Bytes, failed: Vec<Value>) -> Bytes {
    let mut answer: Value = serde_json::from_slice(answer).expect("the answer to a batch is JSON");
    let mut all = answer["Failed"].as_array().cloned().unwrap_or_default();
    all.extend(failed);
    answer["Failed"] = all.into();
    answer.to_string().into()
}
