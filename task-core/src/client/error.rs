//! Errors of sending and waiting, divided by what the caller should do next.

use std::{borrow::Cow, time::Duration};

use super::{CallStatus, Client};
use crate::store::{StoreError, StoreUrl};
use crate::{
    id::{BatchId, TaskId},
    ports::{Outgoing, PortError, SendError},
    task::duration_text,
};

/// Why a request to the client failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The call was not accepted and will not run (G1).
    #[error("task `{task}`: the call was rejected and will not run: {source}")]
    Rejected {
        /// The task.
        task: String,
        /// Why.
        source: PortError,
    },
    /// The call may have been accepted: the answer was lost (G1). [`Unsent::send_again`] is harmless, since it sends
    /// the same call.
    #[error(
        "task `{}`: unknown whether call {} was accepted: {source}; `unsent.send_again()` sends the same call again",
        unsent.task, unsent.id
    )]
    Unknown {
        /// The call.
        unsent: Box<Unsent>,
        /// Why the outcome is unknown.
        source: PortError,
    },
    /// The arguments cannot be encoded.
    #[error("task `{task}`: its arguments cannot be serialised: {why}")]
    Encode {
        /// The task.
        task: String,
        /// What the serialiser said.
        why: String,
    },
    /// The encoded arguments decode to other values, or not at all: no worker could run the call.
    #[error(
        "task `{task}`: the call was refused, because its arguments do not read back as they were sent: {why}; serde \
         reads `untagged`, `flatten` and `tag` through a buffer, which loses 128-bit numbers and structs without \
         fields; if there are none, look for attributes that affect only one direction, such as `skip_serializing_if` \
         without `default`"
    )]
    Unreadable {
        /// The task.
        task: String,
        /// Which argument, and its fault.
        why: String,
    },
    /// The arguments do not fit into a parcel.
    #[error(
        "task `{task}`: its arguments take {bytes} bytes encoded, and a call may have at most {limit}: store what is \
         large and pass a reference to it, such as a path or a key"
    )]
    TooLarge {
        /// The task.
        task: String,
        /// The size of the encoded arguments, in bytes.
        bytes: usize,
        /// The most bytes allowed.
        limit: usize,
    },
    /// An option or an argument has an invalid value.
    #[error("task `{task}`: {why}")]
    Invalid {
        /// The task.
        task: String,
        /// The fault, and what to write instead.
        why: String,
    },
    /// A `fan_out` stopped before the end of its source. The calls accepted so far run; the batch stays open.
    #[error(
        "batch {batch} stopped at item {accepted} of its source, counted from 0; the items before it are accepted: \
         {source}; a `fan_out` with a `.unique(key)` goes on there when it is sent again"
    )]
    Stopped {
        /// The batch.
        batch: BatchId,
        /// How many calls are accepted.
        accepted: u64,
        /// Why.
        source: Box<Error>,
    },
    /// An item of a source could not be sent. No call was sent.
    #[error("item {item} of the source, counted from 0: {source}")]
    Item {
        /// Its position in the source, from 0.
        item: u64,
        /// Its fault.
        source: Box<Error>,
    },
    /// The call with this key is dead, so another call under the key would not run. No call was sent. See
    /// [`Call::unique`](super::Call::unique).
    #[error(
        "task `{task}`: nothing was sent, since the call with the key `{}` is dead: call {id} {status}; send that call \
         again (`dead retry {id}`, `Client::retry_dead`), or drop its dead letter (`dead drop {id}`, \
         `Client::drop_dead`), which frees the key",
        key.escape_debug()
    )]
    KeyDead {
        /// The task.
        task: String,
        /// The key.
        key: String,
        /// The call that is dead.
        id: TaskId,
        /// How it died.
        status: Box<CallStatus>,
    },
    /// The batch is revoked: its calls would become dead letters without running. No call was sent.
    #[error(
        "nothing was sent: batch {batch} (`{}`) is revoked, so that its calls would not run; `Batch::reinstate` or \
         `dead retry --reinstate` lifts that, and a `fan_out` with another key is another batch",
        name.escape_debug()
    )]
    Revoked {
        /// The batch.
        batch: BatchId,
        /// Its name.
        name: String,
    },
    /// This store has no such batch.
    #[error("there is no batch {batch} here: it was never opened, or this is another database")]
    NoBatch {
        /// The batch.
        batch: BatchId,
    },
    /// There is no ambient client, and the store that the environment names cannot be opened.
    #[error(
        "no client to send with: {0}; or call `Client::set_default(client)` at start-up, or name one with `.on(&client)`"
    )]
    Store(#[from] StoreError),
    /// A call that names no client was made outside of all scopes, in a process that uses scopes, and only the
    /// environment names a store for it. See [`Client::ambient`].
    #[error(
        "no client to send with: this process has used `client.scope(..)`, and this call was made outside of it, as in a \
         task that was spawned inside; so it was not sent to the store that the environment names. Write \
         `tokio::spawn(client.scope(future))`, name a client with `.on(&client)`, or name one for all such calls with \
         `Client::set_default(client)` at start-up"
    )]
    OutOfScope,
    /// The call did not end in time. It continues.
    #[error("call {id} had not ended after {}: it is {status}{}", duration_text(*.waited), no_worker(.unserved.as_deref()))]
    NotYet {
        /// The call.
        id: TaskId,
        /// How long the caller waited.
        waited: Duration,
        /// Its status.
        status: Box<CallStatus>,
        /// The store of the call, if it is known that no worker is alive on it.
        unserved: Option<Box<StoreUrl>>,
    },
    /// The batch was not complete in time. It continues.
    #[error(
        "batch {batch} was not complete after {}: {ended} of {accepted} calls have ended{}", duration_text(*.waited),
        no_worker(.unserved.as_deref())
    )]
    NotComplete {
        /// The batch.
        batch: BatchId,
        /// How long the caller waited.
        waited: Duration,
        /// How many of its calls have ended.
        ended: u64,
        /// How many are accepted so far.
        accepted: u64,
        /// The store of the batch, if it is known that no worker is alive on it.
        unserved: Option<Box<StoreUrl>>,
    },
    /// The call ended without success: it has no result.
    #[error("call {id} has no result: it {status}")]
    Dead {
        /// The call.
        id: TaskId,
        /// How it ended.
        status: Box<CallStatus>,
    },
    /// The call succeeded, but its result does not decode to the requested type.
    #[error("the result of call {id} cannot be read as `{wanted}`: {why}")]
    Result {
        /// The call.
        id: TaskId,
        /// The requested type.
        wanted: &'static str,
        /// The fault.
        why: String,
    },
    /// The store did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Adds that no worker is alive to run the awaited calls, if that is known.
fn no_worker(store: Option<&StoreUrl>) -> String {
    store.map_or_else(String::new, |store| {
        format!("; no worker is alive on `{store}`: start one there, or send to the store that the workers have open")
    })
}

/// A call that may or may not have been accepted.
#[derive(Clone, Debug)]
pub struct Unsent {
    pub(super) client: Client,
    pub(super) task: Cow<'static, str>,
    pub(super) id: TaskId,
    pub(super) message: Outgoing,
}

impl Unsent {
    /// The call's id.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Sends the same parcel again, under the same id, so that the call runs once even if both copies arrive.
    /// [`Client::handle`] makes a handle from the returned id.
    pub async fn send_again(self) -> Result<TaskId, Error> {
        let sent = self.client.ports().queue.send(vec![self.message.clone()]).await.pop();
        match sent.unwrap_or_else(|| Err(unanswered())) {
            Ok(()) => Ok(self.id),
            // Not a rejection: the first copy may have arrived.
            Err(SendError::Rejected(source) | SendError::Unknown(source)) => {
                Err(Error::Unknown { unsent: Box::new(self), source })
            }
        }
    }
}

/// The error for messages that the queue's answer omits.
pub(super) fn unanswered() -> SendError {
    SendError::Unknown(PortError::Unknown {
        what: "the queue did not answer for this message".to_owned(),
        source: None,
    })
}
