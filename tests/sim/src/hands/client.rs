//! Checks what a client has in memory: waiting arguments, and sends in flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use celeriac_core::{
    client::Client,
    ports::{
        Accept, Atomic, Outgoing, Ports, Profile, Queue, SendError,
        layers::{AtomicLayer, QueueLayer},
    },
};
use futures::future::{BoxFuture, FutureExt as _};

use crate::facts::Shared;

/// The most sends of `delay`s in flight: two of gathered calls, and one of a lone call.
const DELAYS: usize = 3;

/// The most bytes of the arguments of one call here.
const ARGS_BYTES: usize = 64;

/// What a client has in memory.
pub(crate) struct Hands {
    facts: Shared,
    profile: Profile,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How many callers send by themselves.
    askers: usize,
    /// The bytes of the sends in flight.
    flying: usize,
}

/// A caller that sends by itself.
pub(crate) struct Asker(Arc<Hands>);

impl Hands {
    /// The checks for a client with this profile.
    pub(crate) fn new(facts: Shared, profile: Profile) -> Arc<Self> {
        Arc::new(Self { facts, profile, state: Mutex::default() })
    }

    /// The same ports, watched.
    pub(crate) fn watch(self: &Arc<Self>, ports: Ports) -> Ports {
        let atomic = ports.atomic.map(|atomic| Arc::new(Watched { port: atomic, hands: Arc::clone(self) }) as _);
        let queue = Arc::new(Watched { port: ports.queue, hands: Arc::clone(self) });
        Ports { queue, atomic, ..ports }
    }

    /// A caller begins to send beside the `delay`s: a `fan_out`, or a retry of dead letters.
    pub(crate) fn asks(self: &Arc<Self>) -> Asker {
        self.state().askers += 1;
        Asker(Arc::clone(self))
    }

    /// Checks that no more is waiting than allowed; the last call may exceed the limit.
    pub(crate) fn look(&self, client: &Client) {
        let (waiting, most) = (client.waiting_bytes(), self.profile.buffer_bytes);
        if waiting >= most.saturating_add(ARGS_BYTES) {
            self.violated(format!("a client has {waiting} bytes waiting to be sent, of at most {most} (G6)"));
        }
    }

    /// A send begins. Returns its size.
    fn begins(&self, messages: &[Outgoing]) -> usize {
        let bytes = |messages: &[Outgoing]| messages.iter().map(|message| message.body.len()).sum::<usize>();
        let Profile { send_bytes, message_bytes, .. } = self.profile;
        let (all, but_last) = (bytes(messages), bytes(&messages[..messages.len().saturating_sub(1)]));
        if messages.len() > 1 && but_last >= send_bytes {
            self.violated(format!("a client sends {all} bytes at once, of at most {send_bytes} and the last (G6)"));
        }
        let (flying, askers) = {
            let mut state = self.state();
            state.flying += all;
            (state.flying, state.askers)
        };
        if flying > (DELAYS + askers).saturating_mul(send_bytes.saturating_add(message_bytes)) {
            self.violated(format!("a client has {flying} bytes on their way, with {askers} who send (G6)"));
        }
        all
    }

    fn violated(&self, what: String) {
        self.facts.lock().violated(what, None, None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.state().askers -= 1;
    }
}

/// A port of a client, watched.
struct Watched<P: ?Sized> {
    port: Arc<P>,
    hands: Arc<Hands>,
}

impl<P: ?Sized> Watched<P> {
    /// Watches a send until its answer arrives.
    async fn send<T>(&self, messages: &[Outgoing], send: impl Future<Output = T>) -> T {
        let bytes = self.hands.begins(messages);
        let sent = send.await;
        self.hands.state().flying -= bytes;
        sent
    }
}

impl QueueLayer for Watched<dyn Queue> {
    fn inner(&self) -> &dyn Queue {
        &*self.port
    }

    fn send(&self, messages: Vec<Outgoing>) -> BoxFuture<'_, Vec<Result<(), SendError>>> {
        async move { self.send(&messages.clone(), self.port.send(messages)).await }.boxed()
    }
}

impl AtomicLayer for Watched<dyn Atomic> {
    fn inner(&self) -> &dyn Atomic {
        &*self.port
    }

    fn accept(&self, accept: Accept) -> BoxFuture<'_, Result<(), SendError>> {
        async move { self.send(&accept.messages.clone(), self.port.accept(accept)).await }.boxed()
    }
}
