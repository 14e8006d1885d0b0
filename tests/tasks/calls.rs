//! Each way to call a task.

use std::{path::Path, time::Duration};

use celeriac::{Batch, Client, Handle};

use crate::{
    common::{NightlyReport, countdown, ping, resize, send_email, tick},
    secrets::log_in,
};

/// Each way to call in the documentation, with the types inferred.
#[tokio::test]
async fn each_way_to_call_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let ports = celeriac::embedded::open(&folder.path().join("tasks.db")).unwrap();
    let client = Client::new(ports);
    client.scope(each_way(&client)).await.unwrap();
}

async fn each_way(client: &Client) -> Result<(), celeriac::Error> {
    let handle: Handle<String> = send_email.delay("ada@example.org", String::from("welcome")).await?;
    assert_eq!(client.status(handle.id()).await?.to_string(), "queued, with no worker yet");
    let later = send_email.apply("ada@example.org", "welcome").countdown(Duration::from_mins(1));
    later.queue("mail").unique("welcome:ada").on(client).send().await?;
    resize.delay("photo.png", vec![], None).await?;
    resize.delay(Path::new("photo.png"), vec![16], Some(72)).await?;
    tick.delay().await?;
    log_in.delay("ada", "hunter2", vec![], None).await?;
    countdown.call(1).await?;
    NightlyReport { day: 3, reader: "ada".into() }.delay().await?;

    // A future that is awaited later, elsewhere, borrows nothing.
    let address = String::from("ada@example.org");
    let delayed = ping.delay(&address);
    drop(address);
    tokio::spawn(delayed).await.unwrap()?;

    let people = [(String::from("ada"), 36), (String::from("alan"), 41)];
    let borrowed: Batch<String> = send_email.fan_out(people.iter().map(|(to, _)| (to, "spring"))).name("a").await?;
    let bare = ping.fan_out(["ada", "alan", "grace"]).await?;
    let inferred = resize.fan_out((16..20).map(|size| ("photo.png", vec![size], None))).await?;
    let streamed = send_email.fan_out(futures::stream::iter([("ada", "spring")])).await?;
    let structs = NightlyReport::fan_out((0..5).map(|day| NightlyReport { day, ..Default::default() })).await?;
    let empty = tick.fan_out([(), ()]).await?;
    let accepted = [borrowed.accepted(), bare.accepted(), inferred.accepted(), streamed.accepted()];
    assert_eq!(accepted, [2, 3, 4, 1]);
    assert_eq!([structs.accepted(), empty.accepted()], [5, 2]);
    Ok(())
}
