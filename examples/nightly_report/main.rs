//! How does a job run once every night, even if several processes are running, or none was at its time?
//!
//! ```text
//! cargo run --example nightly_report              # everything in one process, waiting for three o'clock
//! cargo run --example nightly_report -- tasks     # when that is
//! cargo run --example nightly_report -- call report.nightly '{"day": "2026-01-31"}' --wait
//! ```
//!
//! It reads the shop's orders from `orders.csv`, with the columns `day,amount`, and writes `reports/DAY.txt`.

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use celeriac::{App, BoxError, Context, Perform, Task};
use jiff::{ToSpan as _, Zoned, civil::Date};
use serde::{Deserialize, Serialize};

/// Where orders come from and reports go.
struct Shop {
    orders: PathBuf,
    reports: PathBuf,
}

/// Sums up a day. A scheduled run uses the defaults; a call by hand may name any day.
#[derive(Task, Default, Serialize, Deserialize)]
#[task(
    name = "report.nightly",
    schedule = "cron(0 3 * * ? *)",
    timezone = "Europe/Berlin",
    timeout = "10m",
    state(Shop)
)]
struct NightlyReport {
    /// Defaults to yesterday.
    #[serde(default)]
    day: Option<Date>,
}

#[derive(Deserialize)]
struct Order {
    day: Date,
    amount: u64,
}

impl Perform for NightlyReport {
    type Output = String;
    type Error = anyhow::Error;

    /// Writes the report and returns its path. A second run writes the same file again.
    async fn perform(self, cx: &Context) -> anyhow::Result<String> {
        let shop = cx.state::<Shop>();
        let day = match self.day {
            Some(day) => day,
            None => Zoned::now().in_tz("Europe/Berlin")?.date().checked_sub(1.day())?,
        };
        // Files block; the other calls of this worker do not wait for them.
        let path = tokio::task::spawn_blocking(move || shop.report(day)).await??;
        println!("wrote {path}");
        Ok(path)
    }
}

impl Shop {
    fn report(&self, day: Date) -> anyhow::Result<String> {
        let path = self.reports.join(format!("{day}.txt"));
        fs::create_dir_all(&self.reports)?;
        fs::write(&path, self.sum_up(day)?).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.display().to_string())
    }

    fn sum_up(&self, day: Date) -> anyhow::Result<String> {
        let unreadable = || format!("cannot read {}", self.orders.display());
        let (mut orders, mut amount) = (0, 0);
        for order in csv::Reader::from_path(&self.orders).with_context(unreadable)?.deserialize() {
            let order: Order = order.with_context(unreadable)?;
            if order.day == day {
                orders += 1;
                amount += order.amount;
            }
        }
        Ok(format!("{day}: {orders} orders, {amount} in all\n"))
    }
}

async fn setup(app: App) -> Result<App, BoxError> {
    Ok(app.state(Shop { orders: "orders.csv".into(), reports: "reports".into() }))
}

fn main() -> ExitCode {
    celeriac::main!(setup)
}
