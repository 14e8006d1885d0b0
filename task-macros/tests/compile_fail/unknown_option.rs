use celeriac::task;

#[task(retry = 5)]
async fn send_email() {}

fn main() {}
