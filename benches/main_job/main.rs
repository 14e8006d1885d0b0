//! The figures of the main job: `cargo bench --bench main_job`. It prints one JSON line for each, with its comparison
//! from the same run: a floor (the same bytes written and synced without Celeriac) or a peer.
//!
//! Each figure is measured in its own process, started anew for each of three rounds; the median is printed. The files
//! are below `target/`, on the project's disk: in a memory file system a sync would cost nothing. `PEERS_DIR=.. cargo
//! bench --bench main_job` also runs the peers and compares with them.

mod child;
mod figure;
mod floor;
mod lanes;
mod load;
mod other;
mod single;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let done = match args.split_first() {
        Some((mode, rest)) if mode == "child" => child::run(rest),
        _ => figure::all(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("main_job: {error:#}");
            ExitCode::FAILURE
        }
    }
}
