//! Checks that programs keep no more in memory than their limits allow (G6). The limits of a scenario are small, so
//! that they matter. [`Facts::begins`](crate::facts::Facts::begins) checks how many calls a worker runs.

mod client;
mod dispatcher;

use celeriac_core::ports::Profile;
use celeriac_dispatcher::DispatcherOptions;
use celeriac_sim::Dice;

pub(crate) use self::{client::Hands, dispatcher::Dispatching};

/// Memory limits of programs, in addition to those in a [`Profile`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most messages that a dispatcher asks for at once.
    receive: usize,
    /// How many bytes a dispatcher holds when it stops receiving.
    launch_bytes: usize,
    /// The most parcels of an invocation.
    pub(crate) parcels: usize,
}

impl Limits {
    /// The defaults of programs.
    pub(crate) fn default_of_programs() -> Self {
        let DispatcherOptions { receive, bytes, parcels, .. } = DispatcherOptions::new(Vec::<String>::new());
        Self { receive, launch_bytes: bytes, parcels }
    }

    /// Random small limits for some programs.
    pub(crate) fn draw(dice: &mut Dice, profile: &mut Profile) -> Self {
        profile.send_bytes = dice.one_of(&[300, 4 << 10, profile.send_bytes]);
        profile.buffer_bytes = dice.one_of(&[1, 60, profile.buffer_bytes]);
        let most = Self::default_of_programs();
        Self {
            receive: dice.one_of(&[1, 4, most.receive]),
            launch_bytes: dice.one_of(&[1, 1000, most.launch_bytes]),
            parcels: dice.one_of(&[1, 3, most.parcels]),
        }
    }

    /// The options of a dispatcher with these limits.
    pub(crate) fn of_dispatcher(self, options: DispatcherOptions) -> DispatcherOptions {
        let Self { receive, launch_bytes: bytes, parcels } = self;
        DispatcherOptions { receive, bytes, parcels, ..options }
    }
}
