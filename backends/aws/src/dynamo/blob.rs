//! Bytes of an item that may be too many for it: then they are an object of the stack's bucket, which the item names.

use bytes::Bytes;

use super::{
    item::{Fields, Item, bytes, text},
    table::Table,
};
use celeriac_core::ports::PortError;

/// The attributes: the bytes, or the key of their object.
const BYTES: &str = "v";
const OBJECT: &str = "o";

/// Above this an object costs less than to have it in the item.
const OBJECT_FROM_BYTES: usize = 8 << 10;

impl Table {
    /// Puts bytes into an item, or into the object of this key if they are many and there is a bucket. Whatever becomes
    /// of the item, the object is harmless: nobody finds it without. Answers how many the item has got.
    pub(super) async fn lay(&self, item: &mut Item, object: String, packed: Vec<u8>) -> Result<usize, PortError> {
        let Some(objects) = self.objects.as_ref().filter(|_| packed.len() > OBJECT_FROM_BYTES) else {
            let length = packed.len();
            put(item, packed);
            return Ok(length);
        };
        objects.put(&object, Bytes::from(packed)).await?;
        let length = object.len();
        item.insert(OBJECT.to_owned(), text(object));
        Ok(length)
    }

    /// The bytes of an item. `None` if its object is gone.
    pub(super) async fn fetch(&self, item: &Item) -> Result<Option<Bytes>, PortError> {
        let fields = Fields(item);
        let Some(key) = object(item)? else { return fields.bytes(BYTES).map(Bytes::copy_from_slice).map(Some) };
        let Some(objects) = &self.objects else {
            let what = format!(
                "a part of the ledger is object `{key}` of a bucket, and no bucket is set: set CELERIAC_BUCKET as it is set \
                 for the workers"
            );
            return Err(PortError::Refused { what });
        };
        objects.get(key).await
    }
}

/// Puts bytes into an item that are few.
pub(super) fn put(item: &mut Item, packed: Vec<u8>) {
    item.insert(BYTES.to_owned(), bytes(packed));
}

/// The key of the object that an item names.
pub(super) fn object(item: &Item) -> Result<Option<&str>, PortError> {
    let fields = Fields(item);
    fields.has(OBJECT).then(|| fields.text(OBJECT)).transpose()
}

/// The error of bytes that make no sense.
pub(super) fn unreadable(item: &Item) -> PortError {
    let fields = Fields(item);
    fields.unreadable(if fields.has(OBJECT) { OBJECT } else { BYTES })
}
