//! How long to wait before trying again: the one back-off of client, dispatcher, worker and backends. Pure: the random
//! bits are passed in.

use std::time::Duration;

/// Between half of and the whole of the first bound, doubled with each attempt, up to the second: what
/// `Options::backoff` promises. `attempt`, from 1, is the one that failed.
pub fn backoff((first, most): (Duration, Duration), attempt: u32, random: u64) -> Duration {
    let whole_ms = doubled_ms(first.as_millis() as u64, attempt, most.as_millis() as u64);
    Duration::from_millis(spread_ms(whole_ms, random))
}

/// The pause after a failure that does not count as an attempt: one second, doubled with each failure, up to `most_ms`.
pub fn pause_ms(failures: u32, most_ms: u64) -> u64 {
    doubled_ms(1000, failures, most_ms)
}

/// How long a message is put back that this program cannot run and a newer one may: it lacks the task, or cannot read
/// the parcel's version. A deploy takes minutes, so the pause grows to five.
pub fn deploy_pause_ms(receives: u32) -> u64 {
    pause_ms(receives, 5 * 60_000)
}

/// `first_ms` after the first failure, doubled with each further one, up to `most_ms`.
pub fn doubled_ms(first_ms: u64, failures: u32, most_ms: u64) -> u64 {
    first_ms.saturating_mul(2_u64.saturating_pow(failures.saturating_sub(1))).min(most_ms)
}

/// Between half of and the whole of a pause, so that callers that failed at the same time do not try again at the same
/// time.
pub fn spread_ms(whole_ms: u64, random: u64) -> u64 {
    let half_ms = whole_ms / 2;
    half_ms + random % (whole_ms - half_ms + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    const RANGE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(10));

    #[test]
    fn doubles_from_the_first_bound() {
        for (attempt, whole_ms) in [(1, 2000), (2, 4000), (3, 8000), (8, 256_000)] {
            assert_eq!(backoff(RANGE, attempt, 0), Duration::from_millis(whole_ms / 2), "the shortest of {attempt}");
            let longest = (0..=whole_ms).map(|random| backoff(RANGE, attempt, random)).max();
            assert_eq!(longest, Some(Duration::from_millis(whole_ms)), "the longest of {attempt}");
        }
    }

    #[test]
    fn ends_at_the_second_bound_however_many_attempts() {
        for attempt in [10, 64, 65, 1001, u32::MAX] {
            assert_eq!(backoff(RANGE, attempt, 0), Duration::from_mins(5));
            assert_eq!(backoff(RANGE, attempt, 300_000), Duration::from_mins(10));
        }
    }

    proptest! {
        #[test]
        fn keeps_to_its_bounds(first_ms in 0..=1_u64 << 40, more_ms in 0..=1_u64 << 40, attempt: u32, random: u64) {
            let (first, most) = (Duration::from_millis(first_ms), Duration::from_millis(first_ms + more_ms));
            let wait = backoff((first, most), attempt, random);
            prop_assert!(first.min(most) / 2 <= wait + Duration::from_millis(1) && wait <= most);
            prop_assert!(backoff((first, most), attempt.saturating_add(1), 0) >= backoff((first, most), attempt, 0));
        }
    }

    #[test]
    fn no_backoff_is_no_wait() {
        assert_eq!(backoff((Duration::ZERO, Duration::ZERO), 3, u64::MAX), Duration::ZERO);
    }

    #[test]
    fn pauses_grow_to_their_limit() {
        let pauses: Vec<_> = (0..6).map(|failures| pause_ms(failures, 10_000)).collect();
        assert_eq!(pauses, [1000, 1000, 2000, 4000, 8000, 10_000]);
        assert_eq!(pause_ms(u32::MAX, 10_000), 10_000);
    }
}
