use celeriac::task;

#[task(timeout = "30 seconds")]
async fn send_email() {}

#[task(backoff = "10m..2s")]
async fn send_letter() {}

fn main() {}
