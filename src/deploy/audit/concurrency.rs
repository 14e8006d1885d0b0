//! Judges the concurrency of the account, which all of its functions share: whether the stack's dispatchers and workers
//! have room in it.

use super::{Finding, Live, Wanted, finding::count, part::unknown};

/// What Lambda keeps unreserved for all other functions of an account (`Configuring reserved concurrency` in the guide of
/// Lambda).
const UNRESERVED: u32 = 100;

const MORE: &str = "ask for more in Service Quotas: Lambda, `Concurrent executions` (L-B99A9384)";

/// The concurrency of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Concurrency {
    /// How many functions may run at a time.
    pub(crate) limit: u32,
    /// How many of them no function has reserved.
    pub(crate) unreserved: u32,
}

pub(super) fn judge(wanted: &Wanted<'_>, live: &Live) -> Finding {
    let subject = "concurrency";
    match &live.concurrency {
        Ok(account) => judge_account(subject, wanted, live, *account),
        Err(why) => unknown(subject, why),
    }
}

fn judge_account(subject: &str, wanted: &Wanted<'_>, live: &Live, account: Concurrency) -> Finding {
    let (settings, limit) = (wanted.settings(), account.limit);
    let own = wanted.of_kind("AWS::Lambda::Function");
    let reserves: u32 =
        own.map(|(_, function)| function["ReservedConcurrentExecutions"].as_u64().unwrap_or(0) as u32).sum();
    let reserved: u32 = live.functions.values().filter_map(|one| one.as_ref().ok()?.as_ref()?.reserved).sum();
    // What the other functions of the account leave, and what is left of that once the settings are deployed.
    let room = account.unreserved + reserved;
    if reserves > 0 && room < reserves + UNRESERVED {
        return Finding::error(
            subject,
            format!(
                "the stack's functions reserve {reserves}, but the account has {room} of {limit} to give, and Lambda keeps \
                 {UNRESERVED} of them unreserved: lower `worker.reserved_concurrency` and `dispatcher.reserved_concurrency`, or leave \
                 them out, or {MORE}"
            ),
        );
    }
    let room = room - reserves;
    let (wide, each) = (wanted.wide(), settings.dispatchers());
    let queues = count(wide as usize, "wide queue");
    let cap = if wide > 0 && settings.worker.reserved_concurrency.is_none() { settings.cap } else { 0 };
    let dispatchers = if settings.dispatcher.reserved_concurrency.is_none() { wide * each } else { 0 };
    let narrow = if settings.worker.reserved_concurrency.is_none() { wanted.narrow() } else { 0 };
    if cap + dispatchers > room {
        return Finding::error(
            subject,
            format!(
                "{cap} workers (`cap`) and {dispatchers} dispatchers ({queues}) may run at a time, but the account \
                 has room for {room} of its {limit}: dispatchers would take the room that their workers need, and a backlog would crawl. \
                 {}, or {MORE}",
                smaller(wanted, room)
            ),
        );
    }
    let all = cap + dispatchers + narrow;
    if all > room {
        return Finding::warning(
            subject,
            format!(
                "up to {all} functions may run at a time, {narrow} of them for narrow queues, but the account has room for \
                 {room} of its {limit}: lower `queues.NAME.concurrency`, or {MORE}"
            ),
        );
    }
    let reserving = if reserves > 0 { format!(", besides {reserves} that are reserved") } else { String::new() };
    Finding::ok(
        subject,
        format!(
            "at most {all} functions of the stack run at a time{reserving}; the account has room for {room} of its {limit}"
        ),
    )
}

/// What to set `cap` to, so that workers and dispatchers have room.
fn smaller(wanted: &Wanted<'_>, room: u32) -> String {
    let (mut settings, wide) = (wanted.settings().clone(), wanted.wide());
    let fits = (1..=room.min(settings.cap)).rev().find(|cap| {
        settings.cap = *cap;
        let dispatchers =
            if settings.dispatcher.reserved_concurrency.is_none() { wide * settings.dispatchers() } else { 0 };
        cap + dispatchers <= room
    });
    match fits {
        Some(cap) => format!("Set `cap = {cap}`"),
        None => format!(
            "No `cap` is small enough for the dispatchers of {}: set `dispatcher.concurrency = 2`, or \
             `queues.NAME.road = \"narrow\"`",
            count(wide as usize, "wide queue")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Level, testing::Stage},
        *,
    };

    fn judged(settings: &str, limit: u32, unreserved: u32) -> Finding {
        let mut stage = Stage::new(settings);
        stage.live.concurrency = Ok(Concurrency { limit, unreserved });
        stage.judge(|wanted, live| vec![judge(wanted, live)]).remove(0)
    }

    #[test]
    fn a_cap_beyond_the_account_is_an_error_that_names_the_one_that_fits() {
        let finding = judged("", 10, 10);
        assert_eq!(finding.level, Level::Error);
        assert!(
            finding.text.starts_with("100 workers (`cap`) and 3 dispatchers (1 wide queue) may run at a time, but")
        );
        assert!(
            finding.text.contains("has room for 10 of its 10: ") && finding.text.contains(". Set `cap = 8`, or ask")
        );
        let next = judged("cap = 8", 10, 10);
        assert_eq!(
            (next.level, &*next.text),
            (Level::Ok, "at most 10 functions of the stack run at a time; the account has room for 10 of its 10")
        );
        assert_eq!(judged("cap = 9", 10, 10).level, Level::Error);
    }

    #[test]
    fn reserved_concurrency_leaves_a_hundred_to_the_account() {
        let judged = |unreserved: u32, has: Option<u32>| {
            let mut stage = Stage::new("cap = 20\nworker.reserved_concurrency = 20");
            stage.live.concurrency = Ok(Concurrency { limit: 1_000, unreserved });
            stage.function("Worker").reserved = has;
            stage.judge(|wanted, live| vec![judge(wanted, live)]).remove(0)
        };
        assert_eq!(judged(120, None).level, Level::Ok);
        let finding = judged(119, None);
        assert_eq!(finding.level, Level::Error);
        assert!(finding.text.starts_with("the stack's functions reserve 20, but the account has 119 of 1000 to give"));
        // What the stack has reserved already is its own.
        assert_eq!(judged(100, Some(20)).level, Level::Ok);
        assert_eq!(judged(99, Some(20)).level, Level::Error);
    }

    #[test]
    fn too_many_narrow_workers_are_a_warning() {
        let narrow = "cap = 8\n[queues.hooks]\nroad = \"narrow\"\nconcurrency = 50";
        assert_eq!(judged(narrow, 1_000, 60).level, Level::Ok);
        let finding = judged(narrow, 1_000, 59);
        assert_eq!(finding.level, Level::Warning);
        assert!(finding.text.contains("lower `queues.NAME.concurrency`"), "{}", finding.text);
    }

    #[test]
    fn an_account_without_room_for_dispatchers_says_how_to_do_without() {
        let finding = judged("[queues.a]\n[queues.b]\n[queues.c]\n[queues.d]\n[queues.e]", 10, 10);
        assert!(
            finding.text.contains("No `cap` is small enough for the dispatchers of 6 wide queues"),
            "{}",
            finding.text
        );
    }
}
