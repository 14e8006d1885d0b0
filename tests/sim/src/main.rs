//! `simulation replay SEED`, `simulation soak SEEDS [FROM]`, `simulation figures`.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let number = |at: usize| args.get(at).and_then(|text| text.parse::<u64>().ok());
    match (args.first().map(String::as_str), number(1), number(2)) {
        (Some("replay"), Some(seed), _) => {
            let report = simulation::story(seed);
            print!("{report}");
            ExitCode::from(u8::from(!report.violations.is_empty()))
        }
        (Some("trace"), Some(seed), _) => {
            print!("{}", simulation::story(seed).trace);
            ExitCode::SUCCESS
        }
        (Some("soak"), Some(seeds), from) => {
            for seed in from.unwrap_or(0)..from.unwrap_or(0) + seeds {
                let report = simulation::run(seed);
                if !report.violations.is_empty() {
                    print!("{report}");
                }
            }
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(2),
    }
}
