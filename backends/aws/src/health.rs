//! Remembers, in an item for each function, how many workers in a row have ended without claiming a parcel. All
//! launchers read it.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValue},
};

use super::{clients::Clients, fault::Fault, platform::failed};
use celeriac_core::{backoff::doubled_ms, ports::PortError};

/// After this many reports in a row a function counts as broken.
const BROKEN_AFTER: u32 = 10;

/// Reports further apart than this are not in a row.
const IN_A_ROW_MS: u64 = 3_600_000;

/// The pause after a failed probe, and the longest one. It doubles.
const FIRST_PAUSE_MS: u64 = 1_000;
const LONGEST_PAUSE_MS: u64 = 5 * 60_000;

const FAILURES: &str = "failures";
const FAILED_MS: &str = "failed_ms";
const PROBE_MS: &str = "probe_ms";

/// Whether the workers of a function begin at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// How many workers in a row were reported as failed before they had claimed a parcel. Beyond those that make a
    /// function broken, only probes count: others were launched before.
    pub failures: u32,
    /// When the last of them was reported, in milliseconds since 1970.
    pub failed_ms: u64,
    /// Until when a probe may be in flight, in milliseconds since 1970; 0 if there is none.
    pub probe_ms: u64,
}

/// Who failed before it had claimed a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// One of many.
    Usual,
    /// The only worker of a broken function that may be in flight.
    Probe,
}

impl Health {
    /// Whether only probes are launched.
    pub(super) fn is_broken(&self, now_ms: u64) -> bool {
        self.failures >= BROKEN_AFTER && now_ms < self.failed_ms.saturating_add(IN_A_ROW_MS)
    }

    /// When the next probe may be launched.
    pub(super) fn next_ms(&self) -> u64 {
        let pause_ms = doubled_ms(FIRST_PAUSE_MS, self.failures.saturating_sub(BROKEN_AFTER) + 1, LONGEST_PAUSE_MS);
        self.failed_ms.saturating_add(pause_ms).max(self.probe_ms)
    }

    /// This, after another report: what [`Platform::failed`](super::Platform::failed) writes.
    #[must_use]
    pub fn after_failure(self, now_ms: u64, attempt: Attempt) -> Self {
        let in_a_row = now_ms < self.failed_ms.saturating_add(IN_A_ROW_MS);
        let counts = attempt == Attempt::Probe || self.failures < BROKEN_AFTER;
        Self {
            failures: if in_a_row { self.failures + u32::from(counts) } else { 1 },
            failed_ms: now_ms,
            probe_ms: if attempt == Attempt::Probe || !in_a_row { 0 } else { self.probe_ms },
        }
    }
}

/// Reads the health of a function.
pub(super) async fn read(clients: &Clients, function: &str) -> Result<Health, PortError> {
    let request = clients.dynamodb().await.get_item().table_name(clients.settings().stack.table());
    let answer = request.set_key(Some(key(function))).send().await;
    let answer = answer.map_err(|error| failed(clients.settings(), Fault::of(error)))?;
    Ok(health(&answer.item.unwrap_or_default()))
}

/// Counts a failure. Reports that are not in a row begin anew. A cap of workers may be in flight when their function
/// breaks, and be reported within a second: if each doubled the pause, the first probe would come after five minutes.
pub(super) async fn count(
    clients: &Clients,
    function: &str,
    now_ms: u64,
    attempt: Attempt,
) -> Result<Health, PortError> {
    let one = |request: UpdateItemFluentBuilder| request.expression_attribute_values(":one", number(1));
    let in_a_row = |request: UpdateItemFluentBuilder| {
        request.expression_attribute_values(":row", number(now_ms.saturating_sub(IN_A_ROW_MS)))
    };
    let new = || async { update(clients, function).await };
    let (count, note) = ("SET failed_ms = :now ADD failures :one", "SET failed_ms = :now");
    let go_on = match attempt {
        Attempt::Probe => {
            let request = new().await.update_expression(format!("{count} REMOVE probe_ms"));
            vec![one(in_a_row(request.condition_expression("failed_ms > :row")))]
        }
        Attempt::Usual => {
            let counted = new().await.update_expression(count);
            let counted = counted.condition_expression("failed_ms > :row AND failures < :broken");
            let counted = counted.expression_attribute_values(":broken", number(BROKEN_AFTER.into()));
            let noted = new().await.update_expression(note).condition_expression("failed_ms > :row");
            vec![one(in_a_row(counted)), in_a_row(noted)]
        }
    };
    let begin = one(new().await.update_expression("SET failed_ms = :now, failures = :one REMOVE probe_ms"));
    for request in go_on.into_iter().chain([begin]) {
        let request = request.expression_attribute_values(":now", number(now_ms));
        let answer = request.return_values(ReturnValue::AllNew);
        match answer.send().await {
            Ok(answer) => return Ok(health(&answer.attributes.unwrap_or_default())),
            Err(error) if is_refused(&error) => {}
            Err(error) => return Err(failed(clients.settings(), Fault::of(error))),
        }
    }
    read(clients, function).await
}

/// Takes the right to launch a probe, unless someone else has taken it meanwhile.
pub(super) async fn take_probe(
    clients: &Clients,
    function: &str,
    seen_ms: u64,
    until_ms: u64,
) -> Result<bool, PortError> {
    let request = update(clients, function)
        .await
        .update_expression("SET probe_ms = :until")
        .condition_expression(if seen_ms == 0 {
            "attribute_not_exists(probe_ms) OR probe_ms = :seen"
        } else {
            "probe_ms = :seen"
        })
        .expression_attribute_values(":until", number(until_ms))
        .expression_attribute_values(":seen", number(seen_ms));
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) if is_refused(&error) => Ok(false),
        Err(error) => Err(failed(clients.settings(), Fault::of(error))),
    }
}

/// Forgets all failures of a function.
pub(super) async fn forget(clients: &Clients, function: &str) -> Result<(), PortError> {
    let request = update(clients, function).await.update_expression("REMOVE failures, failed_ms, probe_ms");
    request.send().await.map(drop).map_err(|error| failed(clients.settings(), Fault::of(error)))
}

async fn update(clients: &Clients, function: &str) -> UpdateItemFluentBuilder {
    let request = clients.dynamodb().await.update_item().table_name(clients.settings().stack.table());
    request.set_key(Some(key(function)))
}

fn key(function: &str) -> HashMap<String, AttributeValue> {
    let text = |name: &str, value| (name.to_owned(), AttributeValue::S(value));
    HashMap::from([text("pk", format!("h#{function}")), text("sk", "-".to_owned())])
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn health(item: &HashMap<String, AttributeValue>) -> Health {
    let number = |name| item.get(name).and_then(|value| value.as_n().ok()?.parse::<u64>().ok()).unwrap_or(0);
    Health {
        failures: u32::try_from(number(FAILURES)).unwrap_or(u32::MAX),
        failed_ms: number(FAILED_MS),
        probe_ms: number(PROBE_MS),
    }
}

fn is_refused<R>(error: &SdkError<UpdateItemError, R>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After so many failures, those beyond ten of probes.
    fn after(failures: u32) -> Health {
        (0..failures).fold(Health::default(), |health, n| {
            health.after_failure(1_000_000_000, if n < BROKEN_AFTER { Attempt::Usual } else { Attempt::Probe })
        })
    }

    #[test]
    fn ten_failures_in_a_row_break_a_function() {
        assert!(!after(9).is_broken(1_000_000_000));
        assert!(after(10).is_broken(1_000_000_000));
        assert!(!after(10).is_broken(1_000_000_000 + IN_A_ROW_MS), "nothing was reported for an hour");
        assert_eq!(after(10).after_failure(1_000_000_000 + IN_A_ROW_MS, Attempt::Usual).failures, 1);
    }

    #[test]
    fn probes_are_launched_less_often_up_to_every_five_minutes() {
        let pause_ms = |failures| after(failures).next_ms() - 1_000_000_000;
        assert_eq!([10, 11, 12, 18, 19, 1000].map(pause_ms), [1000, 2000, 4000, 256_000, 300_000, 300_000]);
    }

    #[test]
    fn workers_that_were_in_flight_when_their_function_broke_lengthen_no_pause() {
        let burst = (0..90).fold(after(10), |health, _| health.after_failure(1_000_000_400, Attempt::Usual));
        assert_eq!(burst, Health { failed_ms: 1_000_000_400, ..after(10) });
        assert_eq!(burst.next_ms(), 1_000_001_400);
    }

    #[test]
    fn only_its_own_report_ends_a_probe() {
        let probing = Health { probe_ms: 1_000_330_000, ..after(10) };
        assert_eq!(probing.after_failure(1_000_000_500, Attempt::Usual).next_ms(), 1_000_330_000);
        assert_eq!(probing.after_failure(1_000_000_500, Attempt::Probe).next_ms(), 1_000_002_500);
    }
}
