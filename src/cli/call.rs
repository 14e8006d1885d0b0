//! `call NAME JSON`: sends one call.

use std::{io::Read, time::Duration};

use celeriac_core::{
    client::{CallOptions, Client, Error, Handle},
    task::{Registry, TaskDef, parse_duration},
};
use clap::Args;
use serde::{Serialize, de::IgnoredAny};
use serde_json::Value;

use super::{
    exit::{DIED, Failure, NOT_IN_TIME},
    print,
    session::{self, Session},
    status::CallView,
};
use crate::stderr;

/// Sends one call of a task of this program, and prints its id once it is accepted
///
/// Its arguments are checked first. With --wait the exit code is 1 if the call dies and 5 if it does not end in time.
#[derive(Debug, Args)]
pub(super) struct Call {
    /// The task's name, as `tasks` prints it
    #[arg(value_name = "NAME")]
    task: String,

    /// Its arguments: an object by name, '{"to": "ada@example.org"}', or an array in order; `-` reads them from
    /// standard input
    #[arg(value_name = "JSON", default_value = "{}")]
    args: String,

    /// The queue, instead of the task's
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,

    /// Due after this long, such as 30s, 5m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    countdown: Option<Duration>,

    /// Of the calls of this task with the same key, one runs
    #[arg(long, value_name = "KEY")]
    unique: Option<String>,

    /// Wait until it has ended, and print what it returned
    #[arg(long)]
    wait: bool,

    /// Wait no longer than this
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    timeout: Option<Duration>,
}

#[derive(Serialize)]
struct Accepted {
    id: String,
    task: &'static str,
    queue: String,
}

impl Call {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let registry = session::registry()?;
        let def = registry.get(&self.task).ok_or_else(|| unknown(&registry, &self.task))?;
        let args = self.args()?;
        let client = session.client_of_new()?;
        let options = CallOptions {
            queue: self.queue.clone(),
            countdown: self.countdown,
            unique: self.unique.clone(),
            ..CallOptions::default()
        };
        let call = client.enqueue_json(def, &args, &options).await.map_err(|error| match error {
            Error::Invalid { .. } | Error::Encode { .. } | Error::TooLarge { .. } => Failure::usage(error),
            other => other.into(),
        })?;
        if self.wait {
            return self.wait(&session, &client, &call).await;
        }
        if session.json() {
            let queue = self.queue.unwrap_or_else(|| def.options.queue.to_owned());
            return print::write_json(&Accepted { id: call.id().to_string(), task: def.name, queue });
        }
        print::write(&format!("{}\n", call.id()))
    }

    fn args(&self) -> Result<Value, Failure> {
        let mut text = self.args.clone();
        if text == "-" {
            text.clear();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::Usage(format!("standard input cannot be read: {error}")))?;
        }
        serde_json::from_str(&text).map_err(|error| {
            Failure::Usage(format!(
                "the arguments are not JSON: {error}; in a shell, quote them: '{{\"name\": \"value\"}}'"
            ))
        })
    }

    async fn wait(&self, session: &Session, client: &Client, call: &Handle<Value>) -> Result<(), Failure> {
        if !session.json() {
            stderr::say(format_args!("waiting for {}", call.id()));
        }
        // Whether it has a result that JSON has a form for is not asked here: it has succeeded either way.
        let ended = client.handle::<IgnoredAny>(call.id());
        let code = match ended.get(self.timeout.unwrap_or(Duration::MAX)).await {
            Ok(IgnoredAny) => None,
            Err(Error::Dead { .. }) => Some(DIED),
            Err(Error::NotYet { .. }) => Some(NOT_IN_TIME),
            Err(error) => return Err(error.into()),
        };
        let view = CallView::of(client, call.id()).await?;
        if session.json() {
            print::write_json(&view)?;
        } else {
            print::write(&view.lines(client.ports().clock.now_ms()))?;
        }
        code.map_or(Ok(()), |code| Err(Failure::Answered(code)))
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
}

/// How many tasks are named to who asks for another.
const LISTED: usize = 10;

/// Says what tasks there are instead: the nearest, or some.
fn unknown(registry: &Registry, name: &str) -> Failure {
    let known: Vec<&TaskDef> = registry.iter().collect();
    let nearest = known
        .iter()
        .map(|def| (strsim::jaro_winkler(name, def.name), def.name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.8);
    if let Some((_, near)) = nearest {
        return Failure::NotFound(format!("no task is named `{name}`: did you mean `{near}`?"));
    }
    let names: Vec<String> = known.iter().take(LISTED).map(|def| format!("`{}`", def.name)).collect();
    let more = if known.len() > LISTED { ", .." } else { "" };
    Failure::NotFound(format!(
        "no task is named `{name}`: there are {}{more}; one in another crate needs `use that_crate as _;` in this \
         program, or the linker drops it",
        names.join(", ")
    ))
}
