use celeriac::task;

#[task(retries: 5)]
async fn send_email() {}

#[task(state = Mailer)]
async fn send_letter() {}

fn main() {}
