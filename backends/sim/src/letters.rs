//! The simulated dead letters.

use std::collections::BTreeMap;

use celeriac_core::{
    id::TaskId,
    ports::{DeadLetter, DeadQuery, Failure, Removal},
};

/// Dead letters, and those that were replaced by another.
#[derive(Debug, Default)]
pub(super) struct Letters {
    letters: BTreeMap<TaskId, DeadLetter>,
    /// Replaced letters: they were retried, and their sender has not removed them yet.
    replaced: Vec<DeadLetter>,
}

impl Letters {
    /// Adds a letter.
    pub(super) fn put(&mut self, letter: DeadLetter) {
        let died_ms = letter.died_ms;
        let before = self.letters.insert(letter.id, letter);
        self.replaced.extend(before.filter(|before| before.died_ms != died_ms));
    }

    /// The replaced letters, whose removal must be noted.
    pub(super) fn replaced(&mut self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.replaced)
    }

    /// Removes a letter, if it is of that death.
    pub(super) fn take(&mut self, id: TaskId, died_ms: u64) -> Option<DeadLetter> {
        self.letters.get(&id).filter(|letter| letter.died_ms == died_ms)?;
        self.letters.remove(&id)
    }

    pub(super) fn get(&self, id: TaskId) -> Option<&DeadLetter> {
        self.letters.get(&id)
    }

    pub(super) fn list(&self, query: &DeadQuery) -> Vec<DeadLetter> {
        let wanted = |letter: &&DeadLetter| {
            query.batch.is_none_or(|batch| letter.id.batch == batch)
                && query.task.as_ref().is_none_or(|task| letter.task == *task)
                && query.after.is_none_or(|after| letter.id > after)
        };
        self.letters.values().filter(wanted).take(query.limit).cloned().collect()
    }
}

/// The entry of a removed letter in its call's history.
pub(super) fn entry(letter: DeadLetter, removal: Removal) -> Failure {
    let DeadLetter { id, message, attempts: attempt, died_ms: at_ms, .. } = letter;
    let (kind, worker) = (removal.as_str().to_owned(), String::new());
    Failure { index: id.index, attempt, at_ms, took_ms: 0, kind, message, worker }
}
