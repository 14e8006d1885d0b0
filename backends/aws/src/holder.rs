//! Names the holder of a claim in a function. The ledger shows it to people, who can find the log, and a dispatcher
//! finds the claims of a dead invocation by it.

use std::sync::Arc;

/// The name of one invocation: of the function, its log stream, and its request.
pub fn holder(function: &str, log_stream: &str, request: &str) -> Arc<str> {
    format!("{function}/{log_stream}/{request}").into()
}

/// Whether this is the name of the invocation with this request id.
pub fn is_holder(holder: &str, request: &str) -> bool {
    !request.is_empty() && holder.rsplit('/').next() == Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_known_by_its_request_alone() {
        let name = holder("shop-worker", "2026/11/24/[$LATEST]1a2b", "8476a536-e9f4");
        assert_eq!(&*name, "shop-worker/2026/11/24/[$LATEST]1a2b/8476a536-e9f4");
        assert!(is_holder(&name, "8476a536-e9f4"));
        assert!(!is_holder(&name, "e9f4") && !is_holder("worker-17", "17") && !is_holder("a/", ""));
    }
}
