//! The program of the tested processes, and of the one that kills and freezes them.

use std::{env, path::Path, process::ExitCode};

use anyhow::Result;
use process_faults::{roles, soak};

/// The usage text.
const USAGE: &str = "\
usage: process-faults soak KILLS [SEED]          kills so many processes, in rounds on new files, and checks each
       process-faults work FILE LOG LIFE SEED    a worker, which ends with its standard input
       process-faults produce FILE LOG LIFE SEED a producer, likewise";

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing_level()).with_ansi(false).init();
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ended = match args[..] {
        ["soak", kills, ref rest @ ..] if rest.len() < 2 => {
            let seed = rest.first().map_or(Ok(2026), |seed| seed.parse());
            match (kills.parse(), seed) {
                (Ok(kills), Ok(seed)) => torment(kills, seed),
                _ => return usage(),
            }
        }
        ["work", file, log, life, _] => run(roles::work(Path::new(file), Path::new(log), life)),
        ["produce", file, log, life, seed] => match seed.parse() {
            Ok(seed) => run(roles::produce(Path::new(file), Path::new(log), life, seed)),
            Err(_) => return usage(),
        },
        _ => return usage(),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::from(2)
    })
}

/// Warnings only: a worker that runs thousands of calls would write as many lines.
fn tracing_level() -> tracing_subscriber::filter::LevelFilter {
    tracing_subscriber::filter::LevelFilter::WARN
}

fn torment(kills: usize, seed: u64) -> Result<ExitCode> {
    let figures = soak(&env::current_exe()?, kills, seed)?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(ExitCode::from(u8::from(!figures.is_good())))
}

fn run(role: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(role)?;
    Ok(ExitCode::SUCCESS)
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
