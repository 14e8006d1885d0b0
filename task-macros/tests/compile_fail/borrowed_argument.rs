use celeriac::task;

use std::{borrow::Cow, path::Path};

#[task]
async fn send_email(to: &str, cc: Option<&str>, subject: Cow<'_, str>, attachment: &Path, body: &[u8]) {
    drop((to, cc, subject, attachment, body));
}

fn main() {}
