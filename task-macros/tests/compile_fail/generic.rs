use celeriac::task;

#[task]
async fn index<T: serde::Serialize>(document: T) {
    drop(document);
}

fn main() {}
