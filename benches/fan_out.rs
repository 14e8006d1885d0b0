//! Runs the figures of the AWS backend: `cargo bench --bench fan_out [FIGURE..]`. They are a separate program in
//! `benches/fan_out/`, so that running an example does not build the SDKs.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let figures = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--release", "--package", "fan-out", "--"])
        .args(figures)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fan_out: cargo cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}
