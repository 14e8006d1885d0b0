use celeriac::task;

#[task(retries = 5, queue = "mail", retries = 6)]
async fn send_email(to: String) {
    drop(to);
}

// The task is there all the same.
async fn caller() {
    let _ = send_email.delay("ada@example.org").await;
}

fn main() {}
