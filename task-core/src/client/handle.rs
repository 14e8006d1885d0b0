//! What `delay` answers.

use std::{fmt, marker::PhantomData};

use super::Client;
use crate::id::TaskId;

/// A call that was accepted.
pub struct Handle<O> {
    client: Client,
    id: TaskId,
    output: PhantomData<fn() -> O>,
}

impl<O> Handle<O> {
    pub(super) fn new(client: Client, id: TaskId) -> Self {
        Self { client, id, output: PhantomData }
    }

    /// The call's id: it never changes, over retries too.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The client that it was sent with.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl<O> fmt::Debug for Handle<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.id)
    }
}
