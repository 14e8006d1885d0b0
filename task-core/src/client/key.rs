//! Resolves a key: to the call that has it, or to the batch of the call that may take it.

use futures::future::join;

use super::{CallStatus, Error, status};
use crate::{
    id::{BatchId, TaskId},
    ports::Ports,
};

/// The state of a key.
pub(super) enum Key {
    /// The ledger knows no call with this key. The next one is the first call of this batch.
    Free(BatchId),
    /// This call has the key. It is queued, running or has succeeded.
    Taken(TaskId),
}

/// Finds the call of a task that has a key. Once a call's dead letter is dropped, the next call may take its key.
///
/// # Errors
/// [`Error::KeyDead`] if the call is dead, since another one under its id would not run.
pub(super) async fn look_up(ports: &Ports, task: &str, key: &str) -> Result<Key, Error> {
    let mut batch = BatchId::from_key(task, key);
    loop {
        let id = batch.call(0);
        // A dead letter is kept for longer than the row of its parcel.
        let (root, letter) = join(ports.ledger.root_of(id), ports.dead_letters.get(id)).await;
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
            // Another process has sent it again since.
            None => return Ok(Key::Taken(id)),
        }
    }
}

/// The batch of the next call under a key, after a call with that key died at this time and was dropped. All processes
/// derive the same id.
fn after(task: &str, key: &str, died_ms: u64) -> BatchId {
    BatchId::from_key(task, &format!("{key}\0dropped\0{died_ms}"))
}

/// The error when a key could not be looked up. The call was not sent.
fn unasked(task: &str) -> impl FnOnce(crate::ports::PortError) -> Error {
    let task = task.to_owned();
    move |source| Error::Rejected { task, source }
}
