//! Reads the capacity units that `DynamoDB` bills from its answers.

use aws_sdk_dynamodb::{
    operation::{
        batch_get_item::BatchGetItemInput, batch_write_item::BatchWriteItemInput, delete_item::DeleteItemInput,
        get_item::GetItemInput, put_item::PutItemInput, query::QueryInput,
        transact_write_items::TransactWriteItemsInput, update_item::UpdateItemInput,
    },
    types::ReturnConsumedCapacity::Total,
};
use aws_smithy_runtime_api::client::interceptors::context::Input;
use serde::Deserialize;

/// The cost of a write whose condition failed: at least one unit, two in a transaction.
const REFUSED_WRITE: f64 = 1.0;
const REFUSED_TRANSACTION: f64 = 2.0;

/// Makes a request ask for its capacity units.
pub(super) fn ask(input: &mut Input) {
    macro_rules! ask {
        ($($kind:ty),*) => {
            $(if let Some(input) = input.downcast_mut::<$kind>() {
                input.return_consumed_capacity.get_or_insert(Total);
                return;
            })*
        };
    }
    ask!(
        UpdateItemInput,
        TransactWriteItemsInput,
        GetItemInput,
        QueryInput,
        PutItemInput,
        BatchWriteItemInput,
        BatchGetItemInput,
        DeleteItemInput
    );
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    consumed_capacity: Consumed,
    #[serde(rename = "__type")]
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Consumed {
    One(Capacity),
    Many(Vec<Capacity>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Capacity {
    capacity_units: f64,
}

impl Default for Consumed {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

/// The units of an operation, from its answer.
pub(super) fn units(operation: &str, answer: &[u8]) -> f64 {
    // The SDK reports answers that are unreadable.
    let answer: Answer = serde_json::from_slice(answer).unwrap_or_default();
    let refused = answer.error.is_some_and(|error| {
        error.ends_with("ConditionalCheckFailedException") || error.ends_with("TransactionCanceledException")
    });
    match answer.consumed_capacity {
        Consumed::Many(tables) if tables.is_empty() && refused && operation == "TransactWriteItems" => {
            REFUSED_TRANSACTION
        }
        Consumed::Many(tables) if tables.is_empty() && refused => REFUSED_WRITE,
        Consumed::One(table) => table.capacity_units,
        Consumed::Many(tables) => tables.iter().map(|table| table.capacity_units).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_from_the_answer() {
        let one = br#"{"ConsumedCapacity":{"TableName":"t","CapacityUnits":2.5},"Items":[]}"#;
        assert!((units("Query", one) - 2.5).abs() < 1e-9);
        let many =
            br#"{"ConsumedCapacity":[{"TableName":"t","CapacityUnits":4.0},{"TableName":"u","CapacityUnits":1.0}]}"#;
        assert!((units("TransactWriteItems", many) - 5.0).abs() < 1e-9);
        let refused = br#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#;
        assert!((units("UpdateItem", refused) - 1.0).abs() < 1e-9);
        assert!(units("UpdateItem", b"no JSON").abs() < 1e-9);
    }
}
