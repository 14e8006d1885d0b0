//! What programs have in hand, which is their memory: no more than their limits allow (G6). Those of a scenario are small,
//! so that they matter. How much of its calls a worker has in hand is seen by [`Facts::begins`](crate::facts::Facts::begins).

mod client;
mod dispatcher;

use celeriac_core::ports::Profile;
use celeriac_dispatcher::DispatcherOptions;
use celeriac_sim::Dice;

pub(crate) use self::{client::Hands, dispatcher::Dispatching};

/// How much programs may have in hand, beside what a [`Profile`] says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The most messages that a dispatcher asks for at once.
    receive: usize,
    /// How many bytes a dispatcher has in hand when it receives no more.
    launch_bytes: usize,
    /// The most parcels of an invocation.
    pub(crate) parcels: usize,
}

impl Limits {
    /// Those that programs have by themselves.
    pub(crate) fn default_of_programs() -> Self {
        let DispatcherOptions { receive, bytes, parcels, .. } = DispatcherOptions::new(Vec::<String>::new());
        Self { receive, launch_bytes: bytes, parcels }
    }

    /// Small ones, some of them.
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

    /// The options of a dispatcher that keeps to them.
    pub(crate) fn of_dispatcher(self, options: DispatcherOptions) -> DispatcherOptions {
        let Self { receive, launch_bytes: bytes, parcels } = self;
        DispatcherOptions { receive, bytes, parcels, ..options }
    }
}
