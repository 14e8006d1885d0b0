use celeriac::task;

#[task]
async fn plot((x, y): (u32, u32), _: String) {
    drop((x, y));
}

fn main() {}
