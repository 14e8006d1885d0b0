use celeriac::task;

struct Connection;

#[task]
async fn send_email(connection: Connection, to: String) {
    drop((connection, to));
}

fn main() {}
