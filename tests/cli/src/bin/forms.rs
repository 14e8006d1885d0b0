//! A program whose tasks have arguments, results, errors and batches of unusual forms.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    process::ExitCode,
    time::Duration,
};

use celeriac::{App, BoxError, Context, Perform, Stop, Task, task};
use serde::{Deserialize, Serialize};

/// Dies with its arguments as the reason, so that its dead letter shows them.
#[task]
async fn keep(host: IpAddr, by_number: BTreeMap<u32, String>, wide: u128, took: Option<Duration>) -> Result<(), Stop> {
    Err(Stop::Cancel(format!("{host} {by_number:?} {wide} {took:?}")))
}

/// Its arguments have the names that serde gives them.
#[derive(Task, Serialize, Deserialize)]
#[task(name = "order.place")]
#[serde(rename_all = "camelCase")]
struct PlaceOrder {
    order_id: u32,
    #[serde(alias = "comment")]
    short_note: Option<String>,
}

impl Perform for PlaceOrder {
    type Output = String;
    type Error = Stop;

    async fn perform(self, _: &Context) -> Result<String, Stop> {
        Ok(format!("{} {:?}", self.order_id, self.short_note))
    }
}

/// Some of its arguments are flattened.
#[derive(Task, Serialize, Deserialize)]
#[task(name = "order.ship")]
#[serde(rename_all = "camelCase")]
struct ShipOrder {
    order_id: u32,
    #[serde(flatten)]
    to: Option<Destination>,
}

#[derive(Serialize, Deserialize)]
struct Destination {
    host: IpAddr,
}

impl Perform for ShipOrder {
    type Output = String;
    type Error = Stop;

    async fn perform(self, _: &Context) -> Result<String, Stop> {
        Ok(format!("{} to {:?}", self.order_id, self.to.map(|to| to.host)))
    }
}

/// Its result has keys that JSON does not have.
#[task]
async fn map() -> Result<HashMap<(u8, u8), bool>, Stop> {
    Ok(HashMap::from([((1, 2), true)]))
}

/// Its error contains text from outside.
#[task(retries = 0)]
async fn fail(text: String) -> Result<(), String> {
    Err(text)
}

/// The name of its batch is text from outside.
#[task]
async fn name(text: String) -> Result<(), celeriac::Error> {
    map.fan_out([()]).name(text).await?;
    Ok(())
}

async fn setup(app: App) -> Result<App, BoxError> {
    Ok(app)
}

fn main() -> ExitCode {
    celeriac::main!(setup)
}
