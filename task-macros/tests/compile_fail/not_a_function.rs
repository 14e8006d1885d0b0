use celeriac::task;

#[task]
struct SendEmail {
    to: String,
}

fn main() {}
