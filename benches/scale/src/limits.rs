//! The limits and latencies of AWS: the only source for the simulation and for the models of other ways. A number
//! without a named source is an assumption, and the page says so.

use std::time::Duration;

/// The latency of a request to SQS: "some ten milliseconds", since three sites store a message before it answers.
/// Assumed.
pub const SQS: Duration = Duration::from_millis(15);

/// From a stored message to the function that its mapping invokes: the published median.
pub const MAPPED: Duration = Duration::from_millis(16);

/// The most messages of a request, and the most bytes of them together: SQS's quotas.
pub const SQS_BATCH: usize = 10;
/// See [`SQS_BATCH`].
pub const SQS_BATCH_BYTES: usize = 1 << 20;

/// What SQS bills as one request: 64 KB (its price list).
pub const SQS_BILLED_BYTES: usize = 64 << 10;

/// The most messages of a queue that are received and not deleted: SQS's quota of a standard queue, about.
pub const IN_FLIGHT: usize = 120_000;

/// The latency of an Invoke, including asynchronous ones: the project's founding text, and `benches/fan_out`.
pub const INVOKE: Duration = Duration::from_millis(100);

/// What Lambda bills as one asynchronous request, and as one more beyond it (its price list).
pub const EVENT_BYTES: usize = 256 << 10;
/// See [`EVENT_BYTES`].
pub const EVENT_FURTHER_BYTES: usize = 64 << 10;

/// The longest time from an event's acceptance to its start in an existing environment. Assumed; the published median
/// of SNS with an asynchronous function behind it is 73 ms.
pub const EVENT: Duration = Duration::from_millis(40);

/// A start of a Rust program in a new environment. This is the Init Duration of a program that only answers (published
/// averages, arm64). For one with an SDK of AWS 112 ms were measured, and its connections come on top (shinyaz.com, March
/// 2026, arm64, 128 MB). So figures of the page are some tenths of a second short: a dispatcher starts, then workers.
pub const COLD_START: Duration = Duration::from_millis(14);

/// How many environments a function may start at once, and how many more in each [`SCALING`]: Lambda's scaling rate.
pub const SCALING_STEP: f64 = 1000.0;
/// See [`SCALING_STEP`].
pub const SCALING: Duration = Duration::from_secs(10);

/// How many environments a function has this many seconds after it began, if it wants `workers`.
pub fn environments(workers: usize, at_s: f64) -> f64 {
    (SCALING_STEP * (1.0 + at_s / SCALING.as_secs_f64())).min(workers as f64)
}

/// How long it takes until it has all of them.
pub fn growth_s(workers: usize) -> f64 {
    (workers as f64 / SCALING_STEP - 1.0).max(0.0) * SCALING.as_secs_f64()
}

/// How long an event waits that found no room: at first, and at most (Lambda's documentation of asynchronous retries).
pub const BACKOFF: Duration = Duration::from_secs(1);
/// See [`BACKOFF`].
pub const BACKOFF_MOST: Duration = Duration::from_mins(5);

/// How many invocations at a time a mapping of a queue begins with, and how many it adds each minute.
pub const MAPPING: f64 = 5.0;
/// See [`MAPPING`].
pub const MAPPING_STEP: f64 = 300.0;

/// The latency of a request to DynamoDB, and of a transaction. Assumed.
pub const DYNAMODB: Duration = Duration::from_millis(5);
/// See [`DYNAMODB`].
pub const TRANSACTION: Duration = Duration::from_millis(10);

/// How long a transaction locks its items: "about a hundred a second" for one (`backends/aws/src/dynamo/keys.rs`).
pub const TRANSACTION_HELD: Duration = Duration::from_millis(10);

/// The capacity of a new on-demand table, in write units a second (DynamoDB's quotas).
pub const TABLE_WRITES: f64 = 4000.0;
/// The same in read units.
pub const TABLE_READS: f64 = 12_000.0;

/// The capacity of one partition key, in write units a second (DynamoDB's quotas).
pub const KEY_WRITES: f64 = 1000.0;
/// The same in read units.
pub const KEY_READS: f64 = 3000.0;

/// The first pause of the SDK after a throttled request, which doubles each time, and the number of attempts
/// (`backends/aws/src/clients.rs`).
pub const SDK_PAUSE: Duration = Duration::from_secs(1);
/// See [`SDK_PAUSE`].
pub const SDK_ATTEMPTS: u32 = 3;

/// The memory of workers and dispatchers, in MB: a whole processor each, as a campaign's tasks and dispatchers are given
/// one. A deployment's default is 512 MB.
pub const MEMORY_MB: u32 = 1769;

/// The time limit of a worker's function, and how long its messages are hidden, in a deployment.
pub const WORKER_LIMIT: Duration = Duration::from_mins(5);
/// See [`WORKER_LIMIT`].
pub const LEASE: Duration = Duration::from_secs(330);

/// The time limit of a dispatcher's function in a deployment.
pub const DISPATCHER_LIMIT: Duration = Duration::from_mins(1);

/// How long a mapping hides the messages that it receives: six times the dispatcher's time limit.
pub const MAPPING_HIDES: Duration = Duration::from_mins(6);

/// The bandwidth of the client's machine: a gigabit a second. Assumed.
pub const UPLINK_BYTES: f64 = 125e6;

/// The client's processor time to encode a call: measured with this program (`scale client`).
pub const CLIENT_CPU: Duration = Duration::from_nanos(400);
