//! How does a mail campaign send each mail once, whatever happens on the way?
//!
//! ```text
//! cargo run --release --example recipients
//! cargo run --release --example mail_campaign -- --recipients recipients.csv
//! ```
//!
//! [`send_email`] is the task, [`Mailer`] what it needs, [`run`] the way from a CSV file to a campaign that is complete:
//! survey the file, `fan_out` its rows, watch, sum up.

#![allow(unreachable_pub, reason = "a program: nothing of it is reachable, and `pub` says what a module offers")]

mod campaign;
mod feed;
mod letters;
mod lines;
mod mailer;
mod options;
mod outbox;
mod recipients;
mod row;
mod screen;
mod smtp;
mod summary;

use std::process::ExitCode;

use anyhow::Context as _;
use campaign::Campaign;
use celeriac::{App, Context, Road, State, Stop, task};
use clap::Parser;
use feed::Feed;
use letters::Letters;
use mailer::{Mailer, Way};
use options::Options;
use outbox::Outbox;
use recipients::survey;
use row::Recipient;
use screen::Screen;
use smtp::Smtp;
use summary::Summary;

/// Sends one mail. What the server refuses for good is not tried again.
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

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let survey = survey(&options.recipients, |row| eprintln!("{}: {row}: skipped", options.recipients.display()))?;
    let campaign = Campaign::new(options, &survey)?;
    let (feed, failure) = Feed::open(&options.recipients, &survey)?;
    if options.dry_run {
        let plan = campaign.identify(send_email.fan_out(feed)).plan().await?;
        if options.json {
            println!("{}", serde_json::json!({ "plan": plan, "skipped": survey.skipped }));
        } else {
            println!("{plan}\n{} rows are skipped; nothing is sent", survey.skipped);
        }
        return Ok(ExitCode::SUCCESS);
    }

    let screen = Screen::new(survey.recipients);
    let mailer = Mailer {
        letters: Letters::new(&campaign.name, options.from.clone())?,
        way: way(options).await?,
        tries: options.tries,
    };
    let app = App::default().database(&options.database).state(mailer).state(screen.clone());
    // A queue of its own: mails of another campaign in this file are not sent with this one's mailer.
    let running = app.queue(&campaign.queue, Road::Wide).slots(2).start().await?;
    let client = running.client();
    let mails = campaign.identify(send_email.fan_out(feed)).on(&client);
    let ended = campaign.watch(&client, mails, failure, &screen).await;
    screen.clear();
    running.stop().await;

    let Some(batch) = ended? else {
        eprintln!("stopped before the end: the same command goes on");
        return Ok(ExitCode::from(130));
    };
    Summary::of(&campaign, &survey, &client, &batch).await?.print(options.json)
}

async fn way(options: &Options) -> anyhow::Result<Way> {
    let Some(server) = &options.smtp else {
        let outbox = Outbox::open(&options.outbox);
        let outbox = outbox.with_context(|| format!("cannot use {} as outbox", options.outbox.display()))?;
        return Ok(Way::Outbox(outbox));
    };
    let smtp = Smtp::new(server.clone(), options.connections, options.timeout);
    smtp.check().await.context("nothing is sent")?;
    Ok(Way::Smtp(smtp))
}
