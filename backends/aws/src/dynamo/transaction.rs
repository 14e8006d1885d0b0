//! Writing several items, all or none.

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};

use super::{item::Item, table::Table};
use crate::fault::Fault;
use celeriac_core::ports::PortError;

/// The most actions of a transaction.
pub(super) const MAX_ACTIONS: usize = 100;

/// The most bytes of a transaction, so that they are below the 4 MB that DynamoDB takes in base64, too.
pub(super) const MAX_BYTES: usize = 5 << 19;

/// Reasons of a cancelled transaction that pass.
const PASSING: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

const UNMET: &str = "ConditionalCheckFailed";

/// An action whose condition does not hold.
pub(super) struct Unmet {
    /// Which.
    pub(super) at: usize,
    /// The item that it was about, if there is one.
    pub(super) item: Option<Item>,
}

impl Table {
    /// Writes all of it or nothing. Answers the actions whose conditions do not hold: with none, it is done.
    ///
    /// The token makes repeats of a request whose answer was lost harmless. It is random, not derived from what is
    /// written: whoever asks for the same again is to be answered by the conditions, not by what was true once.
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
            return Err(
                self.unavailable("write", "too much is written at once, or the same items by others: try again")
            );
        }
        Err(self.error("write", Fault::of(error)))
    }

    /// Writes an item, as a part of a transaction.
    pub(super) fn put_action(&self, item: Item) -> TransactWriteItem {
        let put = Put::builder().table_name(&self.name).set_item(Some(item));
        TransactWriteItem::builder().put(put.build().expect("it has a table and an item")).build()
    }

    /// Writes an item if this holds of the one before, as a part of a transaction.
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
            // A condition that does not hold says more than who was in the way.
            reasons.iter().any(|reason| is(reason, &PASSING)) && !reasons.iter().any(|reason| is(reason, &[UNMET]))
        }
        _ => false,
    }
}

fn is(reason: &CancellationReason, codes: &[&str]) -> bool {
    reason.code().is_some_and(|code| codes.contains(&code))
}
