//! The launcher of workers: asynchronous invocations of the stack's functions, so many of which may be outstanding.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_sdk_lambda::{primitives::Blob, types::InvocationType};
use futures::future::{BoxFuture, FutureExt as _};

use super::{
    Outstanding,
    clients::Clients,
    fault::{Fault, Kind},
    invocation::Payload,
    outstanding::Slots,
    reactor::Reactor,
};
use crate::{
    ports::{Clock, Invocation, InvokeError, Invoker, PortError},
    task::Registry,
    wire::Header,
};

/// How many invocations a long-lived dispatcher counts at once, before it knows whether there is something to launch.
const BLOCK: usize = 64;

/// How long it waits when as many are outstanding as may be, or when they cannot be counted.
const FULL: Duration = Duration::from_secs(1);

/// The functions of a stack's workers. Which one runs a parcel follows from the memory that its task asks for.
#[derive(Clone)]
pub struct Functions {
    shared: Arc<Shared>,
}

struct Shared {
    clients: Arc<Clients>,
    reactor: Reactor,
    clock: Arc<dyn Clock>,
    /// The memory of the tasks that ask for some.
    memory: BTreeMap<&'static str, u32>,
    outstanding: Outstanding,
    /// What is counted and not launched yet.
    held: Mutex<Option<Slots>>,
}

impl Functions {
    pub(super) fn new(
        clients: Arc<Clients>,
        reactor: Reactor,
        clock: Arc<dyn Clock>,
        registry: &Registry,
        outstanding: Outstanding,
    ) -> Self {
        let asking = registry.iter().filter_map(|def| Some((def.name, def.options.memory?)));
        let (memory, held) = (asking.collect(), Mutex::default());
        Self { shared: Arc::new(Shared { clients, reactor, clock, memory, outstanding, held }) }
    }

    /// How many more may be launched now, up to `most`: they are counted as outstanding from now on. Does not wait.
    ///
    /// # Errors
    /// When they cannot be counted: then none may be launched.
    pub async fn reserve(&self, most: usize) -> Result<usize, PortError> {
        let shared = &self.shared;
        if shared.counts_nothing() {
            return Ok(most);
        }
        let held = shared.held().filter(|held| held.count > 0);
        if let Some(held) = held
            && held.minute == shared.outstanding.minute()
        {
            return Ok(held.count.min(most));
        }
        let slots = shared.outstanding.reserve(most, held).await?;
        *shared.held() = Some(slots);
        Ok(slots.count)
    }

    /// What was reserved and is not launched may be launched by others.
    pub async fn give_back(&self) {
        let Some(held) = self.shared.held().take().filter(|held| held.count > 0) else { return };
        if let Err(error) = self.shared.outstanding.give_back(held).await {
            tracing::debug!(%error, "invocations count as outstanding that were not launched, until their lease is over");
        }
    }

    /// An invocation has died that was counted under this minute.
    pub async fn release(&self, slot: u64) {
        self.shared.outstanding.release(slot).await;
    }
}

impl Shared {
    fn counts_nothing(&self) -> bool {
        self.clients.settings().cap == 0
    }

    /// Takes one of those that are reserved.
    fn take(&self) -> Result<Option<u64>, InvokeError> {
        if self.counts_nothing() {
            return Ok(None);
        }
        match &mut *self.held() {
            Some(held) if held.count > 0 => {
                held.count -= 1;
                Ok(Some(held.minute))
            }
            _ => Err(InvokeError::Throttled),
        }
    }

    /// It was not launched.
    fn put_back(&self, slot: Option<u64>) {
        if let (Some(minute), Some(held)) = (slot, &mut *self.held())
            && held.minute == minute
        {
            held.count += 1;
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Slots>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn function(&self, invocation: &Invocation) -> String {
        let task = invocation.deliveries.first().and_then(|delivery| Header::peek(&delivery.body).ok());
        let memory = task.and_then(|header| self.memory.get(header.task.as_str()).copied());
        self.clients.settings().stack.worker(memory)
    }

    async fn launch(&self, invocation: Invocation, slot: Option<u64>) -> Result<(), InvokeError> {
        let function = self.function(&invocation);
        let payload = Payload { deliveries: invocation.deliveries, slot }.encode();
        let request = self.clients.lambda().await.invoke().function_name(&function);
        let answer = request.invocation_type(InvocationType::Event).payload(Blob::new(payload)).send().await;
        let Err(fault) = answer.map_err(Fault::of) else { return Ok(()) };
        let kind = fault.kind;
        let error =
            fault.port(self.clients.settings(), "invoke a worker", format_args!("Lambda function `{function}`"));
        Err(match kind {
            Kind::Throttled => InvokeError::Throttled,
            Kind::Unknown => InvokeError::Unknown(error),
            _ => InvokeError::Failed(error),
        })
    }
}

impl Invoker for Functions {
    fn room(&self) -> BoxFuture<'_, usize> {
        async {
            let most = if self.shared.counts_nothing() { BLOCK } else { BLOCK.min(self.shared.clients.settings().cap) };
            loop {
                match self.reserve(most).await {
                    Ok(0) => {}
                    Ok(rooms) => return rooms,
                    Err(error) => tracing::warn!(%error, "no worker is launched meanwhile"),
                }
                self.shared.clock.sleep(FULL).await;
            }
        }
        .boxed()
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        async {
            let handle = self.shared.reactor.handle().map_err(InvokeError::Failed)?;
            // At once: whoever asks for room next has to know.
            let slot = self.shared.take()?;
            let shared = Arc::clone(&self.shared);
            let launched = handle.spawn(async move { shared.launch(invocation, slot).await });
            let launched = launched.await.unwrap_or_else(|_| {
                let what = "invoking a worker panicked; its message is in the log".to_owned();
                Err(InvokeError::Unknown(PortError::Unknown { what, source: None }))
            });
            if let Err(InvokeError::Throttled | InvokeError::Failed(_)) = &launched {
                self.shared.put_back(slot);
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
