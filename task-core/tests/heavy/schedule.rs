//! Tests patterns of schedules, which are short and part of the program.

use celeriac_core::schedule::Schedule;

use crate::{
    ROOM,
    peak::{self, hold},
};

#[test]
fn a_long_pattern_is_refused_unread() {
    let _alone = peak::alone();
    for (what, pattern) in [
        ("fields", format!("cron({})", "0 ".repeat(ROOM / 2))),
        ("items", format!("cron({}0 3 * * ? *)", "0,".repeat(ROOM / 2))),
        ("letters", format!("cron({} 3 * * ? *)", "ß".repeat(ROOM / 2))),
        ("digits of a rate", format!("rate({} minutes)", "0".repeat(ROOM))),
        ("another form", "?".repeat(ROOM)),
    ] {
        let said = hold(&format!("a pattern of {what}"), pattern.as_bytes(), |pattern| {
            Schedule::parse(std::str::from_utf8(pattern).unwrap(), "UTC").unwrap_err().to_string()
        });
        assert_eq!(said, format!("a pattern of {} bytes; at most 256", pattern.len()));
    }
    let zone = "Z".repeat(ROOM);
    hold("a zone", zone.as_bytes(), |zone| {
        Schedule::parse("cron(0 3 * * ? *)", std::str::from_utf8(zone).unwrap()).unwrap_err().to_string()
    });
}
