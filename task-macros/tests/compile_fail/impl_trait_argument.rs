use celeriac::task;

#[task]
async fn send_email(to: impl Into<String>) {
    drop(to);
}

fn main() {}
