//! Services that are not behind a port: whoever runs the simulation says what they do.

use std::sync::Arc;

use super::{Host, Service, Sim, link::Link};
use celeriac_core::ports::PortError;

impl Host {
    /// Asks a service, over the network. When it is asked, `ask` is what it answers, and `act` what happens because of
    /// that; both twice if the request arrives twice. `ask` must not refer to the simulation, which stands still then.
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
