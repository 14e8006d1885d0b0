//! `call NAME JSON`: sends one call.

use std::{
    io::{self, IsTerminal as _, Read},
    time::Duration,
};

use celeriac_core::{
    client::{CallOptions, Client, Error, Handle},
    store::{self, StoreUrl},
    task::parse_duration,
};
use clap::Args;
use serde::{Serialize, de::IgnoredAny};
use serde_json::Value;

use super::{
    exit::{DIED, Failure, NOT_IN_TIME},
    names, print,
    progress::{self, Progress},
    session::{self, Session},
    signals::Signals,
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

    /// Wait no longer than this. Needs --wait
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    timeout: Option<Duration>,
}

#[derive(Serialize)]
struct Accepted {
    id: String,
    task: &'static str,
    queue: String,
    /// The URL of the store that it was sent to, if there is one.
    store: Option<String>,
}

impl Call {
    pub(super) async fn run(self, session: Session) -> Result<(), Failure> {
        let registry = session::registry()?;
        let def = registry.get(&self.task).ok_or_else(|| names::unknown_task(&registry, &self.task))?;
        let args = self.args()?;
        let client = session.client_of_new()?;
        let queue = self.queue.as_deref().unwrap_or(def.options.queue);
        names::doubt_queue(&client, &registry, queue).await;
        // A signal that arrives while the call is being sent ends the wait.
        let signals = if self.wait { Some(Signals::new().map_err(Failure::start)?) } else { None };
        let mut options = CallOptions::default();
        options.queue.clone_from(&self.queue);
        options.countdown = self.countdown;
        options.unique.clone_from(&self.unique);
        let call = client.enqueue_json(def, &args, &options).await.map_err(|error| match error {
            Error::Invalid { .. } | Error::Encode { .. } | Error::TooLarge { .. } => Failure::usage(error),
            other => other.into(),
        })?;
        if let Some(signals) = signals {
            return self.wait(&session, &client, &call, signals).await;
        }
        if let (Some(store), true) = (client.store(), io::stderr().is_terminal()) {
            let idle = if store::workers(store).are_absent() { "; no worker is alive there yet" } else { "" };
            stderr::say(format_args!("sent to queue `{queue}` of {store}{idle}"));
        }
        if session.json() {
            let (queue, store) = (queue.to_owned(), client.store().map(StoreUrl::to_string));
            return print::write_json(&Accepted { id: call.id().to_string(), task: def.name, queue, store });
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

    async fn wait(
        &self,
        session: &Session,
        client: &Client,
        call: &Handle<Value>,
        mut signals: Signals,
    ) -> Result<(), Failure> {
        if !session.json() {
            stderr::say(format_args!("waiting for {}", call.id()));
        }
        if let Some(store) = client.store().filter(|store| store::workers(store).are_absent()) {
            stderr::say(format_args!(
                "warning: no worker is alive on `{store}`: the call waits until `worker` or `dev` is started there"
            ));
        }
        // This does not ask whether the result has a form in JSON: the call has succeeded either way.
        let ended = client.handle::<IgnoredAny>(call.id());
        let ended = tokio::select! {
            biased;
            code = signals.next() => {
                let id = call.id();
                stderr::say(format_args!("stopped waiting; the call goes on, and `status {id}` says how it stands"));
                return Err(Failure::Answered(code));
            }
            ended = ended.get(self.timeout.unwrap_or(Duration::MAX)) => ended,
            () = watch(client, call) => return Ok(()),
        };
        let code = match ended {
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

/// Shows where the call stands, and for how long. Never ends.
async fn watch(client: &Client, call: &Handle<Value>) {
    let Some(mut progress) = Progress::on_terminal() else { return std::future::pending().await };
    let clock = &client.ports().clock;
    let (mut last, mut since_ms) = (None, clock.now_ms());
    loop {
        // The code that waits for the result reports errors.
        if let Ok(status) = call.status().await {
            let absent = client.store().is_some_and(|store| store::workers(store).are_absent());
            let status = if absent { format!("{status}; no worker is alive") } else { status.to_string() };
            if last.as_ref() != Some(&status) {
                since_ms = clock.now_ms();
            }
            progress.show(&format!("{status}, for {} s", clock.now_ms().saturating_sub(since_ms) / 1_000));
            last = Some(status);
        }
        clock.sleep(progress::EVERY).await;
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
}
