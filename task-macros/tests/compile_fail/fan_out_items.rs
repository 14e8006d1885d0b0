use celeriac::task;

#[task]
async fn send_email(to: String, template: String) {
    drop((to, template));
}

async fn campaign() {
    let _ = send_email.fan_out(["ada@example.org", "alan@example.org"]).await;
}

fn main() {}
