//! What a key stands for: the call that has it, or the batch of the call that may take it.

use super::{CallStatus, Error, status};
use crate::{
    id::{BatchId, TaskId},
    ports::Ports,
};

/// What a key stands for.
pub(super) enum Key {
    /// No call has it, as far as the ledger knows. The next one is the first call of this batch.
    Free(BatchId),
    /// This call has it. It waits, runs or has succeeded.
    Taken(TaskId),
}

/// Finds the call of a task that has a key. A call whose dead letter was dropped has lost it to the next one.
///
/// # Errors
/// [`Error::KeyDead`] if the call is dead: then nothing would run under its id.
pub(super) async fn look_up(ports: &Ports, task: &str, key: &str) -> Result<Key, Error> {
    let mut batch = BatchId::from_key(task, key);
    loop {
        let id = batch.call(0);
        // A dead letter is kept for longer than the row of its parcel.
        let (root, letter) = futures::join!(ports.ledger.root_of(id), ports.dead_letters.get(id));
        let status = match (root.map_err(unasked(task))?, letter.map_err(unasked(task))?) {
            (_, Some(letter)) => CallStatus::from(letter),
            (None, None) => return Ok(Key::Free(batch)),
            (Some(_), None) => status::look_up(ports, id).await.map_err(unasked(task))?,
        };
        if let CallStatus::Dead { .. } = status {
            let (task, key) = (task.to_owned(), key.to_owned());
            return Err(Error::KeyDead { task, key, id, status: Box::new(status) });
        }
        if status != CallStatus::Dropped {
            return Ok(Key::Taken(id));
        }
        match status::dropped_ms(ports, id).await.map_err(unasked(task))? {
            Some(died_ms) => batch = after(task, key, died_ms),
            // Someone has sent it again since.
            None => return Ok(Key::Taken(id)),
        }
    }
}

/// The batch of the call that takes the key of one that died then and was dropped. Whoever asks finds the same.
fn after(task: &str, key: &str, died_ms: u64) -> BatchId {
    BatchId::from_key(task, &format!("{key}\0dropped\0{died_ms}"))
}

/// What could not be looked up was not sent either.
fn unasked(task: &str) -> impl FnOnce(crate::ports::PortError) -> Error {
    let task = task.to_owned();
    move |source| Error::Rejected { task, source }
}
