use celeriac::task;

#[task]
async fn send_email(to: String, #[cfg(unix)] owner: u32) {
    drop((to, owner));
}

fn main() {}
