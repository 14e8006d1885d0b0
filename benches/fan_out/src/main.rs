//! The figures of the AWS backend: `cargo bench --bench fan_out`. It prints one JSON line for each, with its comparison
//! from the same run: a bound, a floor (the raw SDK), or a peer.
//!
//! Client, dispatcher and host are separate processes, started anew for each of three rounds; the median is printed.
//! The host (`aws-host`) answers an Invoke after 100 ms and SQS at once. Its clock, which all processes share, tells
//! when the last Invoke was accepted. Two rows of a batch's record are not written: they are the same two for ten calls
//! and ten million. `PEERS_DIR=.. cargo bench --bench fan_out` also runs the peers.

mod bill;
mod child;
mod client;
mod deployed;
mod dispatch;
mod figures;
mod floor;
mod launch;
mod load;
mod rig;
mod unrecorded;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        // This process is the function whose start is measured: a program like any other.
        return celeriac::main!();
    }
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let done = match args.split_first() {
        Some((mode, rest)) if mode == "child" => child::run(rest),
        _ => figures::all(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fan_out: {error:#}");
            ExitCode::FAILURE
        }
    }
}
