use celeriac::{Context, Perform, Task};
use serde::{Deserialize, Serialize};

#[derive(Task, Serialize, Deserialize)]
#[task(schedule = "cron(0 3 * * ? *)")]
struct NightlyReport {
    day: u32,
}

impl Perform for NightlyReport {
    type Output = ();
    type Error = std::io::Error;

    async fn perform(self, _: &Context) -> Result<(), std::io::Error> {
        Ok(())
    }
}

fn main() {}
