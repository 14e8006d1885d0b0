//! The client that `delay` uses when none is named.

use std::{future::Future, sync::RwLock};

use super::{Client, Error};
use crate::ports::PortError;

tokio::task_local! {
    static SCOPE: Client;
}

static DEFAULT: RwLock<Option<Client>> = RwLock::new(None);

impl Client {
    /// The client of this scope, else the default of this process.
    pub fn ambient() -> Result<Self, Error> {
        if let Ok(client) = SCOPE.try_with(Clone::clone) {
            return Ok(client);
        }
        let default = DEFAULT.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        default.clone().ok_or_else(|| {
            Error::Port(PortError::Refused { what: "no client: call Client::set_default at start-up".to_owned() })
        })
    }

    /// Makes this the client of whatever in this process has none of its own.
    pub fn set_default(client: Self) {
        *DEFAULT.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(client);
    }

    /// Makes this the ambient client of a future.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        SCOPE.scope(self.clone(), future)
    }
}
