//! The items of dead letters, and the writes that add or remove one.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use bytes::Bytes;

use super::{
    blob,
    item::{Fields, Item, TTL, bytes, number, pack, seconds, text, unpack},
    keys,
    records::{self, Rows},
    table::{Table, all},
    write::Extra,
};
use celeriac_core::{
    id::TaskId,
    ports::{Counts, DeadLetter, Failure, PortError, Removal, Tally},
};

/// The attributes.
const DIED: &str = "m";
const TASK: &str = "k";
/// Everything except the arguments.
const LETTER: &str = "d";

/// As long as a call that was sent again may run and its row is kept.
const KEEP_REMOVED_MS: u64 = 16 * 24 * 3600 * 1000;

/// Existing letters in the places of new ones.
pub(super) type Before = HashMap<TaskId, Item>;

/// A new letter: its item, and its size.
pub(super) struct Letter {
    item: Item,
    died_ms: u64,
    bytes: usize,
}

/// A letter without its arguments.
pub(super) fn read(item: &Item) -> Result<DeadLetter, PortError> {
    let fields = Fields(item);
    unpack(fields.bytes(LETTER)?).ok_or_else(|| fields.unreadable(LETTER))
}

/// How a dead call counts in its batch.
pub(super) fn counts(letter: &DeadLetter) -> Counts {
    if letter.counted { Counts::of(&Tally::one(letter.reason)) } else { Counts::default() }
}

/// Notes an existing letter in the place of a new one.
pub(super) fn learn(before: &mut Before, letter: &DeadLetter, found: Option<Item>) -> Result<(), PortError> {
    match found {
        Some(found) if read(&found)?.died_ms != letter.died_ms => before.insert(letter.id, found),
        // Removed in the meantime, or added by an earlier transaction than the one that failed.
        _ => before.remove(&letter.id),
    };
    Ok(())
}

impl Table {
    /// The items of letters. Arguments too large for an item become an object, which is deleted with the letter.
    pub(super) async fn letter_items(
        &self,
        letters: impl Iterator<Item = &DeadLetter>,
    ) -> Result<Vec<Letter>, PortError> {
        all(letters.map(|letter| self.letter_item(letter)).collect()).await
    }

    async fn letter_item(&self, letter: &DeadLetter) -> Result<Letter, PortError> {
        let DeadLetter { id, died_ms, .. } = *letter;
        let head = pack(&DeadLetter { args: Bytes::new(), ..letter.clone() });
        let length = head.len();
        let mut item = keys::letter(id).attributes();
        item.extend([
            (DIED.to_owned(), number(died_ms)),
            (TASK.to_owned(), text(&letter.task)),
            (LETTER.to_owned(), bytes(head)),
        ]);
        let object = format!("dead/{}/{}-{died_ms}", id.batch, id.index);
        let bytes = length + self.lay(&mut item, object, pack(serde_bytes::Bytes::new(&letter.args))).await?;
        Ok(Letter { item, died_ms, bytes })
    }

    /// Adds a dead letter. An existing letter from another death of the call was retried, and its sender has not
    /// removed it yet.
    pub(super) fn put_letter(&self, at: usize, letter: &Letter, before: Option<&Item>) -> Result<Extra, PortError> {
        let died = |ms: u64| Item::from([(":died".to_owned(), number(ms))]);
        let item = letter.item.clone();
        let Some(before) = before.map(read).transpose()? else {
            let put = self.put_action_if(item, "attribute_not_exists(pk) OR m = :died", died(letter.died_ms));
            return Ok(Extra { letter: Some(at), ..Extra::of(put, letter.bytes) });
        };
        let put = self.put_action_if(item, "m = :died", died(before.died_ms));
        let entry = self.removed(&before, Removal::Retried, letter.died_ms);
        let counts = -counts(&before);
        let bytes = letter.bytes + before.message.len();
        Ok(Extra { actions: vec![put, entry], letter: Some(at), bytes, counts })
    }

    /// A complete letter.
    pub(super) async fn letter(&self, item: &Item) -> Result<DeadLetter, PortError> {
        let letter = read(item)?;
        let Some(packed) = self.fetch(item).await? else {
            let what = format!("the arguments of dead letter {} are gone from the stack's bucket: drop it", letter.id);
            return Err(PortError::Refused { what });
        };
        let args: serde_bytes::ByteBuf = unpack(&packed).ok_or_else(|| blob::unreadable(item))?;
        Ok(DeadLetter { args: Bytes::from(args.into_vec()), ..letter })
    }

    /// Deletes the object of a removed letter. If that fails, it costs a few cents and does no harm.
    pub(super) async fn forget_object(&self, item: &Item) {
        let (Some(objects), Ok(Some(key))) = (&self.objects, blob::object(item)) else { return };
        if let Err(error) = objects.delete(key).await {
            tracing::warn!(%error, "an object that nothing needs any more was left");
        }
    }

    /// Keeps the reason of a removed dead letter.
    pub(super) fn removed(&self, letter: &DeadLetter, removal: Removal, now_ms: u64) -> TransactWriteItem {
        let entry = Failure {
            index: letter.id.index,
            attempt: letter.attempts,
            at_ms: letter.died_ms,
            took_ms: 0,
            kind: removal.as_str().to_owned(),
            message: letter.message.clone(),
            worker: String::new(),
        };
        let rows = Rows::of_failure(&entry);
        let mut item = records::item(&keys::removed(letter.id, letter.died_ms), now_ms, &rows);
        item.insert(TTL.to_owned(), seconds(now_ms.saturating_add(KEEP_REMOVED_MS)));
        blob::put(&mut item, pack(&rows));
        self.put_action(item)
    }
}
