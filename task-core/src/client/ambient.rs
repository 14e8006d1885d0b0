//! Finds the client for a call that names none. The order is: the scope's client, the client of the worker whose thread
//! makes the call, the default of the process, and a client on the store that the environment names. The last one is
//! opened when it is first needed.

use std::{
    cell::RefCell,
    fmt,
    future::Future,
    marker::PhantomData,
    sync::{
        PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Client, Error, client::Shared};
use crate::store::{self, Existence};

tokio::task_local! {
    static SCOPE: Client;
}

thread_local! {
    static HERE: RefCell<Option<Home>> = const { RefCell::new(None) };
}

static DEFAULT: RwLock<Option<Fallback>> = RwLock::new(None);

/// Whether this process has ever used a scope. If so, a call outside of all scopes may have been meant for one.
static SCOPED: AtomicBool = AtomicBool::new(false);

/// The client for calls outside of all scopes.
#[derive(Clone)]
enum Fallback {
    /// The program named it.
    Named(Client),
    /// The environment named its store.
    Environment(Client),
}

impl Client {
    /// The client that a call made here uses unless it names another with `.on(&client)`. It is the client of the
    /// innermost [`scope`](Self::scope), else the one [entered](Self::enter) on this thread, as a worker does for its
    /// tasks, else the [default](Self::set_default) of this process. If there is none, a client on the store in
    /// `CELERIAC_STORE` becomes the default. If that is not set, it is a client on the file `celeriac.db` in the
    /// working directory, provided the feature `embedded` is on.
    ///
    /// # Errors
    /// If that store cannot be opened. The next call tries again. [`Error::OutOfScope`] if only the environment names a
    /// store and this process has used a scope: a spawned task is not in the scope that it was spawned in, so it would
    /// write to the wrong store. A program that uses both names its default at start:
    /// `Client::set_default(Client::ambient()?)`.
    pub fn ambient() -> Result<Self, Error> {
        if let Some(client) = Self::here() {
            return Ok(client);
        }
        if let Some(default) = Fallback::get() {
            return default.usable();
        }
        let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(default) = &*default {
            return default.clone().usable();
        }
        if SCOPED.load(Ordering::Relaxed) {
            return Err(Error::OutOfScope);
        }
        let client = open()?;
        *default = Some(Fallback::Environment(client.clone()));
        Ok(client)
    }

    /// The ambient client, if one exists already.
    pub(super) fn present() -> Option<Self> {
        Self::here().or_else(|| Fallback::get()?.usable().ok())
    }

    /// The client of the scope or of the thread.
    fn here() -> Option<Self> {
        let scope = SCOPE.try_with(Clone::clone).ok();
        // A thread that is ending may have lost its client.
        let home = || HERE.try_with(|home| home.borrow().clone()).ok().flatten();
        scope.or_else(|| home()?.client())
    }

    /// Makes this the client of every call in this process that names none and is made outside of a
    /// [`scope`](Self::scope) and outside of a worker's tasks. Calls made by a task use their worker's client. Replaces
    /// the previous default.
    pub fn set_default(client: Self) {
        *DEFAULT.write().unwrap_or_else(PoisonError::into_inner) = Some(Fallback::Named(client));
    }

    /// Makes this the ambient client of a future, mainly for tests. Tasks and threads that the future spawns are
    /// outside of its scope: write `tokio::spawn(client.scope(future))`, and [`enter`](Self::enter) the client on
    /// threads. Once a scope has been used, a call outside of all scopes gets [`Error::OutOfScope`] instead of the
    /// store that the environment names; see [`ambient`](Self::ambient).
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        SCOPED.store(true, Ordering::Relaxed);
        SCOPE.scope(self.clone(), future)
    }

    /// Makes this the ambient client of this thread until the guard is dropped, for code that is not async. A
    /// [`scope`](Self::scope) takes precedence.
    pub fn enter(&self) -> Entered<'_> {
        SCOPED.store(true, Ordering::Relaxed);
        self.enter_as_worker()
    }

    /// Does the same for a worker's call, without marking the process as one that uses scopes.
    #[doc(hidden)]
    pub fn enter_as_worker(&self) -> Entered<'_> {
        Entered { before: HERE.replace(Some(self.home())), thread: PhantomData }
    }

    /// A reference to this client for the threads of a worker.
    #[doc(hidden)]
    pub fn home(&self) -> Home {
        Home(self.downgrade())
    }
}

impl Fallback {
    fn get() -> Option<Self> {
        DEFAULT.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn usable(self) -> Result<Client, Error> {
        match self {
            Self::Environment(_) if SCOPED.load(Ordering::Relaxed) => Err(Error::OutOfScope),
            Self::Named(client) | Self::Environment(client) => Ok(client),
        }
    }
}

/// The ambient client of a thread. It does not keep the client alive.
#[doc(hidden)]
#[derive(Clone)]
pub struct Home(Weak<Shared>);

impl Home {
    /// Makes it the ambient client of this thread until the thread ends.
    pub fn settle(&self) {
        HERE.set(Some(self.clone()));
    }

    fn client(&self) -> Option<Client> {
        self.0.upgrade().map(Client::of)
    }
}

/// The thread has an ambient client until this is dropped. See [`Client::enter`].
#[must_use = "the client is entered until this is dropped"]
pub struct Entered<'a> {
    before: Option<Home>,
    /// Ties the guard to this thread and to the client's lifetime.
    thread: PhantomData<(&'a Client, *const ())>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        HERE.set(self.before.take());
    }
}

impl fmt::Debug for Entered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").finish_non_exhaustive()
    }
}

fn open() -> Result<Client, Error> {
    let client = Client::new(store::open(&store::default_url()?, Existence::Created)?.ports());
    tracing::debug!(store = client.store().map(tracing::field::display), "opened the store that the environment names");
    Ok(client)
}
