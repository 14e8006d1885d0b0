use celeriac::task;

#[task]
async fn send_email(to: String) {
    let shared = std::rc::Rc::new(to);
    std::future::ready(()).await;
    drop(shared);
}

fn main() {}
