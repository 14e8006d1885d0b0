use celeriac::{Context, Perform, Task};

#[derive(Task)]
struct Thumbnail {
    image: String,
}

impl Perform for Thumbnail {
    type Output = ();
    type Error = std::io::Error;

    async fn perform(self, _: &Context) -> Result<(), std::io::Error> {
        drop(self.image);
        Ok(())
    }
}

fn main() {}
