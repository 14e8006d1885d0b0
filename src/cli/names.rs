//! Suggests the task or queue that was probably meant by a wrong name.

use std::collections::BTreeSet;

use celeriac_core::{
    client::Client,
    name::queue_name,
    task::{Registry, TaskDef},
};

use super::exit::Failure;
use crate::stderr;

/// How many names are listed in answer to a wrong one.
const LISTED: usize = 10;

/// Warns of a queue that is probably a mistake: no task of this program names it, nothing was ever sent to it, and no
/// worker has ever served it.
pub(super) async fn doubt_queue(client: &Client, registry: &Registry, queue: &str) {
    let named: BTreeSet<&str> = registry.iter().map(|def| def.options.queue).collect();
    if named.contains(queue) || !queue_name(queue) {
        return;
    }
    // Faults of the store are reported when the call is sent.
    let Ok(depths) = client.ports().queue.depths().await else { return };
    let known: BTreeSet<&str> = depths.iter().map(|depth| &*depth.queue).chain(named).collect();
    if known.contains(queue) {
        return;
    }
    let there_are = match nearest(queue, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? "),
        None => format!("there are {}. ", some(known.iter().copied())),
    };
    stderr::say(format_args!(
        "warning: queue `{queue}` is new: no task of this program names it, nothing was sent to it before, and no worker \
         has served it; {there_are}A worker serves it with `--queues {queue}`"
    ));
}

/// The error for an unknown task. It names the nearest task, or some tasks.
pub(super) fn unknown_task(registry: &Registry, name: &str) -> Failure {
    let known: Vec<&TaskDef> = registry.iter().collect();
    if let Some(near) = nearest(name, known.iter().map(|def| def.name)) {
        return Failure::NotFound(format!("no task is named `{name}`: did you mean `{near}`?"));
    }
    Failure::NotFound(format!(
        "no task is named `{name}`: there are {}; one in another crate needs `use that_crate as _;` in this \
         program, or the linker drops it",
        some(known.iter().map(|def| def.name))
    ))
}

/// The known name that was probably meant.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = known.map(|known| (strsim::jaro_winkler(name, known), known));
    let (likeness, near) = likeness.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness > 0.8).then_some(near)
}

/// These names, or some of them.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.take(LISTED + 1).map(|name| format!("`{name}`")).collect();
    if names.len() > LISTED {
        "..".clone_into(&mut names[LISTED]);
    }
    names.join(", ")
}
