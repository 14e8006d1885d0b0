//! How does a web handler answer at once, and another process do the work?
//!
//! ```text
//! cargo run --example web_signup -- serve
//! cargo run --example web_signup -- worker
//! curl -H 'content-type: application/json' -d '{"email": "ada@example.org", "name": "Ada"}' localhost:3000/signup
//! ```
//!
//! Both processes share the store in `CELERIAC_STORE`, or else the file `celeriac.db`. The server never runs a task,
//! and an answered signup survives it. The worker may start later, or be one of many.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
};

use anyhow::Context as _;
use axum::{Json, Router, http::StatusCode, routing::post};
use celeriac::{App, BoxError, State, task};
use serde::{Deserialize, Serialize};

/// The state of the worker's tasks: in your program a mailer, here the name that it signs with.
struct Sender(String);

/// Welcomes a new user: prints the mail, to keep this short. `mail_campaign` sends real ones.
#[task(name = "mail.welcome", retries = 5, timeout = "30s", queue = "mail")]
fn send_welcome(sender: State<Sender>, email: String, name: String) -> io::Result<()> {
    let Sender(sender) = &*sender;
    writeln!(io::stdout(), "{sender} to {name} <{email}>: welcome!")
}

#[derive(Deserialize)]
struct Signup {
    email: String,
    name: String,
}

#[derive(Serialize)]
struct Answer {
    /// The call's id, as `web_signup status` takes it.
    mail: String,
}

/// Answers once the mail is accepted: it will be sent, even if this process dies now.
async fn signup(Json(who): Json<Signup>) -> Result<(StatusCode, Json<Answer>), (StatusCode, String)> {
    match send_welcome.delay(who.email, who.name).await {
        Ok(mail) => Ok((StatusCode::ACCEPTED, Json(Answer { mail: mail.id().to_string() }))),
        Err(error) => Err((StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
    }
}

#[tokio::main]
async fn serve(address: SocketAddr) -> anyhow::Result<()> {
    let listener =
        tokio::net::TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/signup", post(signup))).await.context("the server ended")
}

async fn setup(app: App) -> Result<App, BoxError> {
    Ok(app.state(Sender("Celeriac".to_owned())))
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() != Some("serve") {
        // Every other role and command: `worker`, `dev`, `status ID`, `dead list`, `--help` ..
        return celeriac::main!(setup);
    }
    let address = args.next().unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let served = address.parse().with_context(|| format!("`{address}` is not an address such as 127.0.0.1:3000"));
    match served.and_then(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
