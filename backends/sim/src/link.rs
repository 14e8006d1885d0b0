//! The network between a program and the services: requests take time, and some of them fail.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    Deed, HostId, Service, Sim, Weather,
    store::Services,
    world::{Event, Shared, World},
};
use celeriac_core::ports::{Clock, PortError};

/// How late a stray request may arrive.
const STRAY_US: u64 = 60_000_000;

/// How long a program waits for an answer.
const PATIENCE_US: u64 = 5_000_000;

/// The network link of one program.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) shared: Shared,
    /// The host of the program. `None` if only the services are simulated: then requests arrive at once.
    pub(super) host: Option<HostId>,
    /// The clock of the program.
    pub(super) clock: Arc<dyn Clock>,
}

/// A service while it handles a request.
pub(super) struct Site<'a> {
    world: &'a mut World,
    host: HostId,
    /// Whether the request arrives twice. Both copies then have the same outcome.
    twice: bool,
    /// Its place in the order of all requests.
    pub(super) sent: u64,
    /// The service's own time.
    pub(super) now_ms: u64,
}

/// The fate of a request.
enum Passage {
    Fine,
    Refused,
    Unsent,
    Stray,
    Unanswered,
    Twice,
}

impl Link {
    /// Sends a request to a service. A dead program waits for ever, but its requests arrive.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        service: Service,
        ask: impl FnMut(&mut Site<'_>) -> T + Send + 'static,
    ) -> Result<T, PortError> {
        let Some(host) = self.host else { return Ok(self.at_once(ask)) };
        match self.send(host, service, ask).await {
            Ok(answer) => answer,
            // The caller is dead, or the simulation has ended.
            Err(_) => std::future::pending().await,
        }
    }

    /// Sends a request.
    fn send<T: Send + 'static>(
        &self,
        host: HostId,
        service: Service,
        mut ask: impl FnMut(&mut Site<'_>) -> T + Send + 'static,
    ) -> oneshot::Receiver<Result<T, PortError>> {
        let (reply, answer) = oneshot::channel();
        let mut world = self.shared.world();
        if !world.sends(host) {
            return answer;
        }
        let fate = Passage::of(&mut world);
        let (there_us, back_us) = (world.latency_us(), world.latency_us());
        let (mut arrives_us, gives_up_us) = (world.now_us + there_us, world.now_us + PATIENCE_US);
        let sent = world.number();
        let mut reply = Some(reply);
        if let Some(reply) = reply.take_if(|_| matches!(fate, Passage::Stray)) {
            arrives_us = gives_up_us + world.dice.between(0, STRAY_US);
            world.answer(gives_up_us, host, reply, Err(unknown(service)));
        }
        let arrive = move |world: &mut World| {
            let back_us = world.now_us + back_us;
            let Some(reply) = reply else {
                ask(&mut Site::new(world, host, sent));
                return world.see(host, &Deed::Failed("arrived after its caller had stopped waiting"));
            };
            if matches!(fate, Passage::Refused) || world.weather.is_out(service, world.now_us) {
                world.see(host, &Deed::Failed("refused"));
                return world.answer(back_us, host, reply, Err(unavailable(service)));
            }
            if matches!(fate, Passage::Unsent) {
                world.see(host, &Deed::Failed("lost on its way"));
                return world.answer(gives_up_us, host, reply, Err(unknown(service)));
            }
            let twice = matches!(fate, Passage::Twice);
            let done = ask(&mut Site { twice, ..Site::new(world, host, sent) });
            if twice {
                // The service recognises a retry after a broken connection and returns the first answer.
                ask(&mut Site { twice, ..Site::new(world, host, sent) });
            }
            if matches!(fate, Passage::Unanswered) {
                world.see(host, &Deed::Failed("answer lost"));
                return world.answer(gives_up_us, host, reply, Err(unknown(service)));
            }
            world.answer(back_us, host, reply, Ok(done));
        };
        world.at(arrives_us, Event::Arrive(Box::new(arrive)));
        answer
    }

    /// Does something at a service at once, for a request that it already has.
    pub(super) fn at_once<T>(&self, mut ask: impl FnMut(&mut Site<'_>) -> T) -> T {
        let mut world = self.shared.world();
        if self.host.is_none() {
            // The only time is that of the program.
            world.now_us = self.clock.now_ms().saturating_sub(super::BEGIN_MS) * 1000;
        }
        let sent = world.number();
        ask(&mut Site::new(&mut world, self.host.unwrap_or_default(), sent))
    }

    /// Whether the answer to a completed request is lost.
    pub(super) fn loses_answer(&self) -> bool {
        self.host.is_some() && {
            let mut world = self.shared.world();
            let rate = world.weather.unanswered;
            world.dice.happens(rate)
        }
    }
}

impl Site<'_> {
    fn new(world: &mut World, host: HostId, sent: u64) -> Site<'_> {
        let now_ms = world.now_ms();
        Site { world, host, twice: false, sent, now_ms }
    }

    pub(super) fn store(&mut self) -> &mut Services {
        &mut self.world.store
    }

    pub(super) fn world(&mut self) -> &mut World {
        self.world
    }

    /// The caller's host, if it is simulated.
    pub(super) fn host(&self) -> Option<HostId> {
        self.world.lives.get(self.host).map(|_| self.host)
    }

    pub(super) fn see(&mut self, deed: &Deed<'_>) {
        self.world.see(self.host, deed);
    }

    /// Lets this have effects on hosts.
    pub(super) fn act(&mut self, act: impl FnOnce(&mut Sim) + Send + 'static) {
        let now_us = self.world.now_us;
        self.world.at(now_us, Event::Act(Box::new(act)));
    }

    /// Whether one item of a batch is refused while others succeed.
    pub(super) fn refuses_item(&mut self) -> bool {
        let rate = self.world.weather.item_refused;
        !self.twice && self.world.dice.happens(rate)
    }
}

impl Passage {
    fn of(world: &mut World) -> Self {
        let Weather { refused, unsent, stray, unanswered, sent_twice, .. } = world.weather;
        let dice = &mut world.dice;
        if dice.happens(refused) {
            Self::Refused
        } else if dice.happens(unsent) {
            Self::Unsent
        } else if dice.happens(stray) {
            Self::Stray
        } else if dice.happens(unanswered) {
            Self::Unanswered
        } else if dice.happens(sent_twice) {
            Self::Twice
        } else {
            Self::Fine
        }
    }
}

impl World {
    /// Whether a host survives to send a request: it may die just before or just after one.
    pub(super) fn sends(&mut self, host: HostId) -> bool {
        if !self.is_alive(host) {
            return false;
        }
        match self.lives[host].dies_after {
            Some(0) => {
                self.kill(host);
                false
            }
            Some(requests) => {
                self.lives[host].dies_after = Some(requests - 1);
                true
            }
            None => true,
        }
    }
}

pub(super) fn unavailable(service: Service) -> PortError {
    PortError::Unavailable { what: format!("the simulated {service:?} refuses it for now"), source: None }
}

pub(super) fn unknown(service: Service) -> PortError {
    PortError::Unknown { what: format!("the simulated {service:?} did not answer"), source: None }
}
