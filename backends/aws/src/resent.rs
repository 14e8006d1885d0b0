//! Counts how often each parcel was sent again from its dead-letter queue. The message's own count of receives begins
//! anew with each copy, and a parcel that no worker has claimed has no row in the ledger.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{clients::Clients, fault::Fault, platform::failed};
use celeriac_core::{id::ParcelId, ports::PortError};

/// Counts one more time, and returns the count. It is kept until then, in milliseconds since 1970.
pub(super) async fn count(clients: &Clients, parcel: ParcelId, kept_until_ms: u64) -> Result<u32, PortError> {
    let text = |name: &str, value| (name.to_owned(), AttributeValue::S(value));
    let key = HashMap::from([text("pk", format!("a#{parcel}")), text("sk", "-".to_owned())]);
    let number = |number: u64| AttributeValue::N(number.to_string());
    let request = clients.dynamodb().await.update_item().table_name(clients.settings().stack.table());
    let request = request
        .set_key(Some(key))
        .update_expression("SET #ttl = :ttl ADD times :one")
        .expression_attribute_names("#ttl", "ttl")
        .expression_attribute_values(":ttl", number(kept_until_ms / 1000))
        .expression_attribute_values(":one", number(1))
        .return_values(ReturnValue::UpdatedNew);
    let answer = request.send().await.map_err(|error| failed(clients.settings(), Fault::of(error)))?;
    let times = answer.attributes.as_ref().and_then(|item| item.get("times"));
    Ok(times.and_then(|times| times.as_n().ok()?.parse().ok()).unwrap_or(1))
}
