//! A conditional change of one item, as its own request or as part of a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};

use super::{item::Item, keys::Key};

/// A change of an item. In its condition, values are written as `:name` and attributes by their names, which must not
/// be words that DynamoDB reserves.
#[derive(Clone, Debug)]
pub(super) struct Change {
    key: Key,
    set: Vec<String>,
    add: Vec<String>,
    remove: Vec<String>,
    condition: Option<&'static str>,
    names: HashMap<String, String>,
    values: Item,
}

impl Change {
    /// An empty change.
    pub(super) fn of(key: Key) -> Self {
        let (set, add, remove) = (Vec::new(), Vec::new(), Vec::new());
        Self { key, set, add, remove, condition: None, names: HashMap::new(), values: Item::new() }
    }

    /// Sets an attribute.
    pub(super) fn set(self, name: &str, value: AttributeValue) -> Self {
        let set = format!("#{name} = :{name}");
        self.name(name).with(&format!(":{name}"), value).also_set(set)
    }

    /// Sets an attribute unless it exists.
    pub(super) fn set_once(self, name: &str, value: AttributeValue) -> Self {
        let set = format!("#{name} = if_not_exists(#{name}, :{name})");
        self.name(name).with(&format!(":{name}"), value).also_set(set)
    }

    /// Adds one to an attribute, or sets it to `first` if it is missing.
    pub(super) fn count(self, name: &str, first: i64) -> Self {
        let set = format!("#{name} = if_not_exists(#{name}, :{name}) + :one");
        let before = AttributeValue::N((first - 1).to_string());
        self.name(name).with(&format!(":{name}"), before).with(":one", AttributeValue::N("1".to_owned())).also_set(set)
    }

    /// Adds to an attribute, which counts as 0 if it is missing.
    pub(super) fn add(mut self, name: &str, value: AttributeValue) -> Self {
        self.add.push(format!("#{name} :{name}"));
        self.name(name).with(&format!(":{name}"), value)
    }

    pub(super) fn remove(mut self, name: &str) -> Self {
        self.remove.push(format!("#{name}"));
        self.name(name)
    }

    /// Adds a condition.
    pub(super) fn given(mut self, condition: &'static str) -> Self {
        self.condition = Some(condition);
        self
    }

    /// A value of the condition.
    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    fn name(mut self, name: &str) -> Self {
        self.names.insert(format!("#{name}"), name.to_owned());
        self
    }

    fn also_set(mut self, set: String) -> Self {
        self.set.push(set);
        self
    }

    fn expression(&self) -> Option<String> {
        let clause = |word: &str, parts: &[String]| (!parts.is_empty()).then(|| format!("{word} {}", parts.join(", ")));
        let clauses = [clause("SET", &self.set), clause("ADD", &self.add), clause("REMOVE", &self.remove)];
        let clauses: Vec<String> = clauses.into_iter().flatten().collect();
        (!clauses.is_empty()).then(|| clauses.join(" "))
    }

    /// The change as its own request.
    pub(super) fn request(self, client: &Client, table: &str) -> UpdateItemFluentBuilder {
        client
            .update_item()
            .table_name(table)
            .set_update_expression(self.expression())
            .set_key(Some(self.key.attributes()))
            .set_condition_expression(self.condition.map(str::to_owned))
            .set_expression_attribute_names(some(self.names))
            .set_expression_attribute_values(some(self.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// The change as a part of a transaction.
    pub(super) fn action(self, table: &str) -> TransactWriteItem {
        let update = Update::builder()
            .table_name(table)
            .set_update_expression(self.expression())
            .set_key(Some(self.key.attributes()))
            .set_condition_expression(self.condition.map(str::to_owned))
            .set_expression_attribute_names(some(self.names))
            .set_expression_attribute_values(some(self.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .expect("a change has a table, a key and something to change");
        TransactWriteItem::builder().update(update).build()
    }
}

/// DynamoDB refuses an empty map.
fn some<V>(map: HashMap<String, V>) -> Option<HashMap<String, V>> {
    (!map.is_empty()).then_some(map)
}
