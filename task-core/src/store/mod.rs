//! Opens stores by their URLs: `sqlite:celeriac.db`, `aws:shop`, `memory:`.
//!
//! A backend registers an [`Opener`] for the scheme of its URLs:
//!
//! ```
//! # use celeriac_core::{ports::BoxError, store::{Existence, Opener, Store, StoreUrl, Workers}};
//! # mod celeriac { pub use inventory; }
//! fn open(url: &StoreUrl, existence: Existence) -> Result<Box<dyn Store>, BoxError> {
//!     Err(format!("`{}` is not there", url.rest()).into())
//! }
//!
//! fn workers(_: &StoreUrl) -> Workers {
//!     Workers::Unknown
//! }
//!
//! inventory::submit! {
//!     Opener { scheme: "shelf", example: "shelf:third", default: None, open, workers }
//! }
//!
//! let error = celeriac_core::store::open(&"shelf:first".parse().unwrap(), Existence::Required).unwrap_err();
//! assert_eq!(error.to_string(), "store `shelf:first` cannot be opened: `first` is not there");
//! ```

mod error;
mod opener;
mod url;
mod workers;

use std::{fmt, sync::Arc};

use futures::future::{BoxFuture, FutureExt as _};

use crate::{
    ports::{BoxError, Launcher, Ports},
    task::Registry,
};

pub use error::StoreError;
pub use opener::{Existence, Open, Opener, default_url, open, schemes};
pub use url::StoreUrl;
pub use workers::{Workers, workers};

/// The environment variable that names the store.
pub const STORE_VARIABLE: &str = "CELERIAC_STORE";

/// An open store: its ports, and how programs use it.
pub trait Store: fmt::Debug + Send + Sync {
    /// Its ports.
    fn ports(&self) -> Ports;

    /// Who runs dispatchers and schedulers.
    fn hosting(&self) -> Hosting;

    /// The ports for a dispatcher in this process that launches workers outside of it. `None` if workers run only in
    /// processes that open the store themselves.
    fn launching(&self, registry: &Registry) -> Option<Launching>;

    /// Whether the store can have a queue of this name.
    ///
    /// # Errors
    /// If it cannot.
    fn check_queue(&self, queue: &str) -> Result<(), BoxError>;

    /// Opens the connections that a program needs to send calls to these queues, if the store has any. It ends soon,
    /// and without an error: the first call reports that there is no connection.
    fn connect<'a>(&'a self, queues: &'a [String]) -> BoxFuture<'a, ()>;
}

/// Who runs dispatchers and schedulers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosting {
    /// The processes that open the store.
    Processes,
    /// Only this process: the store ends with it.
    ThisProcess,
    /// Functions that the store's service starts: any other process only runs calls.
    Functions,
}

/// A dispatcher's means to launch workers outside of its process.
pub struct Launching {
    /// The ports that it receives from.
    pub ports: Ports,
    /// The launcher of workers.
    pub launcher: Arc<dyn Launcher>,
}

impl fmt::Debug for Launching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launching").finish_non_exhaustive()
    }
}

impl Store for Ports {
    fn ports(&self) -> Ports {
        self.clone()
    }

    fn hosting(&self) -> Hosting {
        Hosting::Processes
    }

    fn launching(&self, _: &Registry) -> Option<Launching> {
        None
    }

    fn check_queue(&self, _: &str) -> Result<(), BoxError> {
        Ok(())
    }

    fn connect<'a>(&'a self, _: &'a [String]) -> BoxFuture<'a, ()> {
        std::future::ready(()).boxed()
    }
}
