//! The client that a call uses when it names none: that of the scope it is made in, else that of the worker whose thread
//! it is made on, else the default of the process, else one on the store that the environment names, opened when it is
//! first needed.

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

/// Whether this process has ever used a scope. Then a call outside of all scopes may be one that was meant to be in one.
static SCOPED: AtomicBool = AtomicBool::new(false);

/// The client of calls that are made in no scope.
#[derive(Clone)]
enum Fallback {
    /// The program named it.
    Named(Client),
    /// It is what the environment names.
    Environment(Client),
}

impl Client {
    /// The client that a call made here uses unless it names another with `.on(&client)`: that of the innermost
    /// [`scope`](Self::scope), else that which was [entered](Self::enter) on this thread, as a worker does for its tasks,
    /// else the [default](Self::set_default) of this process. If there is none, a client on the store that
    /// `CELERIAC_STORE` names becomes the default; where that names none, one on the file `celeriac.db` in the working
    /// directory, if the feature `embedded` is on.
    ///
    /// # Errors
    /// If that store cannot be opened. The next call tries again.
    /// [`Error::OutOfScope`] if only the environment names one and this process has used a scope: a spawned task is not
    /// in the scope that it was spawned in, and would write to another store than was meant. A program that uses both
    /// names its default at start: `Client::set_default(Client::ambient()?)`.
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

    /// The ambient client, if that needs no opening.
    pub(super) fn present() -> Option<Self> {
        Self::here().or_else(|| Fallback::get()?.usable().ok())
    }

    /// That of the scope or of the thread.
    fn here() -> Option<Self> {
        let scope = SCOPE.try_with(Clone::clone).ok();
        // A thread that is ending may have none any more.
        let home = || HERE.try_with(|home| home.borrow().clone()).ok().flatten();
        scope.or_else(|| home()?.client())
    }

    /// Makes this the client of every call in this process that names none, is made in no [`scope`](Self::scope), and in
    /// no task of a worker, whose calls belong to the client of their worker. Replaces the default before it.
    pub fn set_default(client: Self) {
        *DEFAULT.write().unwrap_or_else(PoisonError::into_inner) = Some(Fallback::Named(client));
    }

    /// Makes this the ambient client of a future, for tests above all. Tasks and threads that the future spawns are not
    /// in its scope: write `tokio::spawn(client.scope(future))`, and [`enter`](Self::enter) the client on threads. A
    /// call that is made outside of all scopes after one was used gets [`Error::OutOfScope`] rather than the store that
    /// the environment names; see [`ambient`](Self::ambient).
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        SCOPED.store(true, Ordering::Relaxed);
        SCOPE.scope(self.clone(), future)
    }

    /// Makes this the ambient client of this thread until the guard is dropped, for code that is not async. A
    /// [`scope`](Self::scope) goes before it.
    pub fn enter(&self) -> Entered<'_> {
        SCOPED.store(true, Ordering::Relaxed);
        self.enter_as_worker()
    }

    /// The same for a call of a worker, which is no scope that a call could have been meant to be in.
    #[doc(hidden)]
    pub fn enter_as_worker(&self) -> Entered<'_> {
        Entered { before: HERE.replace(Some(self.home())), thread: PhantomData }
    }

    /// This client for the threads of a worker.
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

/// The ambient client of a thread, which does not keep the client from ending.
#[doc(hidden)]
#[derive(Clone)]
pub struct Home(Weak<Shared>);

impl Home {
    /// Makes it the ambient client of this thread for good.
    pub fn settle(&self) {
        HERE.set(Some(self.clone()));
    }

    fn client(&self) -> Option<Client> {
        self.0.upgrade().map(Client::of)
    }
}

/// A thread has an ambient client while this lives. See [`Client::enter`].
#[must_use = "the client is entered until this is dropped"]
pub struct Entered<'a> {
    before: Option<Home>,
    /// It is about this thread, and the client lives longer.
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
