//! The launcher of workers: asynchronous invocations of the stack's functions.

use std::{collections::BTreeMap, fmt, sync::Arc};

use aws_sdk_lambda::{primitives::Blob, types::InvocationType};
use futures::future::{BoxFuture, FutureExt as _};

use super::{
    clients::Clients,
    fault::{Fault, Kind},
    invocation::Payload,
    reactor::Reactor,
};
use crate::{
    ports::{Invocation, InvokeError, Invoker, PortError},
    task::Registry,
    wire::Header,
};

/// The functions of a stack's workers. Which one runs a parcel follows from the memory that its task asks for.
#[derive(Clone)]
pub struct Functions {
    shared: Arc<Shared>,
}

struct Shared {
    clients: Arc<Clients>,
    reactor: Reactor,
    /// The memory of the tasks that ask for some.
    memory: BTreeMap<&'static str, u32>,
}

impl Functions {
    pub(super) fn new(clients: Arc<Clients>, reactor: Reactor, registry: &Registry) -> Self {
        let asking = registry.iter().filter_map(|def| Some((def.name, def.options.memory?)));
        Self { shared: Arc::new(Shared { clients, reactor, memory: asking.collect() }) }
    }
}

impl Shared {
    fn function(&self, invocation: &Invocation) -> String {
        let task = invocation.deliveries.first().and_then(|delivery| Header::peek(&delivery.body).ok());
        let memory = task.and_then(|header| self.memory.get(header.task.as_str()).copied());
        self.clients.settings().stack.worker(memory)
    }

    async fn invoke(&self, invocation: Invocation) -> Result<(), InvokeError> {
        let function = self.function(&invocation);
        let payload = Payload { deliveries: invocation.deliveries }.encode();
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
        std::future::ready(self.shared.clients.settings().cap).boxed()
    }

    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<(), InvokeError>> {
        async {
            let shared = Arc::clone(&self.shared);
            let invoked = self.shared.reactor.handle().spawn(async move { shared.invoke(invocation).await });
            invoked.await.unwrap_or_else(|_| {
                let what = "invoking a worker panicked; its message is in the log".to_owned();
                Err(InvokeError::Unknown(PortError::Unknown { what, source: None }))
            })
        }
        .boxed()
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Functions").field("memory", &self.shared.memory).finish_non_exhaustive()
    }
}
