//! A program whose tasks need functions of different sizes.

use std::process::ExitCode;

use celeriac::task;

#[task(name = "image.shrink", queue = "images", memory = 3008)]
async fn shrink() {}

#[task(name = "image.tag", queue = "images")]
async fn tag() {}

#[task(name = "film.cut", queue = "films", memory = 10240, timeout = "2h")]
async fn cut() {}

#[task(name = "film.tidy", schedule = "rate(15m)", catch_up = false)]
async fn tidy() {}

fn main() -> ExitCode {
    celeriac::main!()
}
