//! Queries the items of a partition, in order.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    item::{Item, text},
    table::Table,
};
use crate::fault::Fault;
use celeriac_core::ports::PortError;

/// Before and after all sort keys, which are printable ASCII.
const FIRST: &str = " ";
const LAST: &str = "~";

/// The wanted items of a partition.
pub(super) struct Range {
    pk: String,
    from: String,
    upto: String,
    backwards: bool,
    limit: usize,
    filter: Option<&'static str>,
    values: Item,
}

impl Range {
    /// All items of a partition.
    pub(super) fn of(pk: String) -> Self {
        let (from, upto) = (FIRST.to_owned(), LAST.to_owned());
        Self { pk, from, upto, backwards: false, limit: usize::MAX, filter: None, values: Item::new() }
    }

    /// Only those whose sort key has this prefix.
    pub(super) fn under(self, prefix: &str) -> Self {
        Self { from: format!("{prefix}{FIRST}"), upto: format!("{prefix}{LAST}"), ..self }
    }

    /// Only those after this sort key. Sort keys of one partition have the same length.
    pub(super) fn after(self, sk: &str) -> Self {
        let from = format!("{sk}{FIRST}");
        if from > self.from { Self { from, ..self } } else { self }
    }

    /// Only those up to and including this sort key.
    pub(super) fn upto(self, upto: String) -> Self {
        Self { upto, ..self }
    }

    /// The last first.
    pub(super) fn backwards(self) -> Self {
        Self { backwards: true, ..self }
    }

    /// At most this many.
    pub(super) fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// Only those that match this filter.
    pub(super) fn filter(self, filter: &'static str) -> Self {
        Self { filter: Some(filter), ..self }
    }

    /// A value of the filter.
    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }
}

impl Table {
    /// The items of a range, read consistently, with one request per page.
    pub(super) async fn query(&self, range: Range) -> Result<Vec<Item>, PortError> {
        let mut found = Vec::new();
        if range.limit == 0 || range.from > range.upto {
            return Ok(found);
        }
        // A filter applies after the limit of a page.
        let page = i32::try_from(range.limit).ok().filter(|_| range.filter.is_none());
        let request = self
            .clients
            .dynamodb()
            .await
            .query()
            .table_name(&self.name)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :upto")
            .set_filter_expression(range.filter.map(str::to_owned))
            .set_expression_attribute_values(Some(range.values))
            .expression_attribute_values(":pk", text(range.pk))
            .expression_attribute_values(":from", text(range.from))
            .expression_attribute_values(":upto", text(range.upto))
            .scan_index_forward(!range.backwards)
            .set_limit(page);
        let mut next = None;
        loop {
            let request = request.clone().set_exclusive_start_key(next);
            let answer = request.send().await.map_err(|error| self.error("read", Fault::of(error)))?;
            found.extend(answer.items.unwrap_or_default());
            next = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if found.len() >= range.limit || next.is_none() {
                found.truncate(range.limit);
                return Ok(found);
            }
        }
    }
}
