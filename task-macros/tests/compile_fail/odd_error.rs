use celeriac::task;

/// A `Result` under another name is a `Result`.
type Sent<T> = Result<T, Refused>;

/// It could be stored, and still is no error that a task can end with.
#[derive(serde::Serialize, serde::Deserialize)]
struct Refused;

#[task]
async fn send_email(to: String) -> Sent<String> {
    Ok(to)
}

fn main() {}
