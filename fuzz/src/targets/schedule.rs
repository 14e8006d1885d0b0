//! Fuzzes the pattern of a schedule and its due times, and the durations of options.

use celeriac_core::{schedule::Schedule, task::parse_duration};

/// Times to ask for: 1970, two in 2026, one before a change of clocks, the end of the years that patterns know, and of
/// time.
const TIMES_MS: [u64; 6] = [0, 1_790_000_000_000, 1_774_745_999_999, 1_793_494_800_000, 7_258_118_400_000, u64::MAX];

/// The bytes up to a line feed are the pattern, the rest is a time zone.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = parse_duration(text);
    let (pattern, zone) = text.split_once('\n').unwrap_or((text, "UTC"));
    let Ok(schedule) = Schedule::parse(pattern, zone) else { return };
    for time_ms in TIMES_MS {
        let next = schedule.next_after(time_ms);
        assert!(next.is_none_or(|next| next > time_ms), "{pattern:?} after {time_ms}: {next:?}");
        let last = schedule.latest_between(0, time_ms);
        assert!(last.is_none_or(|last| last <= time_ms), "{pattern:?} until {time_ms}: {last:?}");
        if let Some(next) = next {
            let again = schedule.latest_between(time_ms, next);
            assert_eq!(again, Some(next), "{pattern:?} after {time_ms}: the next time is the latest once it has come");
        }
    }
}

/// Patterns of each form.
pub fn seeds() -> Vec<Vec<u8>> {
    [
        "cron(0 3 * * ? *)\nEurope/Berlin",
        "cron(0/15 8-18 ? JAN-MAR MON-FRI 2026-2030)",
        "cron(30 1 L * ? *)\nAmerica/New_York",
        "cron(0 12 15W 2,4 ? *)",
        "cron(0 0 ? * 6#3 2027/2)",
        "cron(0 0 ? * 2L *)\nAustralia/Lord_Howe",
        "cron(0 0 29 2 ? 2100)",
        "cron(0/30 20-2 ? NOV-FEB FRI-MON *)\nAmerica/Sao_Paulo",
        "30 2,14 */2 * 1-5\nEurope/Berlin",
        "@weekly\nPacific/Apia",
        "rate(5 minutes)",
        "rate(366d)",
        "30s",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
