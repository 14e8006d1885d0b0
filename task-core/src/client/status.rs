//! Finds the status of a call: walks from the row of its root parcel along the seals to the parcel that has the call
//! now.

use std::fmt;

use serde::Serialize;

use crate::{
    id::{ParcelId, TaskId},
    ports::{DeadLetter, Failure, PortError, Ports, Reason, Removal, Row, RowState, Seal},
};

/// The status of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CallStatus {
    /// No worker has claimed it yet. Also: it was never accepted, or it ended so long ago that its row is gone.
    Queued,
    /// A worker has it.
    Running {
        /// The attempt that it came with, from 1. It may be one higher after a short back-off within the worker.
        attempt: u32,
        /// Which worker.
        worker: String,
        /// When the claim ends unless renewed, in milliseconds since 1970.
        lease_until_ms: u64,
    },
    /// The worker that had it is dead or late: its claim has ended. Another will take it over.
    Stalled {
        /// The attempt, from 1.
        attempt: u32,
        /// Which worker had it.
        worker: String,
        /// When the claim ended, in milliseconds since 1970.
        lease_until_ms: u64,
    },
    /// It waits for its next attempt.
    Waiting {
        /// That attempt, from 1.
        attempt: u32,
        /// When it is due, in milliseconds since 1970; 0 for at once.
        due_ms: u64,
    },
    /// It succeeded.
    Succeeded,
    /// It will not be tried again, and is kept as a dead letter.
    Dead {
        /// Why.
        reason: Reason,
        /// The last error.
        message: String,
        /// How many attempts were made.
        attempts: u32,
        /// When it died, in milliseconds since 1970.
        died_ms: u64,
    },
    /// It died, and its dead letter was dropped.
    Dropped,
}

impl CallStatus {
    /// Whether the call is dead.
    pub fn is_dead(&self) -> bool {
        matches!(self, Self::Dead { .. } | Self::Dropped)
    }

    /// Whether the status can change only by someone's action.
    pub fn is_final(&self) -> bool {
        self.is_dead() || matches!(self, Self::Succeeded)
    }
}

impl From<DeadLetter> for CallStatus {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { reason, message, attempts, died_ms, .. } = letter;
        Self::Dead { reason, message, attempts, died_ms }
    }
}

impl fmt::Display for CallStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued => f.write_str("queued, with no worker yet"),
            Self::Running { attempt, worker, .. } => write!(f, "running, attempt {attempt}, in {worker}"),
            Self::Stalled { attempt, worker, .. } => {
                write!(f, "stalled in attempt {attempt}: {worker} holds it no longer")
            }
            Self::Waiting { attempt, .. } => write!(f, "waiting for attempt {attempt}"),
            Self::Succeeded => f.write_str("succeeded"),
            Self::Dead { reason, message, attempts, .. } => {
                f.write_str(match reason {
                    Reason::Failed => "failed",
                    Reason::TimedOut => "timed out",
                    Reason::Crashed => "crashed",
                    Reason::Revoked => "was revoked",
                    Reason::Expired => "expired",
                    Reason::Unknown => "may have run",
                })?;
                match attempts {
                    0 => {}
                    1 => f.write_str(" after 1 attempt")?,
                    _ => write!(f, " after {attempts} attempts")?,
                }
                write!(f, ": {message}")
            }
            Self::Dropped => f.write_str("died, and its dead letter was dropped"),
        }
    }
}

/// The most parcels of a walk. A call that was handed on more often is further down.
const MAX_HOPS: u32 = 10_000;

/// Looks up the status of a call.
pub(super) async fn look_up(ports: &Ports, id: TaskId) -> Result<CallStatus, PortError> {
    // The common case needs no walk.
    if ports.ledger.result_of(id).await?.is_some() {
        return Ok(CallStatus::Succeeded);
    }
    if let Some(letter) = ports.dead_letters.get(id).await? {
        return Ok(letter.into());
    }
    let Some(root) = ports.ledger.root_of(id).await? else {
        return Ok(CallStatus::Queued);
    };
    let position = u32::try_from(id.index.saturating_sub(root.first)).unwrap_or(u32::MAX);
    match walk(ports, root, position).await? {
        Some(status) => Ok(status),
        None => ended(ports, id).await,
    }
}

/// The status according to the rows, from this one on. `None` if a verdict was recorded, since the rows do not say
/// which.
async fn walk(ports: &Ports, root: Row, mut position: u32) -> Result<Option<CallStatus>, PortError> {
    let (mut row, mut attempt) = (root, 1);
    for _ in 0..MAX_HOPS {
        let Some(child) = child_of(&row, position) else {
            return Ok(last(row, position, attempt, ports.clock.now_ms()));
        };
        (position, attempt) = (child.position, child.attempt);
        let found = ports.ledger.rows(vec![child.parcel]).await?.pop().flatten();
        match found {
            Some(found) => row = found,
            None => return Ok(Some(CallStatus::Waiting { attempt, due_ms: child.due_ms })),
        }
    }
    Ok(Some(CallStatus::Waiting { attempt, due_ms: 0 }))
}

/// The child that a parcel's call moved to.
#[derive(Debug, PartialEq, Eq)]
struct Child {
    parcel: ParcelId,
    position: u32,
    attempt: u32,
    due_ms: u64,
}

fn child_of(row: &Row, position: u32) -> Option<Child> {
    let (RowState::Sealed(Seal { children }) | RowState::Finished(Seal { children })) = &row.state else {
        return None;
    };
    children.iter().zip(0..).find(|(plan, _)| plan.calls.contains(position)).map(|(plan, k)| Child {
        parcel: row.parcel.child(k),
        // A child keeps the calls in the parent's order.
        position: plan.calls.iter().take_while(|before| *before < position).count() as u32,
        attempt: plan.attempt,
        due_ms: plan.due_ms,
    })
}

/// The status of a call that moved to no child.
fn last(row: Row, position: u32, attempt: u32, now_ms: u64) -> Option<CallStatus> {
    if row.done.contains(position) || row.state != RowState::Open {
        return None;
    }
    let Row { holder: worker, lease_until_ms, .. } = row;
    Some(if lease_until_ms > now_ms {
        CallStatus::Running { attempt, worker, lease_until_ms }
    } else {
        CallStatus::Stalled { attempt, worker, lease_until_ms }
    })
}

/// The status of a call that ended in its parcel: succeeded, dead, dropped, or sent again since. A verdict is known to
/// be recorded before its kind is looked up, since another run may end at any time.
async fn ended(ports: &Ports, id: TaskId) -> Result<CallStatus, PortError> {
    let mut judged = None;
    loop {
        if let Some(letter) = ports.dead_letters.get(id).await? {
            return Ok(letter.into());
        }
        let history = ports.ledger.history(id).await?;
        let died_ms = match history.iter().rev().find_map(removed) {
            Some((Removal::Dropped, _)) => return Ok(CallStatus::Dropped),
            Some((Removal::Retried, died_ms)) if judged != Some(died_ms) => died_ms,
            _ => return Ok(CallStatus::Succeeded),
        };
        let Some(revived) = ports.ledger.rows(vec![ParcelId::revived(id, died_ms)]).await?.pop().flatten() else {
            return Ok(CallStatus::Waiting { attempt: 1, due_ms: 0 });
        };
        if let Some(status) = walk(ports, revived, 0).await? {
            return Ok(status);
        }
        judged = Some(died_ms);
    }
}

/// When a call died whose dead letter was dropped. `None` if it was sent again since.
pub(super) async fn dropped_ms(ports: &Ports, id: TaskId) -> Result<Option<u64>, PortError> {
    let history = ports.ledger.history(id).await?;
    Ok(match history.iter().rev().find_map(removed) {
        Some((Removal::Dropped, died_ms)) => Some(died_ms),
        _ => None,
    })
}

fn removed(entry: &Failure) -> Option<(Removal, u64)> {
    let removal = [Removal::Retried, Removal::Dropped].into_iter().find(|removal| removal.as_str() == entry.kind)?;
    Some((removal, entry.at_ms))
}
