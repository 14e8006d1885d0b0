//! Opens a stack by its URL: `aws:shop`.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};

use celeriac_core::{
    ports::{BoxError, Ports},
    store::{Existence, Hosting, Launching, Opener, Store, StoreUrl, Workers},
    task::Registry,
};

use super::{Backend, Options, Role, Settings};

/// The scheme of a stack's URL.
pub const SCHEME: &str = "aws";

inventory::submit! {
    Opener { scheme: SCHEME, example: "aws:shop", default: None, open, workers }
}

/// Opens a stack with the settings from the environment. It sends no request to AWS and never creates anything; a
/// missing resource shows at its first use.
fn open(url: &StoreUrl, _: Existence) -> Result<Box<dyn Store>, BoxError> {
    let settings = Settings::of(url.rest().parse()?)?;
    Ok(Box::new(Backend::new(settings, Options::default())?))
}

/// Functions are started for each message, and other workers are on other machines.
fn workers(_: &StoreUrl) -> Workers {
    Workers::Unknown
}

impl Store for Backend {
    fn ports(&self) -> Ports {
        self.ports()
    }

    fn hosting(&self) -> Hosting {
        Hosting::Functions
    }

    fn launching(&self, registry: &Registry) -> Option<Launching> {
        Some(Launching { ports: self.dispatcher_ports(), launcher: Arc::new(self.functions(registry)) })
    }

    fn check_queue(&self, queue: &str) -> Result<(), BoxError> {
        Ok(self.settings().stack.check_queue(queue)?)
    }

    fn connect<'a>(&'a self, queues: &'a [String]) -> BoxFuture<'a, ()> {
        self.connect_for(Role::Client, queues.iter().map(String::as_str), None).boxed()
    }
}
