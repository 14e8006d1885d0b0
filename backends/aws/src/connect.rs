//! Opens connections before the first request needs them. TLS is most of a first request's processor time.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_lambda::types::InvocationType;
use celeriac_core::{ports::PortError, task::Registry};
use futures::future::{OptionFuture, join3};

use super::{
    Backend,
    clients::Clients,
    fault::{Fault, Kind},
    platform,
    queue::Access,
    reactor::Reactor,
};

/// The longest that connecting may take, of the ten seconds that Lambda gives a function to start ("Understanding the
/// Lambda execution environment lifecycle"). Whatever is not connected then connects at its first request.
const MOST: Duration = Duration::from_secs(2);

/// The most queues that are looked up: after the first, each is a request on a connection that is open.
const LOOKUPS: usize = 8;

/// What a process does for a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// It receives messages and invokes workers: SQS, Lambda, and `DynamoDB` if it counts them.
    Dispatcher,
    /// It runs calls: SQS and `DynamoDB`.
    Worker,
    /// It sends calls and looks them up: SQS and `DynamoDB`.
    Client,
}

impl Backend {
    /// Opens the connections that this role will use, in parallel, and looks up the queues of these tasks. Takes at most
    /// two seconds. A failure is only logged, at `debug`: the first request that needs the connection reports it.
    ///
    /// Lambda gives a function that starts a whole processor, whatever its memory, and less while it handles an event.
    /// So a function connects before it asks for its first event.
    ///
    /// It costs a request to each service: half a read unit, a `GetQueueUrl` for each queue, and for a dispatcher a dry
    /// run of an Invoke.
    pub async fn connect(&self, role: Role, registry: &Registry) {
        let queues: BTreeSet<&str> = registry.iter().map(|def| def.options.queue).collect();
        // All that a dispatcher may invoke are on one connection.
        let memory = registry.iter().next().and_then(|def| def.options.memory);
        self.connect_for(role, queues, memory).await;
    }

    pub(super) async fn connect_for(&self, role: Role, queues: impl IntoIterator<Item = &str>, memory: Option<u32>) {
        let settings = self.settings();
        let queues = queues.into_iter().take(LOOKUPS);
        let mut names: Vec<String> = queues.map(|queue| settings.stack.queue(queue)).collect();
        if names.is_empty() {
            names.push(settings.stack.failures_queue());
        }
        let function = (role == Role::Dispatcher).then(|| settings.stack.worker(memory));
        let counts = role != Role::Dispatcher || settings.cap > 0;
        let (access, clients) = (Arc::clone(&self.sqs.access), Arc::clone(&self.clients));
        // Boxed, since the futures of requests are large.
        let connecting = Box::pin(async move {
            let sqs = find(&access, &names);
            let lambda = OptionFuture::from(function.as_ref().map(|function| dry_run(&clients, function)));
            let dynamodb = OptionFuture::from(counts.then(|| platform::read(&clients)));
            let (sqs, lambda, dynamodb) = join3(sqs, lambda, dynamodb).await;
            let failures = [("SQS", sqs.err()), ("Lambda", lambda.and_then(Result::err))];
            for (service, error) in failures.into_iter().chain([("DynamoDB", dynamodb.and_then(Result::err))]) {
                if let Some(error) = error {
                    tracing::debug!(service, %error, "not connected yet");
                }
            }
        });
        let in_time = async move {
            if tokio::time::timeout(MOST, connecting).await.is_err() {
                tracing::debug!(after = ?MOST, "not all services are connected yet");
            }
            Ok(())
        };
        // Without threads for requests, the first request reports it.
        let _: Result<(), PortError> = Reactor.run(in_time).await;
    }
}

/// Looks up queues one after the other, on one connection.
async fn find(access: &Access, names: &[String]) -> Result<(), PortError> {
    for name in names {
        access.lookup.url(&access.clients, name).await?;
    }
    Ok(())
}

/// Asks Lambda whether this process may invoke a function: the only request that the dispatcher's role allows and that
/// starts nothing. Any answer of the service means that there is a connection.
async fn dry_run(clients: &Clients, function: &str) -> Result<(), PortError> {
    let request = clients.lambda().await.invoke().function_name(clients.settings().invoked(function));
    let Err(error) = request.invocation_type(InvocationType::DryRun).send().await else { return Ok(()) };
    let fault = Fault::of(error);
    if matches!(fault.kind, Kind::NotSent | Kind::Unknown | Kind::NoRegion) {
        return Err(fault.port(clients.settings(), "connect", format_args!("Lambda function `{function}`")));
    }
    Ok(())
}
