//! Runs a task by its name.

use std::sync::Arc;

use celeriac::{Context, Registry, States, TaskDef};
use celeriac_core::{
    id::BatchId,
    ports::SystemClock,
    task::{Body, Ended, Shared},
    wire::{decode_args, from_json},
};
use serde_json::Value;

use crate::common::Mailer;

pub(crate) fn task_of(name: &str) -> &'static TaskDef {
    Registry::linked().unwrap().get(name).unwrap()
}

pub(crate) fn states() -> States {
    let mut states = States::default();
    states.insert(Mailer { by: "pigeon" });
    states.insert(vec![7_u8]);
    states
}

/// Runs a task as a worker does.
pub(crate) async fn run(name: &str, args: Value) -> Result<Ended, String> {
    let def = task_of(name);
    let shared = Arc::new(Shared { states: states(), clock: Arc::new(SystemClock::new()) });
    let cx = Context::new(BatchId::new(1, 1).call(0), def.name, 3, def.options.timeout, &shared);
    let bytes = from_json(&args).unwrap();
    Ok(match def.body {
        Body::Async(body) => body(&bytes, cx)?.await,
        Body::Blocking(body) => {
            let job = body(&bytes, cx)?;
            std::thread::Builder::new().name("blocking".into()).spawn(job).unwrap().join().unwrap()
        }
    })
}

pub(crate) fn text(ended: Ended) -> String {
    decode_args(&ended.unwrap().unwrap()).unwrap()
}
