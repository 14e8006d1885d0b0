use celeriac::task;

#[task]
async fn ping() {}

async fn caller() {
    let ping = ping.delay().await;
}

fn main() {}
