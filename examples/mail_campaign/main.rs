//! How does a mail campaign send each mail once, whatever happens on the way?
//!
//! ```text
//! cargo run --release --example recipients
//! cargo run --release --example mail_campaign -- --recipients recipients.csv
//! ```
//!
//! `send_email` is the task, and `Mailer` its state. `campaign()` leads from a CSV file to a complete campaign: it
//! surveys the file, sends its rows with `fan_out`, watches and sums up.

#![allow(unreachable_pub, reason = "a program: nothing of it is reachable, and `pub` says what a module offers")]

mod campaign;
mod feed;
mod letters;
mod lines;
mod mailer;
mod options;
mod outbox;
mod place;
mod recipients;
mod row;
mod screen;
mod sending;
mod smtp;
mod summary;

use std::process::ExitCode;

use campaign::Campaign;
use celeriac::{App, BoxError, Context, FanOut, State, Stop, Task, task};
use clap::Parser;
use feed::Feed;
use mailer::Mailer;
use options::Options;
use place::{Place, estimate};
use recipients::{Survey, survey};
use row::Recipient;
use screen::Screen;
use sending::Sending;
use summary::Summary;

/// Sends one mail. If the server refuses it for good, it is not tried again.
#[task(name = "mail.send", retries = 9, backoff = "1s..10m", timeout = "10m", concurrency = 50, queue = "mail")]
async fn send_email(
    cx: &Context,
    mailer: State<Mailer>,
    screen: State<Screen>,
    email: String,
    name: String,
) -> Result<(), Stop> {
    match mailer.send(&cx.idempotency_key(), &Recipient { email, name }).await {
        Ok(()) => Ok(()),
        Err(error) if error.trouble.is_permanent() => Err(Stop::Cancel(error.to_string())),
        Err(error) if cx.attempt() >= mailer.tries => {
            Err(Stop::Cancel(format!("{error}; given up after {} tries", cx.attempt())))
        }
        Err(error) => {
            screen.warn(&error);
            Err(error.into())
        }
    }
}

/// A worker's settings come from its environment, and its tasks draw on no screen.
async fn setup(app: App) -> Result<App, BoxError> {
    let sending = Sending::from_environment()?;
    let campaign = sending.campaign.clone().unwrap_or_else(|| "campaign".to_owned());
    Ok(app.state(sending.mailer(&campaign).await?).state(Screen::new(0)))
}

fn main() -> ExitCode {
    if std::env::args().nth(1).is_none_or(|first| !first.starts_with('-')) && std::env::args().len() != 1
        || std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
    {
        // A command of every Celeriac program, such as `worker`, `deploy template` or `status`; or a function's start.
        return celeriac::main!(setup);
    }
    match campaign(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", celeriac::printable(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn campaign(options: &Options) -> anyhow::Result<ExitCode> {
    let survey = survey(&options.recipients, |row| {
        eprintln!("{}: {}: skipped", options.recipients.display(), celeriac::printable(&row.to_string()));
    })?;
    let campaign = Campaign::new(options, &survey)?;
    let (feed, failure) = Feed::open(&options.recipients, &survey)?;
    if options.dry_run {
        return plan(options, &survey, campaign.identify(send_email.fan_out(feed))).await;
    }

    let screen = Screen::new(survey.recipients);
    let place = Place::open(options, &campaign, &screen).await?;
    let client = place.client();
    let mails = campaign.identify(send_email.fan_out(feed)).on(&client);
    let ended = campaign.watch(&client, mails, failure, &screen).await;
    screen.clear();
    let bill = place.bill(survey.recipients);
    place.close().await;

    let Some(batch) = ended? else {
        eprintln!("stopped before the end: the same command goes on");
        return Ok(ExitCode::from(130));
    };
    let code = Summary::of(&campaign, &survey, &client, &batch).await?.print(options.json)?;
    if let Some(bill) = bill.filter(|_| !options.json) {
        println!("{bill}");
    }
    Ok(code)
}

/// Prints a plan and sends nothing.
async fn plan(options: &Options, survey: &Survey, mails: FanOut<'_, impl Task>) -> anyhow::Result<ExitCode> {
    let plan = mails.plan().await?;
    let (text, estimate) = estimate(options, &plan)?.unzip();
    if options.json {
        println!("{}", serde_json::json!({ "plan": plan, "estimate": estimate, "skipped": survey.skipped }));
    } else {
        println!("{plan}");
        if let Some(text) = text {
            println!("{text}");
        }
        println!("{} rows are skipped; nothing is sent", survey.skipped);
    }
    Ok(ExitCode::SUCCESS)
}
