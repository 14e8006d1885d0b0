use celeriac::task;

#[task]
async fn count(text: String) -> u64 {
    text.len() as u64
}

#[task]
async fn lines(text: String) -> impl Iterator<Item = String> {
    text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn main() {}
