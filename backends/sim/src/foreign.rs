//! Services without a port: the program that runs the simulation decides what they do.

use std::sync::Arc;

use super::{Host, Service, Sim, link::Link};
use celeriac_core::ports::PortError;

impl Host {
    /// Sends a request to a service over the network. When it arrives, `ask` makes the answer, and `act` its effects.
    /// Both run twice if the request arrives twice. `ask` must not refer to the simulation, which is locked then.
    pub async fn ask<T: Send + 'static>(
        &self,
        service: Service,
        mut ask: impl FnMut() -> T + Send + 'static,
        act: impl Fn(&mut Sim) + Send + Sync + 'static,
    ) -> Result<T, PortError> {
        let link = Link { shared: self.shared.clone(), host: Some(self.id), clock: self.clock() };
        let act = Arc::new(act);
        let asked = link.call(service, move |site| {
            let (answer, act) = (ask(), Arc::clone(&act));
            site.act(move |sim| act(sim));
            answer
        });
        asked.await
    }
}
