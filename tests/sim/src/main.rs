//! Runs seeds from a shell: many, or a single one with its story.

use std::{env, path::PathBuf, process::ExitCode, thread};

use simulation::{Case, Shrunk};

/// The usage text.
const USAGE: &str = "\
usage: simulation soak UPTO [PROGRESS]   runs seeds up to UPTO on all processors; goes on where PROGRESS says
                                         (default: target/soak.txt)
       simulation replay SEED            runs a seed again and tells the story of what goes wrong in it
       simulation shrink SEED            leaves out of it what is not needed for that, and names what is left:
                                         28594+3-late-r2, which the other commands take too
       simulation trace SEED             runs a seed again and prints all that happens
       simulation figures                how fast it is";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["soak", upto, ref rest @ ..] if rest.len() < 2 => number(upto).map_or_else(usage, |upto| soak(upto, rest)),
        ["replay", case] => with(case, |case| {
            let report = simulation::story(case);
            print!("{report}");
            verdict(report.violations.is_empty())
        }),
        ["shrink", case] => with(case, shrink),
        ["trace", case] => with(case, |case| {
            print!("{}", simulation::story(case).trace);
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

fn shrink(case: &Case) -> ExitCode {
    let Some(Shrunk { report, runs, .. }) = simulation::shrink(case, None) else {
        println!("seed {case}: nothing goes wrong");
        return ExitCode::SUCCESS;
    };
    print!("{report}");
    println!("{runs} runs");
    verdict(false)
}

/// Runs an action on a named case.
fn with(text: &str, act: impl FnOnce(&Case) -> ExitCode) -> ExitCode {
    match text.parse() {
        Ok(case) => act(&case),
        Err(error) => {
            eprintln!("{error}");
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
