use celeriac::Task;
use serde::{Deserialize, Serialize};

#[derive(Task, Serialize, Deserialize)]
struct Thumbnail {
    image: String,
}

fn main() {}
