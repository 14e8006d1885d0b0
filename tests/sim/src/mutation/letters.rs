//! Dead letters that break a rule.

use std::sync::Arc;

use celeriac_core::{
    id::TaskId,
    ports::{DeadLetters, PortError, Removal, layers::DeadLettersLayer},
};
use futures::future::{BoxFuture, FutureExt as _};

use super::Mutation;

/// Dead letters that break a rule.
pub(super) struct Twisted {
    pub(super) dead_letters: Arc<dyn DeadLetters>,
    pub(super) mutation: Mutation,
}

impl DeadLettersLayer for Twisted {
    fn inner(&self) -> &dyn DeadLetters {
        &*self.dead_letters
    }

    fn remove(&self, letters: Vec<(TaskId, u64)>, removal: Removal) -> BoxFuture<'_, Result<u64, PortError>> {
        if self.mutation == Mutation::LettersStay && removal == Removal::Retried {
            return async move { Ok(letters.len() as u64) }.boxed();
        }
        self.dead_letters.remove(letters, removal)
    }
}
