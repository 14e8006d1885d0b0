//! Tests the memory of arguments and results shown as JSON by `dead show`, `dead list` and `status`.

use std::io;

use celeriac_core::wire::Json;

use crate::{
    ROOM, pack,
    peak::{self, hold},
};

#[test]
fn json_is_written_in_fixed_memory() {
    let _alone = peak::alone();
    for (what, value) in pack::fillings() {
        let value = bytes::Bytes::from(value);
        // This writes all of it to nowhere, to see whether it can be written.
        let json = hold(&format!("{what} as JSON"), &value, |_| Json::of(value.clone()).unwrap());
        if value.len() > ROOM {
            hold(&format!("{what} as a document"), &value, |_| {
                serde_json::to_writer_pretty(io::sink(), &json).unwrap();
            });
        }
    }
}
