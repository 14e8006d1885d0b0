//! The client that a call uses when it names none: that of the scope it is made in, else the default of the process,
//! else one over the stack or the file that the environment names, opened when it is first needed.

use std::{
    future::Future,
    sync::{PoisonError, RwLock},
};

use super::{Client, Error};
#[cfg(feature = "aws")]
use crate::aws;
#[cfg(feature = "embedded")]
use crate::embedded;

tokio::task_local! {
    static SCOPE: Client;
}

static DEFAULT: RwLock<Option<Client>> = RwLock::new(None);

impl Client {
    /// The client that a call made here uses unless it names another with `.on(&client)`: that of the innermost
    /// [`scope`](Self::scope), else the [default](Self::set_default) of this process. If there is none, what the
    /// environment names becomes the default: with the feature `aws` the stack in `CELERIAC_STACK`; else, with the feature
    /// `embedded`, the file in `CELERIAC_DATABASE`, `celeriac.db` if it names none.
    ///
    /// # Errors
    /// If that cannot be opened; without the features, if there is no default. The next call tries again.
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
    #[cfg(feature = "aws")]
    if let Some(client) = on_stack()? {
        return Ok(client);
    }
    on_file()
}

/// On the stack that the environment names, if it does.
#[cfg(feature = "aws")]
fn on_stack() -> Result<Option<Client>, Error> {
    use std::sync::Arc;

    let settings = aws::Settings::from_environment().map_err(|error| Error::Stack { source: Arc::new(error) })?;
    let ports = settings.map(aws::open).transpose().map_err(|error| Error::Stack { source: Arc::new(error) })?;
    Ok(ports.map(Client::new))
}

#[cfg(feature = "embedded")]
fn on_file() -> Result<Client, Error> {
    let path = embedded::default_file();
    match embedded::open(&path) {
        Ok(ports) => Ok(Client::new(ports)),
        Err(error) => Err(Error::Open { path, source: std::sync::Arc::new(error) }),
    }
}

#[cfg(not(feature = "embedded"))]
fn on_file() -> Result<Client, Error> {
    Err(Error::NoClient)
}
