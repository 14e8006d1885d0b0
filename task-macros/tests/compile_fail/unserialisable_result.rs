use celeriac::task;

struct Receipt;

#[task]
async fn send_email(to: String) -> Result<Receipt, std::io::Error> {
    drop(to);
    Ok(Receipt)
}

fn main() {}
