//! Tests the memory of reading a ledger's rows. A file's row may have any size. A program that can write it can do
//! anything else too, but its reader must see what is wrong.

use celeriac_core::{
    ports::{DeadLetter, Entry, Failure, ResultRow, Seal, Tally, Window, entries},
    wire::decode_args,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    ROOM, pack,
    peak::{self, hold},
};

/// The smallest failure, and the smallest result, of the call with this index, which is below 128.
fn failure(index: u8) -> Vec<u8> {
    [&[0x97, index][..], b"\x01\x00\x00\xa0\xa0\xa0"].concat()
}

fn result(index: u8) -> Vec<u8> {
    [&[0x92, index][..], b"\xc4\x00"].concat()
}

fn about<T: Entry>(row: &[u8]) -> Result<usize, String> {
    entries::<T>(row, 7).map(|found| found.len()).map_err(|error| error.to_string())
}

#[test]
fn records_of_other_calls_take_no_memory() {
    let _alone = peak::alone();
    let many = |one: Vec<u8>| pack::list(ROOM / 2, &one);
    assert_eq!(hold("failures of others", &many(failure(1)), about::<Failure>), Ok(0));
    assert_eq!(hold("results of others", &many(result(1)), about::<ResultRow>), Ok(0));
    let refused = Err("more than 4096 entries about call 7".to_owned());
    assert_eq!(hold("failures of one call", &many(failure(7)), about::<Failure>), refused);
    assert_eq!(hold("results of one call", &many(result(7)), about::<ResultRow>), refused);
}

#[test]
fn a_seal_of_more_children_than_there_may_be_is_refused() {
    let _alone = peak::alone();
    let children = pack::list(ROOM, b"\x93\xc4\x00\x01\x00");
    let said = hold("a seal", &[&b"\x81\xa8children"[..], &children].concat(), |row| {
        decode_args::<Seal>(row).unwrap_err().to_string()
    });
    assert_eq!(said, "more than 8 children");
}

/// Reads anything in place of a row, or of one of its values.
fn read<T: DeserializeOwned + Serialize>(what: &str, row: &[u8]) {
    hold(what, row, |row| {
        if let Err(error) = decode_args::<T>(row) {
            let said = error.to_string();
            assert!(said.len() < 4000, "{} bytes are said", said.len());
        }
    });
}

#[test]
fn errors_for_a_wrong_row_take_no_memory() {
    let _alone = peak::alone();
    for (what, value) in pack::fillings() {
        for name in ["children", "calls", "succeeded", "args", "message"] {
            let row = [&[0x81, 0xd9, name.len() as u8], name.as_bytes(), &value].concat();
            let what = format!("{what} for `{name}`");
            match name {
                "children" => read::<Seal>(&what, &row),
                "calls" => read::<Window>(&what, &row),
                "succeeded" => read::<Tally>(&what, &row),
                _ => read::<DeadLetter>(&what, &row),
            }
        }
        let _ = hold(&format!("{what} for failures"), &value, about::<Failure>);
        let _ = hold(&format!("{what} for results"), &value, about::<ResultRow>);
    }
}
