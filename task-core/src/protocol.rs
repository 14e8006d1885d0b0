//! The steps of the parcel protocol that involve several ports. A backend with
//! [`Atomic`](crate::ports::Atomic) does each in one write. Other backends do it in several writes, each of which may be
//! repeated.

use std::sync::Arc;

use crate::{
    backoff::deploy_pause_ms,
    id::BatchId,
    parcel::Parcel,
    ports::{
        Accept, Claim, ClaimRequest, Claimed, DeadLetter, Delivery, Finish, Outgoing, Owed, PortError, Ports, Reason,
        Record, Removal, Seal, SendError, Settle, Settlement, Settling,
    },
};

/// What [`follow`] has done about the answer to a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Followed {
    /// Nothing: the parcel is the claimer's, to be run or refused.
    Claimed(Claimed),
    /// Someone else holds the parcel: its message is hidden until that lease ends.
    Held,
    /// The parcel is finished and its message is deleted.
    Finished,
}

/// Sends parcels of a batch and moves the batch's mark (G1). After an error the mark may lag behind what was sent,
/// never run ahead of it.
pub async fn accept(ports: &Ports, accept: Accept) -> Result<(), SendError> {
    if let Some(atomic) = &ports.atomic {
        return atomic.accept(accept).await;
    }
    let sent = ports.queue.send(accept.messages).await;
    sent.into_iter().collect::<Result<(), SendError>>()?;
    ports.batches.accepted(accept.batch, accept.from, accept.upto).await.map_err(SendError::from)
}

/// Claims parcels for `holder` (rule 2). Parcels that are too old to run are claimed as well, so that they can be
/// refused: their calls become dead letters, and their batches end. The answers are in the order of the parcels.
pub async fn claim<'a>(
    ports: &Ports,
    parcels: impl Iterator<Item = &'a Parcel>,
    holder: &Arc<str>,
    lease_until_ms: u64,
) -> Vec<Result<Claim, PortError>> {
    let now_ms = ports.clock.now_ms();
    let request = |parcel: &Parcel| {
        let request = ClaimRequest::of(&parcel.header, Arc::clone(holder), now_ms, lease_until_ms);
        ClaimRequest { not_after_ms: request.not_after_ms.max(now_ms), ..request }
    };
    let requests: Vec<_> = parcels.map(request).collect();
    if requests.is_empty() { Vec::new() } else { ports.ledger.claim(requests).await }
}

/// Does what the answer to a claim asks for, except running or refusing the parcel.
pub async fn follow(ports: &Ports, parcel: &Parcel, delivery: &Delivery, claim: Claim) -> Result<Followed, PortError> {
    let id = parcel.header.id;
    match claim {
        Claim::Claimed(claimed) => return Ok(Followed::Claimed(claimed)),
        Claim::Busy { until_ms } => {
            let until_ms = until_ms.max(ports.clock.now_ms() + 1);
            put_aside(ports, vec![delivery.hidden(until_ms)]).await;
            return Ok(Followed::Held);
        }
        Claim::Sealed { epoch, seal } => {
            let finish = Finish { parcel: id, epoch, record: None };
            finish_sealed(ports, finish, parcel.children(&seal), delivery.deleted()).await?;
        }
        Claim::Finished { owed } => finished(ports, owed, delivery.deleted()).await?,
        Claim::TooOld => {
            let what = format!("parcel {id} is too old for the ledger, whatever it is asked");
            return Err(PortError::Unavailable { what, source: None });
        }
    }
    Ok(Followed::Finished)
}

/// Ends a run (rule 4): record and seal, send the children, finish, send what the batch owes, delete the message.
pub async fn settle(ports: &Ports, settling: Settling) -> Result<(), PortError> {
    if let Some(atomic) = &ports.atomic {
        return atomic.settle(settling).await;
    }
    let Settling { parcel, epoch, record, seal, children, queue, receipt } = settling;
    let record = if seal.children.is_empty() {
        Some(record)
    } else {
        ports.ledger.seal(parcel, epoch, record, seal).await?;
        None
    };
    finish_sealed(
        ports,
        Finish { parcel, epoch, record },
        children,
        Settlement { queue, receipt, settle: Settle::Delete },
    )
    .await
}

/// Does the second half of [`settle`] for a sealed parcel: sends the same children again and finishes.
pub async fn finish_sealed(
    ports: &Ports,
    finish: Finish,
    children: Vec<Outgoing>,
    delete: Settlement,
) -> Result<(), PortError> {
    if !children.is_empty() {
        send_all(ports, children).await?;
    }
    let owed = ports.ledger.finish(finish).await?;
    finished(ports, owed, delete).await
}

/// Cleans up after a finished parcel: sends the callback that its batch owes and deletes its message.
pub async fn finished(ports: &Ports, owed: Option<Owed>, delete: Settlement) -> Result<(), PortError> {
    if let Some(owed) = owed {
        pay(ports, owed.batch, owed.message).await?;
    }
    delete_message(ports, delete).await
}

/// Sends a callback that a batch owes, then records that it was sent.
pub async fn pay(ports: &Ports, batch: BatchId, message: Outgoing) -> Result<(), PortError> {
    send_all(ports, vec![message]).await?;
    ports.ledger.paid(batch).await
}

/// Sends callbacks whose process died before sending them. Sending one twice is harmless.
pub async fn pay_owed(ports: &Ports) -> Result<(), PortError> {
    for owed in ports.ledger.owed().await? {
        if let Err(error) = pay(ports, owed.batch, owed.message).await {
            tracing::warn!(batch = %owed.batch, %error, "the callback of a batch could not be sent");
        }
    }
    Ok(())
}

/// Builds the record of a claimed parcel whose calls are refused: each call that is not done is dead.
pub fn refuse(parcel: &Parcel, claimed: &Claimed, reason: Reason, message: &str, now_ms: u64) -> Record {
    let mut record = Record { done: claimed.done.clone(), tally: claimed.tally, ..Record::default() };
    for position in (0..parcel.count()).filter(|position| !claimed.done.contains(*position)) {
        record.done.insert(position);
        record.tally.died(reason);
        let attempts = parcel.header.attempt - 1;
        record.dead.push((position, dead_letter(parcel, position, attempts, reason, message.to_owned(), now_ms)));
    }
    record
}

/// Ends a claimed parcel without running it: each call that is not done becomes a dead letter, and the message is
/// deleted. Returns how many calls it ended.
pub async fn end_refused(
    ports: &Ports,
    delivery: &Delivery,
    parcel: &Parcel,
    claimed: &Claimed,
    reason: Reason,
    message: &str,
) -> Result<u64, PortError> {
    let record = refuse(parcel, claimed, reason, message, ports.clock.now_ms());
    let ended = record.dead.len() as u64;
    let settling = Settling {
        parcel: parcel.header.id,
        epoch: claimed.epoch,
        record,
        seal: Seal::default(),
        children: Vec::new(),
        queue: Arc::clone(&delivery.queue),
        receipt: delivery.receipt.clone(),
    };
    settle(ports, settling).await?;
    Ok(ended)
}

/// Removes the dead letters that these parcels send again. Their sender may have died before removing them, and the
/// call would then count as dead beside its new outcome.
pub async fn remove_revived<'a>(ports: &Ports, parcels: impl Iterator<Item = &'a Parcel>) -> Result<(), PortError> {
    let letters: Vec<_> = parcels.filter_map(Parcel::revived).collect();
    if !letters.is_empty() {
        ports.dead_letters.remove(letters, Removal::Retried).await?;
    }
    Ok(())
}

/// The dead letter of a call after this many attempts. The call dies no earlier than its parcel was made, whatever this
/// host's clock says. A call that is sent again must die later than before, since the time of death distinguishes its
/// letters, and the parcels in which they are sent again.
pub fn dead_letter(
    parcel: &Parcel,
    position: u32,
    attempts: u32,
    reason: Reason,
    message: String,
    now_ms: u64,
) -> DeadLetter {
    let header = &parcel.header;
    DeadLetter {
        id: parcel.call(position),
        counted: header.counted,
        task: header.task.clone(),
        queue: header.queue.clone(),
        args: parcel.args(position).clone(),
        reason,
        message,
        attempts,
        died_ms: now_ms.max(header.created_ms),
    }
}

/// Deletes a message. If it has been delivered again meanwhile, that delivery finds the parcel finished.
pub async fn delete_message(ports: &Ports, delete: Settlement) -> Result<(), PortError> {
    match ports.queue.settle(vec![delete]).await.pop() {
        None | Some(Ok(()) | Err(PortError::Stale)) => Ok(()),
        Some(Err(error)) => Err(error),
    }
}

/// Hides and buries messages. A failure corrects itself: the message reappears, and the process that receives it
/// decides again.
pub async fn put_aside(ports: &Ports, settlements: Vec<Settlement>) {
    if settlements.is_empty() {
        return;
    }
    for error in ports.queue.settle(settlements).await.into_iter().filter_map(Result::err) {
        tracing::debug!(%error, "a message could not be put aside; it reappears by itself");
    }
}

/// Puts back a message whose parcel only a newer program can read. The time grows with each receive; no attempt and no
/// hop is counted, and the message is never buried, however long the deploy takes.
pub fn put_back_newer(receives: u32, now_ms: u64) -> Settle {
    Settle::Hide { until_ms: now_ms + deploy_pause_ms(receives) }
}

async fn send_all(ports: &Ports, messages: Vec<Outgoing>) -> Result<(), PortError> {
    for sent in ports.queue.send(messages).await {
        sent?;
    }
    Ok(())
}
