//! `status ID`: where a call stands, or a batch.

use std::str::FromStr;

use celeriac_core::{
    client::{CallStatus, Client},
    id::{BatchId, TaskId},
    ports::{self, Ports},
    wire::Json,
};
use clap::Args;
use serde::Serialize;

use super::{
    batches::BatchView,
    exit::Failure,
    print::{self, Table, Time},
    session::Session,
};

/// Where a call stands, with its result or its failed attempts; or how far a batch is
#[derive(Debug, Args)]
pub(super) struct Status {
    /// The call, as `call` prints it, or the batch, as `batches` prints it
    #[arg(value_name = "ID")]
    id: Id,
}

#[derive(Clone, Copy, Debug)]
enum Id {
    Call(TaskId),
    Batch(BatchId),
}

impl FromStr for Id {
    type Err = celeriac_core::id::IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::Batch).or_else(|_| text.parse().map(Self::Call))
    }
}

/// A call, for people and scripts. Fields that do not apply to its state are left out.
#[derive(Serialize)]
pub(super) struct CallView {
    id: String,
    #[serde(flatten)]
    stand: Stand,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Json>,
    /// Why the result is missing, if it has no form in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    result_hidden: Option<String>,
    history: Vec<AttemptView>,
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Stand {
    Queued,
    Running {
        attempt: u32,
        worker: String,
        lease_until: Time,
    },
    Stalled {
        attempt: u32,
        worker: String,
        lease_until: Time,
    },
    Waiting {
        attempt: u32,
        due: Option<Time>,
    },
    Succeeded,
    Dead {
        reason: &'static str,
        message: String,
        attempts: u32,
        died: Time,
    },
    Dropped,
    /// A status that this command has no view of.
    Other {
        text: String,
    },
}

/// One failed attempt.
#[derive(Serialize)]
pub(super) struct AttemptView {
    attempt: u32,
    kind: String,
    message: String,
    at: Time,
    took_ms: u64,
    worker: String,
}

impl Status {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let client = session.client()?;
        let now_ms = client.ports().clock.now_ms();
        match self.id {
            Id::Batch(id) => {
                let batch = client.ports().batches.get(id).await?.ok_or_else(|| {
                    Failure::NotFound(format!(
                        "there is no batch {id}; a call that is not part of one has the id {id}-0"
                    ))
                })?;
                let batch = BatchView::from(batch);
                if session.json() { print::write_json(&batch) } else { print::write(&batch.lines(now_ms)) }
            }
            Id::Call(id) => {
                let mut call = CallView::of(&client, id).await?;
                if matches!(call.stand, Stand::Queued) && !may_wait(client.ports(), id).await? {
                    // A worker may have taken it from the queue, and finished it, after the first look.
                    call = CallView::of(&client, id).await?;
                    if matches!(call.stand, Stand::Queued) {
                        return Err(Failure::NotFound(format!(
                            "there is no call {id}: no queue of this store holds it, and no worker has seen it"
                        )));
                    }
                }
                if session.json() { print::write_json(&call) } else { print::write(&call.lines(now_ms)) }
            }
        }
    }
}

/// Whether a call that is unknown to the ledger may still be in a queue. A queue cannot be asked for a single message.
async fn may_wait(ports: &Ports, id: TaskId) -> Result<bool, Failure> {
    if ports.batches.get(id.batch).await?.is_some_and(|batch| id.index >= batch.accepted) {
        return Ok(false);
    }
    Ok(ports.queue.depths().await?.iter().any(|depth| depth.ready + depth.delayed + depth.in_flight > 0))
}

impl CallView {
    pub(super) async fn of(client: &Client, id: TaskId) -> Result<Self, Failure> {
        let stand = Stand::from(client.status(id).await?);
        let result = client.ports().ledger.result_of(id).await?;
        let (result, result_hidden) = match result.map(|bytes| (bytes.len(), Json::of(bytes))) {
            None => (None, None),
            Some((_, Ok(result))) => (Some(result), None),
            Some((bytes, Err(error))) => {
                (None, Some(format!("{bytes} bytes of MessagePack that JSON has no form for: {error}")))
            }
        };
        let history = client.history(id).await?.into_iter().map(AttemptView::from).collect();
        Ok(Self { id: id.to_string(), stand, result, result_hidden, history })
    }

    /// All that is known of it, one line each.
    pub(super) fn lines(&self, now_ms: u64) -> String {
        let mut lines = vec![("call", self.id.clone())];
        match &self.stand {
            Stand::Queued => {
                lines.push(("state", "queued".to_owned()));
                lines.push(("note", "no worker has it yet; a call that was never sent looks the same".to_owned()));
            }
            Stand::Running { attempt, worker, lease_until } => {
                lines.push(("state", format!("running, attempt {attempt}")));
                lines.push(("worker", worker.clone()));
                lines.push(("lease until", lease_until.with_age(now_ms)));
            }
            Stand::Stalled { attempt, worker, lease_until } => {
                lines.push(("state", format!("stalled in attempt {attempt}: another worker takes it over")));
                lines.push(("worker", worker.clone()));
                lines.push(("lease until", lease_until.with_age(now_ms)));
            }
            Stand::Waiting { attempt, due } => {
                lines.push(("state", format!("waiting for attempt {attempt}")));
                lines.push(("due", due.map_or_else(|| "now".to_owned(), |due| due.with_age(now_ms))));
            }
            Stand::Succeeded => lines.push(("state", "succeeded".to_owned())),
            Stand::Dead { reason, message, attempts, died } => {
                lines.push(("state", format!("dead: {}", reason.replace('_', " "))));
                lines.push(("attempts", attempts.to_string()));
                lines.push(("died", died.with_age(now_ms)));
                lines.push(("message", message.clone()));
            }
            Stand::Dropped => lines.push(("state", "dead, and its dead letter was dropped".to_owned())),
            Stand::Other { text } => lines.push(("state", text.clone())),
        }
        if let Some(result) = &self.result {
            lines.push(("result", print::json(result)));
        }
        if let Some(hidden) = &self.result_hidden {
            lines.push(("result", format!("not shown: {hidden}")));
        }
        print::fields(&lines) + &attempts(&self.history, now_ms)
    }
}

impl From<CallStatus> for Stand {
    fn from(status: CallStatus) -> Self {
        match status {
            CallStatus::Queued => Self::Queued,
            CallStatus::Running { attempt, worker, lease_until_ms } => {
                Self::Running { attempt, worker, lease_until: Time(lease_until_ms) }
            }
            CallStatus::Stalled { attempt, worker, lease_until_ms } => {
                Self::Stalled { attempt, worker, lease_until: Time(lease_until_ms) }
            }
            CallStatus::Waiting { attempt, due_ms } => {
                Self::Waiting { attempt, due: (due_ms > 0).then_some(Time(due_ms)) }
            }
            CallStatus::Succeeded => Self::Succeeded,
            CallStatus::Dead { reason, message, attempts, died_ms } => {
                Self::Dead { reason: reason.as_str(), message, attempts, died: Time(died_ms) }
            }
            CallStatus::Dropped => Self::Dropped,
            other => Self::Other { text: other.to_string() },
        }
    }
}

impl From<ports::Failure> for AttemptView {
    fn from(failure: ports::Failure) -> Self {
        Self {
            attempt: failure.attempt,
            kind: failure.kind,
            message: failure.message,
            at: Time(failure.at_ms),
            took_ms: failure.took_ms,
            worker: failure.worker,
        }
    }
}

/// A table of what became of each attempt, after an empty line; nothing if there are none.
pub(super) fn attempts(history: &[AttemptView], now_ms: u64) -> String {
    if history.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&[">ATTEMPT", "WHAT", "AT", ">TOOK", "WORKER", "MESSAGE"]);
    for failure in history {
        table.row([
            failure.attempt.to_string(),
            failure.kind.clone(),
            failure.at.with_age(now_ms),
            print::span(failure.took_ms),
            if failure.worker.is_empty() { "-".to_owned() } else { failure.worker.clone() },
            print::short(&failure.message, 80),
        ]);
    }
    format!("\n{table}")
}
