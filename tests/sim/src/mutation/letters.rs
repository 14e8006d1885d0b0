//! Dead letters that break a rule.

use std::sync::Arc;

use celeriac_core::{
    id::TaskId,
    ports::{DeadLetter, DeadLetters, DeadQuery, PortError, Removal},
};
use futures::future::{BoxFuture, FutureExt as _};

use super::Mutation;

/// Dead letters that break a rule.
pub(super) struct Twisted {
    pub(super) dead_letters: Arc<dyn DeadLetters>,
    pub(super) mutation: Mutation,
}

impl DeadLetters for Twisted {
    fn list(&self, query: DeadQuery) -> BoxFuture<'_, Result<Vec<DeadLetter>, PortError>> {
        self.dead_letters.list(query)
    }

    fn get(&self, id: TaskId) -> BoxFuture<'_, Result<Option<DeadLetter>, PortError>> {
        self.dead_letters.get(id)
    }

    fn remove(&self, letters: Vec<(TaskId, u64)>, removal: Removal) -> BoxFuture<'_, Result<u64, PortError>> {
        if self.mutation == Mutation::LettersStay && removal == Removal::Retried {
            return async move { Ok(letters.len() as u64) }.boxed();
        }
        self.dead_letters.remove(letters, removal)
    }
}
