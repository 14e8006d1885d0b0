//! Writes several items in one transaction: all or none.

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};

use super::{item::Item, table::Table};
use crate::fault::Fault;
use celeriac_core::ports::PortError;

/// The most actions of a transaction.
pub(super) const MAX_ACTIONS: usize = 100;

/// The most bytes of a transaction: even in base64 they stay below DynamoDB's 4 MB.
pub(super) const MAX_BYTES: usize = 5 << 19;

/// Transient reasons of a cancelled transaction.
const PASSING: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

const UNMET: &str = "ConditionalCheckFailed";

/// An action whose condition failed.
pub(super) struct Unmet {
    /// Its index.
    pub(super) at: usize,
    /// Its item, if there is one.
    pub(super) item: Option<Item>,
}

impl Table {
    /// Writes all actions or none. Returns the actions whose conditions failed; if there are none, it is done.
    ///
    /// The token makes repeating a request whose answer was lost harmless. It is random and not derived from the
    /// content: a later request with the same content must be answered by its conditions, not by an earlier outcome.
    pub(super) async fn transact(&self, actions: Vec<TransactWriteItem>) -> Result<Vec<Unmet>, PortError> {
        let token = format!("{:016x}{:016x}", self.entropy.next_u64(), self.entropy.next_u64());
        let request = self.clients.dynamodb().await.transact_write_items().set_transact_items(Some(actions));
        let request = request.client_request_token(token);
        let Err(error) = self.patiently(|| request.clone().send(), is_blocked).await else { return Ok(Vec::new()) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
            return Err(self.error("write", Fault::of(error)));
        };
        let reasons = cancelled.cancellation_reasons();
        if reasons.iter().any(|reason| is(reason, &[UNMET])) {
            let unmet = reasons.iter().enumerate().filter(|(_, reason)| is(reason, &[UNMET]));
            return Ok(unmet.map(|(at, reason)| Unmet { at, item: reason.item.clone() }).collect());
        }
        if reasons.iter().any(|reason| is(reason, &PASSING)) {
            return Err(self.unavailable("write", "too many writes at once, or others write the same items: try again"));
        }
        Err(self.error("write", Fault::of(error)))
    }

    /// Writes an item, as part of a transaction.
    pub(super) fn put_action(&self, item: Item) -> TransactWriteItem {
        let put = Put::builder().table_name(&self.name).set_item(Some(item));
        TransactWriteItem::builder().put(put.build().expect("it has a table and an item")).build()
    }

    /// Writes an item if the condition holds for the existing one, as part of a transaction.
    pub(super) fn put_action_if(&self, item: Item, condition: &str, values: Item) -> TransactWriteItem {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values((!values.is_empty()).then_some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        TransactWriteItem::builder().put(put.build().expect("it has a table and an item")).build()
    }
}

fn is_blocked(error: &TransactWriteItemsError) -> bool {
    match error {
        TransactWriteItemsError::TransactionInProgressException(_) => true,
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            let reasons = cancelled.cancellation_reasons();
            // A failed condition says more than a conflict.
            reasons.iter().any(|reason| is(reason, &PASSING)) && !reasons.iter().any(|reason| is(reason, &[UNMET]))
        }
        _ => false,
    }
}

fn is(reason: &CancellationReason, codes: &[&str]) -> bool {
    reason.code().is_some_and(|code| codes.contains(&code))
}
