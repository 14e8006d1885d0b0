//! The events of a simulation, as its observer sees them.

use std::fmt;

use celeriac_core::{
    id::{BatchId, ParcelId, TaskId},
    ports::{Claim, ClaimRequest, Delivery, Outgoing, PortError, Record, Seal, Settle, Settlement},
    wire::Header,
};

/// The number of the host that did something, in the order in which hosts were started.
pub type HostId = usize;

/// Observes a simulation: sees every event, in order.
pub trait Observer: Send {
    /// Something happened, this many microseconds after the start.
    fn see(&mut self, now_us: u64, host: HostId, deed: &Deed<'_>);
}

/// Something that happened at a service, or to a host.
#[derive(Clone, Copy, Debug)]
pub enum Deed<'a> {
    /// A message was stored.
    Sent(&'a Outgoing),
    /// A message was delivered.
    Received(&'a Delivery),
    /// A delivery was settled.
    Settled(&'a Settlement, &'a Result<(), PortError>),
    /// A claim of a parcel, and its answer.
    Claimed(&'a ClaimRequest, &'a Claim),
    /// A write to the row of a parcel, or its refusal.
    Wrote(&'a Write<'a>),
    /// A batch was opened.
    Opened(BatchId),
    /// A batch's mark was moved.
    Accepted(BatchId, u64),
    /// A batch was closed.
    Closed(BatchId),
    /// A batch was revoked.
    Revoked(BatchId),
    /// The revocation of a batch was lifted.
    Reinstated(BatchId),
    /// A callback was said to be sent.
    Paid(BatchId),
    /// A dead letter was removed, if it was of that death.
    Removed(TaskId, bool),
    /// A request was lost or refused, or its answer was lost.
    Failed(&'static str),
    /// A host began.
    Booted(&'a str),
    /// A host died.
    Died,
    /// A host froze.
    Froze,
    /// A host continues.
    Thawed,
    /// A remark of the program that runs the simulation.
    Said(&'a str),
}

/// A write to the row of a parcel.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// `checkpoint`, `seal`, `finish` or `settle`.
    pub what: &'static str,
    /// The parcel.
    pub parcel: ParcelId,
    /// The epoch of the writing claim.
    pub epoch: u64,
    /// What was recorded.
    pub record: Option<&'a Record>,
    /// The seal, if there is one.
    pub seal: Option<&'a Seal>,
    /// Why it was refused, if it was.
    pub error: Option<&'a PortError>,
}

impl fmt::Display for Deed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(message) => write!(f, "stored in `{}`: {}", message.queue, Named(&message.body)),
            Self::Received(delivery) => {
                write!(f, "received {} for the {}. time", Named(&delivery.body), delivery.receives)
            }
            Self::Settled(settlement, result) => {
                match settlement.settle {
                    Settle::Delete => write!(f, "deletes message {}", settlement.receipt.0)?,
                    Settle::Hide { until_ms } => write!(f, "hides message {} until {until_ms}", settlement.receipt.0)?,
                    Settle::Bury { .. } => write!(f, "buries message {}", settlement.receipt.0)?,
                }
                result.as_ref().map_or_else(|error| write!(f, ": {error}"), |()| Ok(()))
            }
            Self::Claimed(request, claim) => {
                write!(f, "claims {} (calls {}+{}): ", short(request.parcel), request.first, request.count)?;
                match claim {
                    Claim::Claimed(claimed) => write!(
                        f,
                        "epoch {}, {} done, {} losses, window {:?}",
                        claimed.epoch,
                        claimed.done.len(),
                        claimed.losses,
                        claimed.window.as_ref().map(|window| (window.calls.len(), window.deaths))
                    ),
                    Claim::Busy { until_ms } => write!(f, "busy until {until_ms}"),
                    Claim::Sealed { epoch, seal } => write!(f, "sealed at {epoch}, {} children", seal.children.len()),
                    Claim::Finished { owed } => write!(f, "finished, owes {}", u32::from(owed.is_some())),
                    Claim::TooOld => f.write_str("too old"),
                }
            }
            Self::Wrote(write) => {
                write!(f, "{} of {} at epoch {}", write.what, short(write.parcel), write.epoch)?;
                if let Some(record) = write.record {
                    write!(f, ", {} done, {} dead", record.done.len(), record.dead.len())?;
                }
                if let Some(seal) = write.seal {
                    write!(f, ", {} children", seal.children.len())?;
                }
                write.error.map_or(Ok(()), |error| write!(f, ": {error}"))
            }
            Self::Opened(batch) => write!(f, "opens batch {batch}"),
            Self::Accepted(batch, upto) => write!(f, "batch {batch} is accepted up to {upto}"),
            Self::Closed(batch) => write!(f, "closes batch {batch}"),
            Self::Revoked(batch) => write!(f, "revokes batch {batch}"),
            Self::Reinstated(batch) => write!(f, "reinstates batch {batch}"),
            Self::Paid(batch) => write!(f, "batch {batch} owes nothing more"),
            Self::Removed(call, removed) => write!(f, "removes the dead letter of {call}: {removed}"),
            Self::Failed(what) => write!(f, "a request failed: {what}"),
            Self::Booted(name) => write!(f, "begins: {name}"),
            Self::Died => f.write_str("is dead"),
            Self::Froze => f.write_str("stands still"),
            Self::Thawed => f.write_str("goes on"),
            Self::Said(what) => f.write_str(what),
        }
    }
}

/// The first digits of a parcel's id: enough to distinguish those of a simulation.
pub fn short(parcel: ParcelId) -> String {
    let mut text = parcel.to_string();
    text.truncate(8);
    text
}

struct Named<'a>(&'a [u8]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(header) = Header::peek(self.0) else { return f.write_str("an unreadable message") };
        let Header { id, task, first, count, attempt, due_ms, .. } = header;
        write!(f, "{} (`{task}` {first}+{count}, attempt {attempt}", short(id))?;
        if due_ms > 0 { write!(f, ", due {due_ms})") } else { f.write_str(")") }
    }
}
