//! The client that a call uses when it names none: that of the scope it is made in, else the default of the process,
//! else one on the store that the environment names, opened when it is first needed.

use std::{
    future::Future,
    sync::{PoisonError, RwLock},
};

use super::{Client, Error};
use crate::store::{self, Existence};

tokio::task_local! {
    static SCOPE: Client;
}

static DEFAULT: RwLock<Option<Client>> = RwLock::new(None);

impl Client {
    /// The client that a call made here uses unless it names another with `.on(&client)`: that of the innermost
    /// [`scope`](Self::scope), else the [default](Self::set_default) of this process. If there is none, a client on the
    /// store that `CELERIAC_STORE` names becomes the default; where that names none, one on the file `celeriac.db` in
    /// the working directory, if the feature `embedded` is on.
    ///
    /// # Errors
    /// If that store cannot be opened. The next call tries again.
    pub fn ambient() -> Result<Self, Error> {
        if let Some(client) = Self::present() {
            return Ok(client);
        }
        let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = default.clone() {
            return Ok(client);
        }
        let client = open()?;
        *default = Some(client.clone());
        Ok(client)
    }

    /// The ambient client, if that needs no opening.
    pub(super) fn present() -> Option<Self> {
        let scope = SCOPE.try_with(Clone::clone).ok();
        scope.or_else(|| DEFAULT.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Makes this the client of every call in this process that names none and is made in no
    /// [`scope`](Self::scope). Replaces the default before it.
    pub fn set_default(client: Self) {
        *DEFAULT.write().unwrap_or_else(PoisonError::into_inner) = Some(client);
    }

    /// Makes this the ambient client of a future, for tests above all. Tasks that the future spawns are not in its
    /// scope.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        SCOPE.scope(self.clone(), future)
    }
}

fn open() -> Result<Client, Error> {
    let store = store::open(&store::default_url()?, Existence::Created)?;
    Ok(Client::new(store.ports()))
}
