//! Lists, retries and drops dead letters.

use std::collections::BTreeSet;

use super::{Client, Error, error::unanswered};
use crate::{
    id::{BatchId, ParcelId},
    parcel::{Calls, Packer, Packing, Spec},
    portions::{Most, portions},
    ports::{DeadLetter, DeadQuery, Outgoing, Ports, Removal, SendError},
};

/// The most dead letters in one send. Fewer if they reach the bytes of a send.
const CHUNK: usize = 256;

impl Client {
    /// The dead letters that match the query, ordered by batch and index.
    pub async fn dead(&self, query: DeadQuery) -> Result<Vec<DeadLetter>, Error> {
        Ok(self.ports().dead_letters.list(query).await?)
    }

    /// Sends dead letters again, as the same calls with all their earlier attempts, and removes each one once it is
    /// sent. The worker that runs the call removes its letter too, so that a live call has no letter. Returns how many
    /// were sent. A letter that another process also sends, now or earlier, still runs once.
    ///
    /// # Errors
    /// [`Error::Revoked`] if the batch of one of them is revoked: then none is sent, and [`Batch::reinstate`] lifts the
    /// revocation. Otherwise the error of the first letter that was not sent. That letter and those after it stay dead
    /// letters and can be retried again.
    ///
    /// [`Batch::reinstate`]: super::Batch::reinstate
    pub async fn retry_dead(&self, letters: &[DeadLetter]) -> Result<u64, Error> {
        let ports = self.ports();
        refuse_revoked(ports, letters).await?;
        let mut retried = 0;
        // Made as they are sent, so that no more of them are in memory than one send has.
        let made = (0..letters.len()).map(|at| (at, revive(ports, &letters[at])));
        let most = Most { items: CHUNK, bytes: ports.profile.send_bytes };
        for send in portions(made, most, |(_, message)| message.body.len()) {
            let (sent_at, messages): (Vec<_>, Vec<_>) = send.into_iter().unzip();
            let mut answers = ports.queue.send(messages).await.into_iter();
            let mut sent = Vec::with_capacity(sent_at.len());
            let mut wrong = None;
            for letter in sent_at.into_iter().map(|at| &letters[at]) {
                match answers.next().unwrap_or_else(|| Err(unanswered())) {
                    Ok(()) => sent.push((letter.id, letter.died_ms)),
                    Err(error) => wrong = wrong.or_else(|| Some(not_sent(letter, error))),
                }
            }
            retried += sent.len() as u64;
            ports.dead_letters.remove(sent, Removal::Retried).await?;
            if let Some(error) = wrong {
                return Err(error);
            }
        }
        Ok(retried)
    }

    /// Drops dead letters: their arguments and reasons are gone. Returns how many were removed.
    pub async fn drop_dead(&self, letters: &[DeadLetter]) -> Result<u64, Error> {
        let ids = letters.iter().map(|letter| (letter.id, letter.died_ms)).collect();
        Ok(self.ports().dead_letters.remove(ids, Removal::Dropped).await?)
    }
}

/// Refuses letters whose batch is revoked, since a worker would not run them. Only a batch with a record can be
/// revoked.
async fn refuse_revoked(ports: &Ports, letters: &[DeadLetter]) -> Result<(), Error> {
    let counted = letters.iter().filter(|letter| letter.counted).map(|letter| letter.id.batch);
    for batch in counted.collect::<BTreeSet<BatchId>>() {
        if let Some(record) = ports.batches.get(batch).await?.filter(|record| record.revoked) {
            return Err(Error::Revoked { batch, name: record.name });
        }
    }
    Ok(())
}

/// The parcel in which a dead letter is sent again. Its id is always the same, so that the call runs once even if
/// several processes send it. It is made after the death, whatever this host's clock says (`protocol::dead_letter` says
/// why).
fn revive(ports: &Ports, letter: &DeadLetter) -> Outgoing {
    let mut packer = Packer::new(Packing::of(ports.profile, 1));
    packer.push(&letter.args);
    let spec = Spec::new(letter.task.clone(), letter.queue.clone());
    let calls = Calls {
        parcel: ParcelId::revived(letter.id, letter.died_ms),
        batch: letter.id.batch,
        first: letter.id.index,
        counted: letter.counted,
        died_ms: Some(letter.died_ms),
    };
    spec.encode(&mut packer, ports.clock.now_ms().max(letter.died_ms.saturating_add(1)), calls)
}

fn not_sent(letter: &DeadLetter, error: SendError) -> Error {
    match error {
        SendError::Rejected(source) => Error::Rejected { task: letter.task.clone(), source },
        SendError::Unknown(source) => Error::Port(source),
    }
}
