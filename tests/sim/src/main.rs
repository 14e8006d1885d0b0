//! Runs seeds from a shell: many, or one again with its story.

use std::{env, path::PathBuf, process::ExitCode, thread};

/// What it takes.
const USAGE: &str = "\
usage: simulation soak UPTO [PROGRESS]   runs seeds up to UPTO on all processors; goes on where PROGRESS says
                                         (default: target/soak.txt)
       simulation replay SEED            runs a seed again and tells the story of what goes wrong in it
       simulation trace SEED             runs a seed again and prints all that happens
       simulation figures                how fast it is";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["soak", upto, ref rest @ ..] if rest.len() < 2 => number(upto).map_or_else(usage, |upto| soak(upto, rest)),
        ["replay", seed] => number(seed).map_or_else(usage, |seed| {
            let report = simulation::story(seed);
            print!("{report}");
            verdict(report.violations.is_empty())
        }),
        ["trace", seed] => number(seed).map_or_else(usage, |seed| {
            print!("{}", simulation::story(seed).trace);
            ExitCode::SUCCESS
        }),
        ["figures"] => {
            simulation::figures();
            ExitCode::SUCCESS
        }
        _ => usage(),
    }
}

fn soak(upto: u64, rest: &[&str]) -> ExitCode {
    let progress = rest.first().map_or_else(|| PathBuf::from("target/soak.txt"), PathBuf::from);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    match simulation::soak(upto, threads, &progress) {
        Ok(soaked) => {
            let simulation::Soaked { seeds, calls, losses, passed, wrong } = soaked;
            for (seed, what) in &wrong {
                println!("seed {seed}: {what}");
            }
            let (hours, wrong) = (passed.as_secs() / 3600, wrong.len());
            println!(
                "{seeds} seeds: {calls} calls, {losses} losses, {hours} hours of virtual time, {wrong} violations"
            );
            verdict(wrong == 0)
        }
        Err(error) => {
            eprintln!("cannot note how far it is in {}: {error}", progress.display());
            ExitCode::from(2)
        }
    }
}

fn verdict(good: bool) -> ExitCode {
    ExitCode::from(u8::from(!good))
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
