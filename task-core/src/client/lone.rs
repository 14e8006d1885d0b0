//! Sends one call when nothing else is in flight. The future that waits for the call polls its send, which saves the
//! way to the client's thread and back.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use super::{
    Client,
    coalesce::PendingCall,
    flusher::{self, Flight},
};

/// The send of a lone call. If it is dropped before its end, the client's thread finishes it.
pub(super) struct Lone {
    client: Client,
    flight: Option<Flight>,
}

impl Lone {
    pub(super) fn new(client: Client, call: PendingCall) -> Self {
        let flight = flusher::alone(client.shared_ports(), call);
        Self { client, flight: Some(flight) }
    }

    /// Drives the send. When the send has ended, its call has been answered.
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
