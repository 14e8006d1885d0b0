//! Writes that only the holder of a claim may do (rule 3): the update of the parcel's row, and what goes with it.

use aws_sdk_dynamodb::types::{ConditionCheck, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem};

use futures::future::join_all;

use super::{
    change::Change,
    counters::Counts,
    item::{Item, bytes, number, pack, text},
    keys::{self, Key},
    letters::{self, Before},
    row::{
        ParcelRow, State,
        names::{DONE, TALLY},
    },
    table::{Changed, Table},
    transaction::{MAX_ACTIONS, MAX_BYTES},
};
use crate::{
    id::ParcelId,
    ports::{PortError, Record},
};

/// How often a write looks again at dead letters that are in its way.
const ROUNDS: u32 = 8;

/// What an action has beside the bytes of its item.
const ACTION_BYTES: usize = 512;

/// What has to hold of a parcel's row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence {
    pub(super) parcel: ParcelId,
    pub(super) epoch: u64,
    pub(super) state: State,
    /// For what may be repeated while the row stays open: which write of the claim it is. A request that the network
    /// held back does not undo a later one.
    pub(super) version: Option<u64>,
}

/// What became of a fenced write.
pub(super) enum Written {
    /// It is done; the attributes that were asked for.
    Done(Item),
    /// The claim holds, but its row is in another state, or was written later.
    Passed(Box<ParcelRow>),
}

/// Something that goes with the update of a row.
#[derive(Clone)]
pub(super) struct Extra {
    pub(super) actions: Vec<TransactWriteItem>,
    /// The dead letter that the first of the actions puts in, by its place in the record.
    pub(super) letter: Option<usize>,
    /// About how large it is.
    pub(super) bytes: usize,
    /// What it takes from the counters of the batch.
    pub(super) counts: Counts,
}

impl Extra {
    pub(super) fn of(action: TransactWriteItem, bytes: usize) -> Self {
        Self { actions: vec![action], letter: None, bytes, counts: Counts::default() }
    }
}

impl Fence {
    pub(super) fn new(parcel: ParcelId, epoch: u64, state: State) -> Self {
        Self { parcel, epoch, state, version: None }
    }

    fn condition(&self) -> &'static str {
        if self.version.is_some() { "e = :epoch AND s = :state AND v < :version" } else { "e = :epoch AND s = :state" }
    }

    fn values(&self) -> impl Iterator<Item = (&'static str, aws_sdk_dynamodb::types::AttributeValue)> {
        let version = self.version.map(|version| (":version", number(version)));
        [(":epoch", number(self.epoch)), (":state", text(self.state.as_str()))].into_iter().chain(version)
    }

    /// A change of the row.
    pub(super) fn change(&self) -> Change {
        let change = Change::of(keys::parcel(self.parcel)).given(self.condition());
        self.values().fold(change, |change, (name, value)| change.with(name, value))
    }

    /// The fence alone, for a transaction that leaves the row as it is.
    fn check(&self, table: &str) -> TransactWriteItem {
        let values = self.values().map(|(name, value)| (name.to_owned(), value)).collect();
        let check = ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(keys::parcel(self.parcel).attributes()))
            .condition_expression(self.condition())
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let check = check.build().expect("a check has a table, a key and a condition");
        TransactWriteItem::builder().condition_check(check).build()
    }

    /// What a row says that does not let a write through.
    fn stopped(&self, item: Option<&Item>) -> Result<Written, PortError> {
        let row = ParcelRow::read(self.parcel, item.ok_or(PortError::Fenced)?)?;
        if row.row.epoch == self.epoch { Ok(Written::Passed(Box::new(row))) } else { Err(PortError::Fenced) }
    }
}

impl Table {
    /// Changes a row, and nothing else.
    pub(super) async fn write(&self, fence: &Fence, change: Change, answer: ReturnValue) -> Result<Written, PortError> {
        match self.update(change, answer).await? {
            Changed::Done(item) => Ok(Written::Done(item)),
            Changed::Unmet(item) => fence.stopped(item.as_ref()),
        }
    }

    /// Changes a row and writes down verdicts with it. If they are `counted`, the counters of the batch move.
    pub(super) async fn write_record(
        &self,
        fence: &Fence,
        change: Change,
        record: &Record,
        counted: bool,
    ) -> Result<Written, PortError> {
        let change = change.set(DONE, bytes(pack(&record.done))).set(TALLY, bytes(pack(&record.tally)));
        let is_plain = record.results.is_empty() && record.failures.is_empty() && record.dead.is_empty();
        if is_plain && !counted {
            return self.write(fence, change, ReturnValue::None).await;
        }
        let origin = self.origin(fence.parcel, fence.epoch).await?;
        let counted = counted && origin.recorded;
        if is_plain && !counted {
            return self.write(fence, change, ReturnValue::None).await;
        }
        let rows = self.record_items(fence, origin, record).await?;
        let letters = self.letter_items(&record.dead).await?;
        let shard = keys::counter(origin.batch, keys::counter_of(fence.parcel));
        let write = Write { fence, change, record, counts: counted.then(|| Counts::of(&record.tally)), shard };
        let mut before = Before::new();
        for _ in 0..ROUNDS {
            let extras = letters.iter().zip(&record.dead).enumerate();
            let extras = extras.map(|(at, (letter, dead))| self.put_letter(at, letter, before.get(&dead.id)));
            let groups = grouped(rows.iter().cloned().map(Ok).chain(extras))?;
            if let Some(written) = self.in_transactions(&write, groups, &mut before).await? {
                if matches!(written, Written::Done(_)) {
                    join_all(before.values().map(|item| self.forget_object(item))).await;
                }
                return Ok(written);
            }
        }
        Err(self.unavailable("write", "dead letters of the same calls come and go all the time: try again"))
    }

    /// As many transactions as it takes. The row is changed in the last of them: until then nothing is over, so that
    /// none of the dead letters can be missed. `None` if dead letters are in the way, which stand in `before` then.
    async fn in_transactions(
        &self,
        write: &Write<'_>,
        groups: Vec<Vec<Extra>>,
        before: &mut Before,
    ) -> Result<Option<Written>, PortError> {
        let mut groups = groups.into_iter().peekable();
        while let Some(group) = groups.next() {
            let is_last = groups.peek().is_none();
            let (mut actions, mut letters) = (self.head(write, &group, is_last), Vec::new());
            letters.resize(actions.len(), None);
            for extra in group {
                letters.push(extra.letter);
                actions.extend(extra.actions);
                letters.resize(actions.len(), None);
            }
            let unmet = self.transact(actions).await?;
            if let Some(row) = unmet.iter().find(|unmet| unmet.at == 0) {
                return write.fence.stopped(row.item.as_ref()).map(Some);
            }
            if !unmet.is_empty() {
                for unmet in unmet {
                    let dead = letters.get(unmet.at).copied().flatten().and_then(|at| write.record.dead.get(at));
                    dead.map_or(Ok(()), |dead| letters::learn(before, dead, unmet.item))?;
                }
                return Ok(None);
            }
        }
        Ok(Some(Written::Done(Item::new())))
    }

    /// What a transaction begins with: the row, and the counters where they move.
    fn head(&self, write: &Write<'_>, group: &[Extra], is_last: bool) -> Vec<TransactWriteItem> {
        let taken = group.iter().fold(Counts::default(), |sum, extra| sum.plus(extra.counts));
        let (row, counts, ended_ms) = match write.counts {
            Some(counts) if is_last => (write.change.clone().action(&self.name), counts, Some(self.clock.now_ms())),
            None if is_last => (write.change.clone().action(&self.name), Counts::default(), None),
            _ => (write.fence.check(&self.name), Counts::default(), None),
        };
        let counts = counts.plus(taken);
        let moved = (!counts.is_zero() || ended_ms.is_some()).then(|| counts.change(write.shard.clone(), ended_ms));
        [row].into_iter().chain(moved.map(|moved| moved.action(&self.name))).collect()
    }
}

/// A record on its way.
struct Write<'a> {
    fence: &'a Fence,
    /// Of the row.
    change: Change,
    record: &'a Record,
    /// What the counters of the batch move by.
    counts: Option<Counts>,
    /// Which of them.
    shard: Key,
}

/// What fits a transaction each, beside the row and the counters. There is always one.
fn grouped(extras: impl Iterator<Item = Result<Extra, PortError>>) -> Result<Vec<Vec<Extra>>, PortError> {
    let (mut groups, mut actions, mut bytes) = (vec![Vec::new()], 2, 0);
    for extra in extras {
        let extra = extra?;
        let more = extra.bytes + extra.actions.len() * ACTION_BYTES;
        if actions + extra.actions.len() > MAX_ACTIONS || bytes + more > MAX_BYTES {
            groups.push(Vec::new());
            (actions, bytes) = (2, 0);
        }
        (actions, bytes) = (actions + extra.actions.len(), bytes + more);
        groups.last_mut().expect("there is one").push(extra);
    }
    Ok(groups)
}
