//! Launches workers as asynchronous invocations of the stack's functions, up to a cap on outstanding ones.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt as _};

use super::{
    Brake, Outstanding, Settings, brake::Permit, invocation::Payload, outstanding::Counted, platform::Platform,
};
use celeriac_core::{
    Lane,
    ports::{Clock, Invocation, InvokeError, Invoker, Launcher, PortError},
    task::Registry,
    wire::Header,
};

/// How many invocations a long-lived dispatcher reserves at once, when it has one to launch.
const BLOCK: usize = 64;

/// After this idle time it gives back its reservation, since others may need it.
const IDLE: Duration = Duration::from_secs(5);

/// The pause when the cap is reached, or when invocations cannot be counted.
const FULL: Duration = Duration::from_secs(1);

/// The functions of a stack's workers. The memory that a task needs decides which function runs its parcels.
#[derive(Clone)]
pub struct Functions {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    platform: Arc<dyn Platform>,
    clock: Arc<dyn Clock>,
    /// The memory of the tasks that set it.
    memory: BTreeMap<&'static str, u32>,
    outstanding: Outstanding,
    brake: Brake,
    held: Mutex<Held>,
    /// One caller at a time counts, on behalf of all callers that wait.
    counting: tokio::sync::Mutex<()>,
}

/// Reserved invocations that are not launched yet.
#[derive(Default)]
struct Held {
    counted: Option<Counted>,
    /// Whether less was granted than requested, or the request failed. Then capacity must be available before a message
    /// is received, since each fruitless receive brings a message nearer to its dead-letter queue.
    full: bool,
    /// When one was last taken, or all were reserved, on the monotonic clock.
    used_us: u64,
}

impl Functions {
    pub(super) fn new(
        settings: Settings,
        platform: Arc<dyn Platform>,
        clock: Arc<dyn Clock>,
        registry: &Registry,
        (outstanding, brake): (Outstanding, Brake),
    ) -> Self {
        let asking = registry.iter().filter_map(|def| Some((def.name, def.options.memory?)));
        let (memory, held, counting) = (asking.collect(), Mutex::default(), tokio::sync::Mutex::default());
        Self { shared: Arc::new(Shared { settings, platform, clock, memory, outstanding, brake, held, counting }) }
    }

    /// Reserves up to `most` more invocations, which count as outstanding from now on. Returns how many. Does not wait.
    ///
    /// # Errors
    /// If they cannot be counted: then none may be launched.
    pub async fn reserve(&self, most: usize) -> Result<usize, PortError> {
        let shared = &self.shared;
        if shared.counts_nothing() {
            return Ok(most);
        }
        let _counting = shared.counting.lock().await;
        match shared.current() {
            Some(count) => Ok(count.min(most)),
            None => shared.count(most).await,
        }
    }

    /// Releases reserved invocations that were not launched, so that others may launch them.
    pub async fn give_back(&self) {
        let _counting = self.shared.counting.lock().await;
        let held = std::mem::take(&mut *self.shared.held());
        let Some(counted) = held.counted.filter(|counted| counted.count > 0) else { return };
        if let Err(error) = self.shared.outstanding.give_back(counted).await {
            tracing::debug!(%error, "invocations count as outstanding that were not launched, until their lease ends");
        }
    }

    /// Records that an invocation has died that counted in this shard under this minute.
    pub async fn release(&self, minute: u64, shard: u8) {
        self.shared.outstanding.release(minute, shard).await;
    }
}

impl Shared {
    fn counts_nothing(&self) -> bool {
        self.settings.cap == 0
    }

    /// The most invocations that a long-lived dispatcher reserves at once.
    fn block(&self) -> usize {
        if self.counts_nothing() { BLOCK } else { BLOCK.min(self.settings.cap) }
    }

    /// How many are held for the current minute.
    fn current(&self) -> Option<usize> {
        let counted = self.held().counted?;
        (counted.count > 0 && counted.minute == self.outstanding.minute()).then_some(counted.count)
    }

    /// Reserves up to `most`, in exchange for those held of another minute.
    async fn count(&self, most: usize) -> Result<usize, PortError> {
        // They are given back once, whatever becomes of this request: if it is refused, the next one subtracts them, and
        // if it is not answered, it may have. Given back twice, they would let others exceed the cap.
        let back = self.held().counted.take().filter(|counted| counted.count > 0);
        let most = self.outstanding.worth(most);
        let counted = self.ask(most, back).await;
        let mut held = self.held();
        held.full = counted.as_ref().map_or(true, |counted| counted.count < most);
        let counted = counted?;
        (held.counted, held.used_us) = (Some(counted), self.clock.monotonic_us());
        Ok(counted.count)
    }

    /// Reserves up to `most`. After a refusal it reads the capacity before it reserves again.
    async fn ask(&self, most: usize, back: Option<Counted>) -> Result<Counted, PortError> {
        let looks = self.held().full && back.is_none();
        if looks {
            self.outstanding.reserve_where_room_is(most).await
        } else {
            self.outstanding.reserve(most, back).await
        }
    }

    /// Takes a reserved invocation, and reserves more if there is none.
    async fn take(&self) -> Result<Option<Counted>, InvokeError> {
        if self.counts_nothing() {
            return Ok(None);
        }
        let _counting = self.counting.lock().await;
        if self.current().is_none() {
            if self.held().full {
                return Err(InvokeError::Throttled);
            }
            self.count(self.block()).await.map_err(InvokeError::Failed)?;
        }
        let mut held = self.held();
        held.used_us = self.clock.monotonic_us();
        let counted = held.counted.as_mut().filter(|counted| counted.count > 0).ok_or(InvokeError::Throttled)?;
        counted.count -= 1;
        Ok(Some(Counted { count: 1, ..*counted }))
    }

    /// Puts back an invocation that was not launched.
    fn put_back(&self, taken: Option<Counted>) {
        if let (Some(taken), Some(counted)) = (taken, &mut self.held().counted)
            && (counted.minute, counted.shard) == (taken.minute, taken.shard)
        {
            counted.count += 1;
        }
    }

    /// Whether reserved invocations have been idle for a while.
    fn is_idle(&self) -> bool {
        let held = self.held();
        let idle_us = self.clock.monotonic_us().saturating_sub(held.used_us);
        held.counted.is_some_and(|counted| counted.count > 0) && idle_us >= IDLE.as_micros() as u64
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The header need not be read again if no task sets its memory.
    fn function(&self, invocation: &Invocation) -> String {
        let header = invocation.deliveries.first().filter(|_| !self.memory.is_empty());
        let header = header.and_then(|delivery| Header::peek(&delivery.body).ok());
        let memory = header.and_then(|header| self.memory.get(header.task.as_str()).copied());
        self.settings.stack.worker(memory)
    }

    async fn launch(&self, invocation: Invocation, taken: Option<Counted>) -> Result<(), InvokeError> {
        let function = self.function(&invocation);
        let permit = self.brake.permit(&function).await;
        if permit == Permit::Braked {
            return Err(InvokeError::Broken { function });
        }
        let probe = permit != Permit::Free;
        let payload = Payload {
            deliveries: invocation.deliveries,
            minute: taken.map(|taken| taken.minute),
            shard: taken.map_or(0, |taken| taken.shard),
            probe,
        }
        .encode();
        let launched = self.platform.invoke(&function, payload).await;
        if let (Permit::Probe { until_ms }, Err(InvokeError::Throttled | InvokeError::Failed(_))) = (permit, &launched)
        {
            self.brake.give_back(&function, until_ms).await;
        }
        launched
    }
}

impl Launcher for Functions {
    fn reserve(&self, most: usize) -> BoxFuture<'_, Result<usize, PortError>> {
        self.reserve(most).boxed()
    }

    fn give_back(&self) -> BoxFuture<'_, ()> {
        self.give_back().boxed()
    }

    fn release(&self, minute: u64, shard: u8) -> BoxFuture<'_, ()> {
        self.release(minute, shard).boxed()
    }
}

impl Invoker for Functions {
    fn room(&self, _: Lane) -> BoxFuture<'_, usize> {
        async {
            let most = self.shared.block();
            // Unless the cap is known to be reached, nothing is reserved before there is something to launch.
            if self.shared.is_idle() {
                self.give_back().await;
            }
            while self.shared.held().full {
                match self.reserve(most).await {
                    Ok(0) => {}
                    Ok(rooms) => return rooms,
                    Err(error) => tracing::warn!(%error, "no worker is launched meanwhile"),
                }
                self.shared.clock.sleep(FULL).await;
            }
            most
        }
        .boxed()
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        async {
            // Taken at once, so that the next request for capacity sees it.
            let taken = self.shared.take().await?;
            let launched = self.shared.launch(invocation, taken).await;
            if matches!(launched, Err(InvokeError::Throttled | InvokeError::Failed(_) | InvokeError::Broken { .. })) {
                self.shared.put_back(taken);
            }
            launched
        }
        .boxed()
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Functions").field("memory", &self.shared.memory).finish_non_exhaustive()
    }
}
