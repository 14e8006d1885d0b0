use celeriac::task;

#[task(retries = 1, retries = 2)]
async fn send_email<T>(to: &str, (subject, body): (String, String), footer: impl ToString) -> impl Sized {
    drop((to, subject, body, footer));
}

// The function is checked too.
#[task]
async fn send_letter(to: &str) {
    let stamp: u32 = to;
    drop(stamp);
}

fn main() {}
