//! A call that nothing else is being sent beside: whoever waits for it polls its send, which saves the way to the
//! client's thread and back.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use super::{
    Client,
    coalesce::PendingCall,
    flusher::{self, Flight},
};

/// The send of a lone call. Dropped before its end, it goes on in the client's thread.
pub(super) struct Lone {
    client: Client,
    flight: Option<Flight>,
}

impl Lone {
    pub(super) fn new(client: Client, call: PendingCall) -> Self {
        let flight = flusher::alone(client.shared_ports(), call);
        Self { client, flight: Some(flight) }
    }

    /// Drives the send. Its call has been answered when it has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        if let Some(flight) = &mut self.flight
            && let Poll::Ready(()) = Pin::new(flight).poll(cx)
        {
            self.flight = None;
            self.client.coalescer().landed(None);
        }
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            self.client.coalescer().landed(Some(flight));
        }
    }
}
