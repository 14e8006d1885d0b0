//! The file as a store that a URL names: `sqlite:celeriac.db`.

use std::path::Path;

use celeriac_core::{
    ports::BoxError,
    store::{Existence, Opener, Store, StoreUrl},
};

/// The scheme of a file's URL.
pub const SCHEME: &str = "sqlite";

inventory::submit! {
    Opener { scheme: SCHEME, example: "sqlite:celeriac.db", default: Some("sqlite:celeriac.db"), open }
}

fn open(url: &StoreUrl, existence: Existence) -> Result<Box<dyn Store>, BoxError> {
    let file = path(url)?;
    // A file that is there and cannot be looked at is for `open` to explain.
    if existence == Existence::Required && matches!(file.try_exists(), Ok(false)) {
        return Err(format!(
            "there is no database `{}`: name the one that your program uses with --store or CELERIAC_STORE; it is \
             created by the first role or call",
            file.display()
        )
        .into());
    }
    Ok(Box::new(super::open(file)?))
}

/// The file's path. Two slashes before it are allowed, as other programs write them: `sqlite:///var/lib/jobs.db`.
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
