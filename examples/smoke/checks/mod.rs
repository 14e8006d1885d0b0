//! The checks: each calls tasks and looks at the results.

mod failures;
mod limits;
mod roads;
mod time;

use anyhow::Result;
use futures::future::BoxFuture;

use super::site::Site;

/// One check of a deployment.
pub struct Check {
    /// Its name on the command line and in the report.
    pub name: &'static str,
    /// Whether it takes longer than two minutes.
    pub slow: bool,
    /// How many calls it makes.
    pub calls: u64,
    /// Runs the check. Returns what it measured.
    pub run: fn(&Site) -> BoxFuture<'_, Result<String>>,
}

/// Lists checks: name, calls, function.
macro_rules! checks {
    ($($name:literal $calls:literal $(slow $slow:literal)? => $check:path),* $(,)?) => {
        pub const ALL: &[Check] = &[$(Check {
            name: $name,
            slow: false $(|| $slow)?,
            calls: $calls,
            run: |site| Box::pin($check(site)),
        }),*];
    };
}

checks! {
    "wide road" 1000 => roads::wide,
    "narrow road" 20 => roads::narrow,
    "retries" 50 => failures::retries,
    "dead letters" 1 => failures::dead_letters,
    "time-out" 1 => failures::time_out,
    "blocked thread" 1 => failures::blocked_thread,
    "killer call" 21 => failures::killer_call,
    "left-overs" 60 => limits::left_overs,
    "many hops" 1 => limits::many_hops,
    "large arguments" 1 => limits::large_arguments,
    "revoked batch" 30 => limits::revoked_batch,
    "short delay" 1 => time::short_delay,
    "schedule" 1 => time::schedule,
    "long delay" 1 slow true => time::long_delay,
}
