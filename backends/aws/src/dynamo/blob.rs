//! Stores values that may be too large for an item: those become objects of the stack's bucket, named in the item.

use bytes::Bytes;

use super::{
    item::{Fields, Item, bytes, text},
    table::Table,
};
use celeriac_core::ports::PortError;

/// The attributes: the bytes, or the key of their object.
const BYTES: &str = "v";
const OBJECT: &str = "o";

/// Above this size an object costs less than the item's own bytes.
const OBJECT_FROM_BYTES: usize = 8 << 10;

impl Table {
    /// Puts bytes into an item, or, if they are large and there is a bucket, into the object with this key. If the item
    /// is never written, the object is harmless, since only the item refers to it. Returns how many bytes were added to
    /// the item.
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

/// Puts a few bytes into an item.
pub(super) fn put(item: &mut Item, packed: Vec<u8>) {
    item.insert(BYTES.to_owned(), bytes(packed));
}

/// The key of the object that an item names.
pub(super) fn object(item: &Item) -> Result<Option<&str>, PortError> {
    let fields = Fields(item);
    fields.has(OBJECT).then(|| fields.text(OBJECT)).transpose()
}

/// The error for unreadable bytes.
pub(super) fn unreadable(item: &Item) -> PortError {
    let fields = Fields(item);
    fields.unreadable(if fields.has(OBJECT) { OBJECT } else { BYTES })
}
