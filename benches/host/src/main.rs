//! A host of its own: `aws-host --port 9601 --function worker --queue load-mail`. Runs until it is ended.

use std::net::{Ipv4Addr, SocketAddr};

use aws_host::{Bootstrap, Faults, Function, Host, HostOptions, Runs};
use clap::Parser;

/// Lambda and SQS on one machine, for load.
#[derive(Parser)]
#[command(name = "aws-host")]
struct Args {
    /// The port of 127.0.0.1 it listens on; 0 for a free one, which is printed.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Its threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// A function that does nothing; may be repeated.
    #[arg(long = "function")]
    functions: Vec<String>,
    /// Whether any other name is a function that does nothing, too.
    #[arg(long)]
    any: bool,
    /// A function that is a program: NAME=HANDLER=PATH; may be repeated.
    #[arg(long = "bootstrap", value_parser = bootstrap)]
    bootstraps: Vec<Function>,
    /// How many of each function run at once.
    #[arg(long, default_value_t = 1_000)]
    concurrency: usize,
    /// A queue; may be repeated.
    #[arg(long = "queue")]
    queues: Vec<String>,
    /// Latency and faults as JSON, as in `{"latency_ms":100,"throttle":0.1}`.
    #[arg(long, default_value = "{}", value_parser = faults)]
    faults: Faults,
}

fn bootstrap(text: &str) -> Result<Function, String> {
    let mut parts = text.splitn(3, '=');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(handler), Some(path)) => {
            let mut bootstrap = Bootstrap::new(path, handler);
            // Programs find this host, and their other settings, in the environment, as on Lambda.
            bootstrap.env = std::env::vars().filter(|(name, _)| is_passed_on(name)).collect();
            Ok(Function::new(name, Runs::Bootstrap(bootstrap)))
        }
        _ => Err("NAME=HANDLER=PATH".to_owned()),
    }
}

fn is_passed_on(name: &str) -> bool {
    name.starts_with("AWS_ENDPOINT_URL") || name.starts_with("CELERIAC_") || name == "RUST_LOG" || name == "PATH"
}

fn faults(text: &str) -> Result<Faults, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let idle = args.functions.into_iter().map(Function::idle);
    let functions = idle.chain(args.bootstraps).map(|function| Function { concurrency: args.concurrency, ..function });
    let host = Host::start(HostOptions {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
        threads: args.threads,
        functions: functions.collect(),
        any: args.any.then(|| Function::idle("any")),
        queues: args.queues,
        faults: args.faults,
        ..HostOptions::default()
    })?;
    println!("{}", host.url());
    loop {
        std::thread::park();
    }
}
