//! Finds and removes dead letters.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};

use super::{
    counters,
    item::{Item, number, text},
    keys::{self, LETTERS},
    letters,
    query::Range,
    table::{Table, all},
};
use celeriac_core::{
    id::TaskId,
    ports::{DeadLetter, DeadQuery, PortError, Removal},
};

/// How many extra letters are read from a shard beyond its share, since letters are spread unevenly.
const SPREAD: usize = 4;

/// The letters of a shard that were read so far.
#[derive(Clone, Default)]
struct Shard {
    letters: Vec<DeadLetter>,
    is_over: bool,
}

impl Shard {
    fn last(&self) -> Option<TaskId> {
        self.letters.last().map(|letter| letter.id)
    }

    /// Whether it may have more of the wanted letters.
    fn may_matter(&self, last_wanted: Option<TaskId>) -> bool {
        !self.is_over && last_wanted.is_none_or(|wanted| self.last().is_none_or(|last| last < wanted))
    }
}

impl Table {
    /// The dead letters that match, ordered by batch and index.
    pub(super) async fn letters(&self, query: &DeadQuery) -> Result<Vec<DeadLetter>, PortError> {
        let mut shards = vec![Shard { letters: Vec::new(), is_over: query.limit == 0 }; LETTERS.into()];
        loop {
            let mut ids: Vec<TaskId> = shards.iter().flat_map(|shard| &shard.letters).map(|letter| letter.id).collect();
            ids.sort_unstable();
            let last_wanted = query.limit.checked_sub(1).and_then(|at| ids.get(at)).copied();
            let lacking = shards.iter_mut().zip(0..).filter(|(shard, _)| shard.may_matter(last_wanted));
            let more: Vec<_> = lacking.map(|(shard, number)| self.more(shard, number, query)).collect();
            if more.is_empty() {
                break;
            }
            all(more).await?;
        }
        let mut all: Vec<DeadLetter> = shards.into_iter().flat_map(|shard| shard.letters).collect();
        all.sort_unstable_by_key(|letter| letter.id);
        all.truncate(query.limit);
        Ok(all)
    }

    /// Reads another page of a shard.
    async fn more(&self, shard: &mut Shard, number: u8, query: &DeadQuery) -> Result<(), PortError> {
        let page = query.limit.div_ceil(LETTERS.into()).saturating_add(SPREAD);
        let mut range = Range::of(keys::letters(number)).limit(page);
        if let Some(batch) = query.batch {
            range = range.under(&format!("{batch}#"));
        }
        if let Some(after) = shard.last().or(query.after) {
            range = range.after(&keys::call(after));
        }
        if let Some(task) = &query.task {
            range = range.filter("k = :task").with(":task", text(task));
        }
        let found = self.query(range).await?;
        shard.is_over = found.len() < page;
        shard.letters.extend(all(found.iter().map(|item| self.letter(item)).collect()).await?);
        Ok(())
    }

    /// One dead letter.
    pub(super) async fn dead_letter(&self, id: TaskId) -> Result<Option<DeadLetter>, PortError> {
        match self.get(&keys::letter(id)).await? {
            Some(item) => self.letter(&item).await.map(Some),
            None => Ok(None),
        }
    }

    /// Removes dead letters, each by its id and the time it died. Returns how many.
    pub(super) async fn remove_all(&self, wanted: Vec<(TaskId, u64)>, removal: Removal) -> Result<u64, PortError> {
        let found = self.get_many(wanted.iter().map(|(id, _)| keys::letter(*id)).collect()).await?;
        let found = wanted.iter().filter_map(|(id, died_ms)| Some((found.get(&keys::letter(*id))?, *died_ms)));
        let removed = all(found.map(|(item, died_ms)| self.remove(item, died_ms, removal)).collect()).await?;
        Ok(removed.into_iter().map(u64::from).sum())
    }

    /// Removes a letter, keeps the reason of its death, and subtracts it from the counters if its call is sent again.
    /// `false` if the call died again since, or the letter was removed before.
    async fn remove(&self, item: &Item, died_ms: u64, removal: Removal) -> Result<bool, PortError> {
        let letter = letters::read(item)?;
        if letter.died_ms != died_ms {
            return Ok(false);
        }
        let mut actions = vec![self.delete_action(&letter), self.removed(&letter, removal, self.clock.now_ms())];
        if removal == Removal::Retried && letter.counted {
            let shard = keys::counter(letter.id.batch, (letter.id.index % u64::from(keys::COUNTERS)) as u8);
            actions.push(counters::change(-letters::counts(&letter), shard, None).action(&self.name));
        }
        let is_removed = self.transact(actions).await?.is_empty();
        if is_removed {
            self.forget_object(item).await;
        }
        Ok(is_removed)
    }

    fn delete_action(&self, letter: &DeadLetter) -> TransactWriteItem {
        let delete = Delete::builder()
            .table_name(&self.name)
            .set_key(Some(keys::letter(letter.id).attributes()))
            .condition_expression("m = :died")
            .expression_attribute_values(":died", number(letter.died_ms));
        TransactWriteItem::builder().delete(delete.build().expect("it has a table and a key")).build()
    }
}
