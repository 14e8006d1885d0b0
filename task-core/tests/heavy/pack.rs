//! Writes `MessagePack` that no program would write: as many values of one kind as fit.

use celeriac_core::wire::MAX_DEPTH;

use crate::ROOM;

/// The bytes of small values. No more than a fifth of the largest input, since a debug build takes a second for some
/// millions of them. Keeping even 20 bytes for each would still be noticed.
const MANY: usize = ROOM / 5;

/// Makes an argument.
type Fill = fn() -> Vec<u8>;

/// The fillings of an argument, each with its name.
pub(crate) fn fillings() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let filled: [(&str, Fill); 13] = [
        ("nils", || list(MANY, b"\xc0")),
        ("booleans", || list(MANY, b"\xc3")),
        ("numbers", || list(MANY, b"\x07")),
        ("reals", || list(MANY, b"\xca\xff\x7f\xff\xff")),
        ("empty texts", || list(MANY, b"\xa0")),
        ("empty lists", || list(MANY, b"\x90")),
        ("empty maps", || list(MANY, b"\x80")),
        ("empty extensions", || list(MANY, b"\xc7\x00\x01")),
        ("a map", map),
        ("wide levels", levels),
        ("a text", || text(ROOM)),
        ("bytes", || sized(0xc6, &[], b'\xff')),
        ("an extension", || sized(0xc9, &[5], b'\xff')),
    ];
    filled.into_iter().map(|(what, fill)| (what, fill()))
}

/// A list of as many of these items as fit into this many bytes.
pub(crate) fn list(room: usize, item: &[u8]) -> Vec<u8> {
    let count = room / item.len();
    [&[0xdd], &(count as u32).to_be_bytes()[..], &item.repeat(count)].concat()
}

/// A map of as many keys of three bytes as fit, all different, and nils.
fn map() -> Vec<u8> {
    let count = MANY / 5;
    let mut map = [&[0xdf], &(count as u32).to_be_bytes()[..]].concat();
    for key in 0..count as u32 {
        // Digits in base 128, which are ASCII.
        let digit = |place: u32| (key >> (7 * place)) as u8 & 0x7f;
        map.extend_from_slice(&[0xa3, digit(2), digit(1), digit(0), 0xc0]);
    }
    map
}

/// Nested lists, as deep as allowed, with nils on each level.
fn levels() -> Vec<u8> {
    let depth = MAX_DEPTH - 8;
    let width = MANY / depth - 5;
    let level = [&[0xdd], &(width as u32 + 1).to_be_bytes()[..], &vec![0xc0; width]].concat();
    [&level.repeat(depth), &[0xc0][..]].concat()
}

/// A text of this many characters, each of which is shown as five or six.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    [&[0xdb], &(bytes as u32).to_be_bytes()[..], &vec![1; bytes]].concat()
}

fn sized(marker: u8, kind: &[u8], byte: u8) -> Vec<u8> {
    [&[marker], &(ROOM as u32).to_be_bytes()[..], kind, &vec![byte; ROOM]].concat()
}
