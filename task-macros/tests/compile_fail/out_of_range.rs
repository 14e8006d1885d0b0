use celeriac::task;

#[task(retries = 2000)]
async fn send_email() {}

#[task(queue = "mails & letters")]
async fn send_letter() {}

#[task(name = "send a fax")]
async fn send_fax() {}

#[task(memory = 64)]
async fn send_telegram() {}

fn main() {}
