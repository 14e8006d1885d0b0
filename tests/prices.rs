//! Checks the prices that the documentation states for functions of different sizes against the price table.

use celeriac_aws::{PRICES, PROCESSOR_MB, WORKER_MB};

const PAGE: &str = include_str!("../docs/aws.md");

/// How long a webhook's server takes to answer, in milliseconds.
const WAITS_MS: f64 = 200.0;

/// How long an invocation waits for the ledger and for SQS: a claim, a finish and a delete, one after the other, at the
/// latencies that `benches/scale/src/limits.rs` assumes.
const OWN_WAITS_MS: f64 = 5.0 + 10.0 + 15.0;

/// Processor time of an invocation besides its calls, of a call, and of a new TLS connection. Estimates: `cargo bench
/// --bench fan_out cold` has 15 ms for a start with three connections.
const INVOCATION_MS: f64 = 3.0;
const CALL_MS: f64 = 1.0;
const CONNECTION_MS: f64 = 5.0;

/// How much longer work takes in a function of this size than with a whole processor (`Configure Lambda function memory`
/// in the guide of Lambda).
fn stretch(memory_mb: u32) -> f64 {
    (f64::from(PROCESSOR_MB) / f64::from(memory_mb)).max(1.0)
}

/// The price of a million webhooks: the functions alone, without queue and ledger, which cost the same for each size.
fn million(memory_mb: u32, calls: f64, gb_s: f64) -> f64 {
    let billed_ms = WAITS_MS + OWN_WAITS_MS + (INVOCATION_MS + CALL_MS * calls) * stretch(memory_mb);
    let invocation = PRICES.of("Lambda", "Invoke") + billed_ms / 1e3 * f64::from(memory_mb) / 1024.0 * gb_s;
    1e6 / calls * invocation
}

#[test]
fn webhooks_cost_what_the_page_says_in_functions_of_each_size() {
    let (arm64, x86) = (PRICES.lambda_gb_s, PRICES.lambda_gb_s_x86);
    for (memory_mb, name) in [(128, "128"), (256, "256"), (512, "512"), (1024, "1,024"), (PROCESSOR_MB, "1,769")] {
        let price = |calls, gb_s| million(memory_mb, calls, gb_s);
        let row = format!(
            "| {name} | ${:.2} | ${:.2} | ${:.2} | ${:.2} | {:.0} ms | {:.0} ms |",
            price(1.0, arm64),
            price(1.0, x86),
            price(10.0, arm64),
            price(10.0, x86),
            (INVOCATION_MS + CALL_MS) * stretch(memory_mb),
            CONNECTION_MS * stretch(memory_mb),
        );
        assert!(PAGE.lines().any(|line| line == row), "docs/aws.md has no line {row}");
    }
}

/// A month of 30 days.
const MONTH_S: f64 = 30.0 * 86_400.0;

#[test]
fn environments_that_are_kept_ready_cost_what_the_page_says() {
    let page = include_str!("../docs/deploy.md");
    for (memory_mb, name) in [(WORKER_MB, "512"), (PROCESSOR_MB, "1,769")] {
        let dollars = f64::from(memory_mb) / 1024.0 * MONTH_S * PRICES.lambda_provisioned_gb_s;
        let row = format!("| one environment of {name} MB | ${dollars:.2} |");
        assert!(page.lines().any(|line| line == row), "docs/deploy.md has no line {row}");
    }
    let prices = [PRICES.lambda_provisioned_gb_s, PRICES.lambda_provisioned_run_gb_s, PRICES.lambda_gb_s];
    for price in prices.map(|price| format!("${price:.10}")) {
        assert!(page.contains(&price), "{price}");
    }
}

#[test]
fn the_default_size_is_the_one_that_the_page_gives_reasons_for() {
    assert_eq!(WORKER_MB, 512);
    assert!(PAGE.contains("**512 MB is the default.**"));
    let third = f64::from(WORKER_MB) / f64::from(PROCESSOR_MB);
    assert!((0.27..0.34).contains(&third), "a third of a processor, says the page: {third}");
    let ratio = million(PROCESSOR_MB, 1.0, PRICES.lambda_gb_s) / million(WORKER_MB, 1.0, PRICES.lambda_gb_s);
    assert!((2.5..3.5).contains(&ratio), "a third of the price, says the page: {ratio}");
}
