use celeriac::task;

struct Receipt;

#[task]
async fn send_email(to: String) -> Receipt {
    drop(to);
    Receipt
}

#[task]
fn first_line(text: String) -> &'static str {
    drop(text);
    "Dear Ada"
}

#[task]
async fn lines(text: String) -> impl Iterator<Item = String> {
    text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn main() {}
