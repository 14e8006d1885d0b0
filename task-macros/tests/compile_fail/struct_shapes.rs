use celeriac::Task;
use serde::{Deserialize, Serialize};

#[derive(Task, Serialize, Deserialize)]
struct Index<T> {
    document: T,
}

#[derive(Task, Serialize, Deserialize)]
enum Letter {
    Sealed,
}

fn main() {}
