use celeriac::task;

#[task(schedule = "cron(0 3 * * ? *)")]
async fn nightly_report(day: u32, to: String) {
    drop((day, to));
}

fn main() {}
