use celeriac::task;

struct Mailer;

impl Mailer {
    #[task]
    async fn send_email(&self, to: String) {
        drop(to);
    }
}

fn main() {}
