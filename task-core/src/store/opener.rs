//! The registry of backends: each registers an opener for its scheme.

use std::env;

use super::{STORE_VARIABLE, Store, StoreError, StoreUrl, Workers};
use crate::ports::BoxError;

/// Opens the store of a URL.
pub type Open = fn(&StoreUrl, Existence) -> Result<Box<dyn Store>, BoxError>;

/// How the URLs of one scheme are opened. A backend registers its own with `inventory::submit!`.
#[derive(Clone, Copy, Debug)]
pub struct Opener {
    /// The scheme, such as `sqlite`.
    pub scheme: &'static str,
    /// A URL to show to people, such as `sqlite:celeriac.db`.
    pub example: &'static str,
    /// The URL that is opened when none is named, if this backend has one.
    pub default: Option<&'static str>,
    /// Opens a store.
    pub open: Open,
    /// Counts the workers that are alive on a store, without opening it.
    pub workers: fn(&StoreUrl) -> Workers,
}

inventory::collect!(Opener);

/// Whether a missing store is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It is created.
    Created,
    /// It must exist: a query creates no file.
    Required,
}

/// The backends of this program, sorted by scheme.
pub fn schemes() -> impl Iterator<Item = &'static Opener> {
    let mut openers: Vec<_> = inventory::iter::<Opener>.into_iter().collect();
    openers.sort_by_key(|opener| opener.scheme);
    openers.into_iter()
}

/// Opens a store.
///
/// # Errors
/// If no backend of this program has this scheme, or if the backend cannot open the store.
pub fn open(url: &StoreUrl, existence: Existence) -> Result<Box<dyn Store>, StoreError> {
    let opener = schemes().find(|opener| opener.scheme == url.scheme());
    let opener = opener.ok_or_else(|| StoreError::no_backend(url))?;
    (opener.open)(url, existence).map_err(|error| StoreError::open(url, error))
}

/// The store's URL: from the environment variable [`STORE_VARIABLE`], else the default of a backend.
///
/// # Errors
/// If the variable holds no URL, or if there is no default.
pub fn default_url() -> Result<StoreUrl, StoreError> {
    if let Some(named) = env::var_os(STORE_VARIABLE).filter(|named| !named.is_empty()) {
        let named = named.to_str().ok_or_else(|| StoreError::no_url(&named.to_string_lossy()))?;
        return named.parse();
    }
    schemes().find_map(|opener| opener.default).map_or_else(|| Err(StoreError::none()), str::parse)
}
