//! Writes the page. Its tables are between marks, so that handwritten text stays.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use crate::{
    Found, Outcome, Rival,
    mail::STEP,
    plot::{self, Failed, Line, count, duration},
    rivals,
};

/// The runs for the page.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// The large runs.
    pub outcomes: Vec<Outcome>,
    /// The planner's choices.
    pub found: Vec<Found>,
    /// The numbers of calls and of workers for which the ways are drawn side by side.
    pub drawn: (u64, usize),
}

/// Writes tables and drawings. `docs` is the folder of the page.
///
/// # Errors
/// When a file cannot be read or written.
pub fn write(docs: &Path, runs: &Runs) -> Result<(), Failed> {
    let drawings = docs.join("scale");
    fs::create_dir_all(&drawings)?;
    let page = docs.join("scale.md");
    let mut text = fs::read_to_string(&page)?;
    text = between(&text, "runs", &table_of_runs(&runs.outcomes))?;
    text = between(&text, "requests", &table_of_requests(&runs.outcomes))?;
    let (calls, workers) = runs.drawn;
    if let Some(outcome) = runs.outcomes.iter().find(|of| (of.setup.calls, of.setup.workers) == (calls, workers)) {
        let others = rivals::all(&outcome.setup);
        text = between(&text, "ways", &table_of_ways(outcome, &others))?;
        draw_starts(&drawings.join("started.svg"), outcome, &others)?;
        draw_times(&drawings.join("time.svg"), &runs.outcomes, calls)?;
        draw_dollars(&drawings.join("dollars.svg"), outcome, &others)?;
    }
    text = between(&text, "planner", &table_of_planner(&runs.found))?;
    fs::write(page, text)?;
    Ok(())
}

/// Puts a table between its marks.
fn between(text: &str, name: &str, table: &str) -> Result<String, Failed> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&begin).ok_or_else(|| format!("the page has no mark `{}`", begin.trim()))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| format!("the page has no mark `{end}`"))?;
    Ok(format!("{before}{begin}{table}{end}{after}"))
}

fn table_of_runs(outcomes: &[Outcome]) -> String {
    let mut table = String::from(
        "| calls | workers | dispatchers | table, writes/s | bound | all accepted | all started | all done | over the bound | $ \
         | $ a million | most workers | most dispatchers | MB in one's hands | most in flight |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for outcome in outcomes {
        let (setup, bound) = (&outcome.setup, outcome.setup.bound());
        let over = outcome.done.as_secs_f64() / bound.as_secs_f64();
        let dollars = outcome.bill.dollars();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {} | {} | ×{over:.2} | {dollars:.2} | {:.4} | {} | {} | {:.1} | {} |",
            count(setup.calls as f64),
            count(setup.workers as f64),
            setup.dispatchers,
            count(setup.table_writes),
            duration(bound),
            duration(outcome.accepted),
            duration(outcome.started.last),
            duration(outcome.done),
            dollars * 1e6 / setup.calls as f64,
            count(outcome.most_workers as f64),
            outcome.most_dispatchers,
            outcome.dispatcher_bytes as f64 / 1e6,
            count(outcome.in_flight as f64),
        );
    }
    table
}

/// The requests to AWS for a million calls.
fn table_of_requests(outcomes: &[Outcome]) -> String {
    const KINDS: [(&str, &str, &str); 9] = [
        ("SQS", "SendMessageBatch", "send"),
        ("SQS", "ReceiveMessage", "receive"),
        ("SQS", "ChangeMessageVisibilityBatch", "hide"),
        ("SQS", "DeleteMessageBatch", "delete"),
        ("Lambda", "Invoke", "Invoke"),
        ("DynamoDB", "BatchGetItem", "read"),
        ("DynamoDB", "GetItem", "look"),
        ("DynamoDB", "UpdateItem", "update"),
        ("DynamoDB", "TransactWriteItems", "transaction"),
    ];
    let mut table = String::from("| calls | workers | units in all |");
    for (_, _, name) in KINDS {
        let _ = write!(table, " {name} |");
    }
    table.push_str(" throttled writes | events without room | GB-seconds |\n");
    let _ = writeln!(table, "|{}", " ---: |".repeat(KINDS.len() + 6));
    for outcome in outcomes {
        let (setup, millions) = (&outcome.setup, outcome.setup.calls as f64 / 1e6);
        let units = |service: &str, operation: &str| {
            let line = outcome.bill.lines.iter().find(|line| line.service == service && line.operation == operation);
            line.map_or(0.0, |line| line.units) / millions
        };
        let _ = write!(
            table,
            "| {} | {} | {} |",
            count(setup.calls as f64),
            count(setup.workers as f64),
            count((outcome.bill.units() / millions).round())
        );
        for (service, operation, _) in KINDS {
            let _ = write!(table, " {} |", count(units(service, operation).round()));
        }
        let _ = writeln!(
            table,
            " {} | {} | {:.0} |",
            count(outcome.throttled_writes as f64 / millions),
            count(outcome.throttled_events as f64 / millions),
            units("Lambda", "GB-seconds")
        );
    }
    table
}

fn table_of_ways(outcome: &Outcome, others: &[Rival]) -> String {
    let mut table = String::from(
        "| way | all started | all done | requests and units | $ | what binds |\n| --- | ---: | ---: | ---: | ---: | --- |\n",
    );
    let _ = writeln!(
        table,
        "| **Celeriac**, simulated | {} | {} | {} | {:.2} | see above |",
        duration(outcome.started.last),
        duration(outcome.done),
        count(outcome.bill.units().round()),
        outcome.bill.dollars()
    );
    for rival in others {
        let Rival { name, started, done, requests, dollars, binds, .. } = rival;
        let (started, done, requests) = (duration(*started), duration(*done), count(requests.round()));
        let _ = writeln!(table, "| {name} | {started} | {done} | {requests} | {dollars:.2} | {binds} |");
    }
    table
}

fn table_of_planner(found: &[Found]) -> String {
    let mut table = String::from(
        "| a call takes | calls | cap | planner: calls a parcel | time | $ a million | quickest at no more dollars | longer by \
         | cheapest in no more time | dearer by |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | --- | ---: |\n",
    );
    for of in found {
        let millions = of.setup.calls as f64 / 1e6;
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {:.3} | {} calls: {} | {:.0} % | {} calls: ${:.3} | {:.0} % |",
            duration(of.setup.length.takes()),
            count(of.setup.calls as f64),
            of.setup.workers,
            of.planned.calls_per_parcel,
            duration(of.planned.time),
            of.planned.dollars / millions,
            of.quickest.calls_per_parcel,
            duration(of.quickest.time),
            of.slower() * 100.0,
            of.cheapest.calls_per_parcel,
            of.cheapest.dollars / millions,
            of.dearer() * 100.0,
        );
    }
    table
}

fn draw_starts(path: &Path, outcome: &Outcome, others: &[Rival]) -> Result<(), Failed> {
    let mut sum = 0;
    let steps = outcome.started.steps.iter().enumerate().filter(|(_, calls)| **calls > 0);
    let ours = steps.map(|(at, calls)| {
        sum += calls;
        ((at as f64 + 1.0) * STEP.as_secs_f64(), sum as f64)
    });
    let mut lines = vec![Line { name: "Celeriac".to_owned(), points: ours.collect() }];
    for rival in others {
        let points = rival.starts.iter().copied().filter(|(_, calls)| *calls >= 1.0);
        lines.push(Line { name: rival.name.to_owned(), points: points.collect() });
    }
    let title = format!(
        "{} calls of 50 ms started, {} workers",
        count(outcome.setup.calls as f64),
        count(outcome.setup.workers as f64)
    );
    plot::lines(path, &title, ("since fan_out", 0.1..1e6), ("calls started", 1.0..1e10), &lines, false)
}

fn draw_times(path: &Path, outcomes: &[Outcome], calls: u64) -> Result<(), Failed> {
    let mut ours: Vec<&Outcome> = outcomes.iter().filter(|of| of.setup.calls == calls).collect();
    // Of runs that differ only in something else, the first.
    ours.sort_by_key(|of| of.setup.workers);
    ours.dedup_by_key(|of| of.setup.workers);
    let point = |of: &Outcome, time: Duration| (of.setup.workers as f64, time.as_secs_f64());
    let mut lines =
        vec![Line { name: "Celeriac".to_owned(), points: ours.iter().map(|of| point(of, of.done)).collect() }];
    let names = ours.first().map(|of| rivals::all(&of.setup)).unwrap_or_default();
    for (at, rival) in names.iter().enumerate() {
        let points = ours.iter().map(|of| point(of, rivals::all(&of.setup)[at].done));
        lines.push(Line { name: rival.name.to_owned(), points: points.collect() });
    }
    let title = format!("{} calls of 50 ms, until all are done", count(calls as f64));
    plot::lines(path, &title, ("workers at a time", 90.0..11_000.0), ("time", 1.0..1e10), &lines, true)
}

fn draw_dollars(path: &Path, outcome: &Outcome, others: &[Rival]) -> Result<(), Failed> {
    let million = |dollars: f64| dollars * 1e6 / outcome.setup.calls as f64;
    let ours = ("Celeriac".to_owned(), million(outcome.bill.dollars()));
    let bars: Vec<_> =
        [ours].into_iter().chain(others.iter().map(|of| (of.name.to_owned(), million(of.dollars)))).collect();
    plot::bars(path, "Dollars for a million calls of 50 ms", 0.01..100.0, &bars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_last_one_and_of_nothing_else() {
        let page = "a\n<!-- runs -->\nold\n<!-- /runs -->\nb\n";
        let page = between(page, "runs", "new\n").expect("there are marks");
        assert_eq!(page, "a\n<!-- runs -->\nnew\n<!-- /runs -->\nb\n");
        assert!(between(&page, "ways", "").is_err());
    }
}
