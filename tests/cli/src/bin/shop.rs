//! A program whose tasks succeed, fail, wait and block, as the tests need.

use std::{env, process::ExitCode, time::Duration};

use celeriac::{App, BoxError, Road, Secret, State, Stop, task};

struct Shop {
    name: String,
}

/// Returns a greeting.
#[task(queue = "orders")]
async fn greet(shop: State<Shop>, customer: String, #[serde(default)] visits: u32) -> anyhow::Result<String> {
    Ok(format!("{} greets {customer} for the {visits}th time", shop.name))
}

/// Never succeeds.
#[task(name = "card.charge")]
async fn charge(card: String) -> Result<(), Stop> {
    // This lets a test make the cards work, and retry.
    if env::var_os("SHOP_CARDS_WORK").is_some() {
        return Ok(());
    }
    Err(Stop::Cancel(format!("card {card} is declined")))
}

/// Never succeeds, and has a secret argument.
#[task]
async fn open_till(code: Secret<String>) -> Result<(), Stop> {
    Err(Stop::Cancel(format!("the till does not open with {code:?}")))
}

/// Makes a batch.
#[task(queue = "orders")]
async fn greet_all(customers: Vec<String>) -> Result<String, celeriac::Error> {
    let batch = greet.fan_out(customers.iter().map(|customer| (customer, 1))).name("newsletter").await?;
    Ok(batch.id().to_string())
}

/// Makes a batch whose calls all fail.
#[task]
async fn charge_all(cards: Vec<String>) -> Result<String, celeriac::Error> {
    Ok(charge.fan_out(cards).name("invoices").await?.id().to_string())
}

/// Takes as long as its argument says.
#[task(timeout = "10m")]
async fn pack(seconds: u64) {
    println!("packing");
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    println!("packed");
}

/// Never ends, and never yields.
#[task(timeout = "10m")]
async fn stare() {
    println!("staring");
    loop {
        std::thread::park();
    }
}

/// Scheduled.
#[task(schedule = "cron(0 3 * * ? *)", timezone = "Europe/Berlin")]
async fn close_books() {}

async fn setup(app: App) -> Result<App, BoxError> {
    match env::var("SHOP_SETUP").as_deref() {
        Ok("fails") => Err("the till is locked".into()),
        Ok("panics") => panic!("the till is on fire"),
        Ok("forgets") => Ok(app),
        Ok("names a database") => Ok(app.store("sqlite:elsewhere.db")),
        _ => {
            println!("set up");
            Ok(app.state(Shop { name: "Celeriac & Sons".to_owned() }).queue("vip", Road::Narrow))
        }
    }
}

fn main() -> ExitCode {
    if env::var_os("SHOP_IN_A_RUNTIME").is_some() {
        return in_a_runtime();
    }
    celeriac::main!(setup)
}

/// A `main` under `#[tokio::main]`.
#[tokio::main(flavor = "current_thread")]
async fn in_a_runtime() -> ExitCode {
    celeriac::main!(setup)
}
