//! Opens a file by its URL: `sqlite:celeriac.db`.

use std::{path::Path, sync::Arc};

use celeriac_core::{
    ports::BoxError,
    store::{Existence, Opener, Store, StoreUrl, Workers},
};

use super::{beside, liveness, names};

/// The scheme of a file's URL.
pub const SCHEME: &str = "sqlite";

inventory::submit! {
    Opener { scheme: SCHEME, example: "sqlite:celeriac.db", default: Some("sqlite:celeriac.db"), open, workers }
}

fn open(url: &StoreUrl, existence: Existence) -> Result<Box<dyn Store>, BoxError> {
    let file = path(url)?;
    if existence == Existence::Required {
        there(file)?;
    }
    Ok(Box::new(super::open(file)?))
}

/// The URL of the file at this absolute path, unless a URL cannot be written for it.
pub(super) fn of(real: &Path) -> Option<Arc<str>> {
    let file = real.to_str().filter(|file| !file.contains('?'))?;
    Some(format!("{SCHEME}:{file}").into())
}

/// Counts the processes that receive from the file. The file itself is not opened.
fn workers(url: &StoreUrl) -> Workers {
    let real = path(url).ok().and_then(|file| names::real(file).ok()).filter(|real| real.exists());
    let living = real.and_then(|real| liveness::living(&beside(&real, "-locks")).ok());
    living.map_or(Workers::Unknown, Workers::Known)
}

/// Fails if the file is missing or empty, since a query creates no database. A file that exists but cannot be inspected
/// passes: `open` explains what is wrong with it.
fn there(file: &Path) -> Result<(), BoxError> {
    let is_there = file.try_exists().unwrap_or(true);
    let is_empty = file.metadata().is_ok_and(|file| file.is_file() && file.len() == 0);
    let file = file.display();
    if !is_there {
        return Err(format!(
            "there is no database `{file}`: name the one that your program uses with --store or CELERIAC_STORE; it is \
             created by the first role or call"
        )
        .into());
    }
    if is_empty {
        return Err(format!(
            "`{file}` is an empty file and no database: name the one that your program uses with --store or \
             CELERIAC_STORE; the first role or call makes a database of it"
        )
        .into());
    }
    Ok(())
}

/// The file's path. Two slashes before it are allowed, as in other programs: `sqlite:///var/lib/jobs.db`.
fn path(url: &StoreUrl) -> Result<&Path, BoxError> {
    let rest = url.rest();
    let file = rest.strip_prefix("//").unwrap_or(rest);
    if file.is_empty() {
        return Err("the URL names no file: write `sqlite:celeriac.db`".into());
    }
    if let Some((path, _)) = file.split_once('?') {
        return Err(format!("`{file}`: parameters are not supported; write `sqlite:{path}`").into());
    }
    Ok(Path::new(file))
}
