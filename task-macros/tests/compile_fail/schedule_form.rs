use celeriac::{Context, Perform, Stop, Task, task};
use serde::{Deserialize, Serialize};

#[task(schedule = "cron(0 3 * * ?)")]
async fn lacks_its_year() {}

#[task(schedule = "cron(0 3 * * 1)")]
async fn is_a_line_of_a_crontab() {}

#[task(schedule = "0 3 * * ? *")]
async fn is_the_form_of_event_bridge() {}

#[task(schedule = "0 24 * * *")]
async fn has_no_such_hour() {}

#[task(schedule = "@reboot")]
async fn is_no_time() {}

#[task(schedule = "rate(5 fortnights)")]
async fn has_no_such_unit() {}

#[derive(Task, Default, Serialize, Deserialize)]
#[task(schedule = "every day")]
struct HasNoForm {}

impl Perform for HasNoForm {
    type Output = ();
    type Error = Stop;

    async fn perform(self, _: &Context) -> Result<(), Stop> {
        Ok(())
    }
}

fn main() {}
