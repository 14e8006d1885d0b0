//! Records verdicts: the update of the parcel's row and all items that belong to it, in as few transactions as
//! possible.

use aws_sdk_dynamodb::types::{ReturnValue, TransactWriteItem};
use futures::future::join_all;

use super::{
    change::Change,
    counters,
    fence::{Fence, Written},
    item::{Item, bytes, number, pack},
    keys::{self, Key},
    letters::{self, Before, Letter},
    row::{
        ParcelRow,
        names::{DONE, TALLY, VERSION},
    },
    table::Table,
    transaction::{MAX_ACTIONS, MAX_BYTES},
};
use celeriac_core::{
    bitmap::Bitmap,
    ports::{Counts, PortError, Record, Tally},
};

/// How often a transaction is retried because of dead letters in its way.
const ROUNDS: u32 = 8;

/// The actions at the start of a transaction: the row and the counters.
const HEAD: usize = 2;

/// The size of an action without its item.
const ACTION_BYTES: usize = 512;

/// An action that accompanies the update of a row.
#[derive(Clone)]
pub(super) struct Extra {
    pub(super) actions: Vec<TransactWriteItem>,
    /// The dead letter that its first action adds, by its index in the record.
    pub(super) letter: Option<usize>,
    /// Its approximate size.
    pub(super) bytes: usize,
    /// Counts to subtract from the batch's counters.
    pub(super) counts: Counts,
}

impl Extra {
    pub(super) fn of(action: TransactWriteItem, bytes: usize) -> Self {
        Self { actions: vec![action], letter: None, bytes, counts: Counts::default() }
    }
}

/// A record that is being written.
struct Write<'a> {
    fence: &'a Fence,
    /// The change of the row.
    change: Change,
    record: &'a Record,
    /// The change of the batch's counters.
    counts: Option<Counts>,
    /// The shard of the counters.
    shard: Key,
    rows: Vec<Extra>,
    letters: Vec<Letter>,
    /// Existing letters that are in the way.
    before: Before,
    /// The row's verdicts before the first of several transactions.
    recorded: Option<(Bitmap, Tally)>,
}

/// The outcome of a transaction.
enum Step {
    Done,
    /// The row refused it.
    Stopped(Written),
    /// Existing dead letters were in the way of the letters with these indexes in the record.
    Blocked(Vec<(usize, Option<Item>)>),
}

impl Table {
    /// Changes a row and records verdicts with it. If they are `counted`, the batch's counters change too.
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
        let counts = (counted && origin.counted).then(|| Counts::of(&record.tally));
        if is_plain && counts.is_none() {
            return self.write(fence, change, ReturnValue::None).await;
        }
        let rows = self.record_items(fence, origin, record).await?;
        let letters = self.letter_items(record.dead.iter().map(|(_, letter)| letter)).await?;
        let shard = keys::counter(origin.batch, keys::counter_of(fence.parcel));
        let (before, recorded) = (Before::new(), None);
        self.in_transactions(Write { fence, change, record, counts, shard, rows, letters, before, recorded }).await
    }

    /// Each transaction records the verdicts of the dead letters that it adds, and the last one all verdicts. If the
    /// parcel is claimed after half of them, no letter is missing, and no call with a letter runs again.
    async fn in_transactions(&self, mut write: Write<'_>) -> Result<Written, PortError> {
        let (mut from, mut rounds) = (0, 0);
        while rounds < ROUNDS {
            let group = write.group(self, from)?;
            let upto = from + group.len();
            let is_last = upto == write.rows.len() + write.letters.len();
            if !is_last && write.recorded.is_none() {
                match self.bar(write.fence).await? {
                    Written::Done(item) => write.recorded = Some(verdicts(write.fence, &item)?),
                    passed @ Written::Passed(_) => return Ok(passed),
                }
            }
            match self.in_transaction(&write, group, (!is_last).then_some(upto)).await? {
                Step::Done if is_last => {
                    join_all(write.before.values().map(|item| self.forget_object(item))).await;
                    return Ok(Written::Done(Item::new()));
                }
                Step::Done => (from, rounds) = (upto, 0),
                Step::Stopped(written) => return Ok(written),
                Step::Blocked(found) => {
                    for (at, found) in found {
                        letters::learn(&mut write.before, &write.record.dead[at].1, found)?;
                    }
                    rounds += 1;
                }
            }
        }
        Err(self.unavailable("write", "dead letters of the same calls come and go all the time: try again"))
    }

    /// Reads a row that takes several transactions, and bars delayed earlier recordings of the same claim, which would
    /// undo the first transaction.
    async fn bar(&self, fence: &Fence) -> Result<Written, PortError> {
        let version = fence.version.unwrap_or_else(|| self.next_version());
        self.write(fence, fence.change().set(VERSION, number(version)), ReturnValue::AllNew).await
    }

    /// Writes a group of actions: the last group, or the one that ends before `upto`.
    async fn in_transaction(
        &self,
        write: &Write<'_>,
        group: Vec<Extra>,
        upto: Option<usize>,
    ) -> Result<Step, PortError> {
        let mut actions = write.head(self, &group, upto);
        let mut letters = vec![None; actions.len()];
        for extra in group {
            letters.push(extra.letter);
            actions.extend(extra.actions);
            letters.resize(actions.len(), None);
        }
        let unmet = self.transact(actions).await?;
        if let Some(row) = unmet.iter().find(|unmet| unmet.at == 0) {
            return write.fence.stopped(row.item.as_ref()).map(Step::Stopped);
        }
        if unmet.is_empty() {
            return Ok(Step::Done);
        }
        let blocked = unmet.into_iter().filter_map(|unmet| Some((letters.get(unmet.at).copied()??, unmet.item)));
        Ok(Step::Blocked(blocked.collect()))
    }
}

impl Write<'_> {
    /// The next actions from `from` on, as many as fit one transaction.
    fn group(&self, table: &Table, from: usize) -> Result<Vec<Extra>, PortError> {
        let (mut group, mut actions, mut bytes) = (Vec::new(), HEAD, 0);
        for at in from..self.rows.len() + self.letters.len() {
            let extra = self.extra(table, at)?;
            actions += extra.actions.len();
            bytes += extra.bytes + extra.actions.len() * ACTION_BYTES;
            if actions > MAX_ACTIONS || (bytes > MAX_BYTES && !group.is_empty()) {
                break;
            }
            group.push(extra);
        }
        Ok(group)
    }

    fn extra(&self, table: &Table, at: usize) -> Result<Extra, PortError> {
        let Some(letter_at) = at.checked_sub(self.rows.len()) else { return Ok(self.rows[at].clone()) };
        let before = self.before.get(&self.record.dead[letter_at].1.id);
        table.put_letter(letter_at, &self.letters[letter_at], before)
    }

    /// The start of a transaction: the row, and the counters if they change.
    fn head(&self, table: &Table, group: &[Extra], upto: Option<usize>) -> Vec<TransactWriteItem> {
        let row = upto.map_or_else(|| self.change.clone(), |upto| self.part(upto));
        let own = self.counts.filter(|_| upto.is_none());
        let counts = group.iter().fold(own.unwrap_or_default(), |sum, extra| sum + extra.counts);
        let moved = (own.is_some() || counts != Counts::default()).then(|| {
            let ended_ms = own.map(|_| table.clock.now_ms());
            counters::change(counts, self.shard.clone(), ended_ms).action(&table.name)
        });
        [row.action(&table.name)].into_iter().chain(moved).collect()
    }

    /// The change of the row that records the dead letters of the actions before `upto`.
    fn part(&self, upto: usize) -> Change {
        let (mut done, mut tally) = self.recorded.clone().unwrap_or_default();
        for (position, letter) in &self.record.dead[..upto.saturating_sub(self.rows.len())] {
            if done.insert(*position) {
                tally.died(letter.reason);
            }
        }
        self.fence.change().set(DONE, bytes(pack(&done))).set(TALLY, bytes(pack(&tally)))
    }
}

/// The verdicts in a row.
fn verdicts(fence: &Fence, item: &Item) -> Result<(Bitmap, Tally), PortError> {
    let row = ParcelRow::read(fence.parcel, item)?;
    Ok((row.row.done, row.tally))
}
