//! Compares the planner's choice with the best one found by search: the same calls in parcels of other sizes, and with
//! other numbers of parcels to an invocation.

use std::time::Duration;

use celeriac_core::planner;

use crate::{Outcome, Setup, run};

/// One way to cut the calls, and its result.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// How many calls a parcel has at most.
    pub calls_per_parcel: u32,
    /// How many parcels an invocation has at most.
    pub parcels: usize,
    /// How long it took.
    pub time: Duration,
    /// What it cost.
    pub dollars: f64,
}

/// The result of a search.
#[derive(Clone, Debug)]
pub struct Found {
    /// What was run.
    pub setup: Setup,
    /// What the planner chose.
    pub planned: Cut,
    /// The quickest that costs no more.
    pub quickest: Cut,
    /// The cheapest that takes no longer.
    pub cheapest: Cut,
}

/// The numbers of rounds of concurrent calls for which parcels are tried. A full parcel has the most that fit.
const ROUNDS: [u32; 5] = [1, 2, 5, 10, 20];

/// By how much a cut may cost more, or take longer, and still count as equal, since runs vary by chance.
const EQUAL: f64 = 1.01;

/// Tries all cuts of this setup.
pub fn search(setup: &Setup) -> Found {
    let planned = cut(&run(setup));
    let options = setup.length.options();
    let most = planner::MOST_WORK.max(setup.length.takes());
    let fits = |calls: u32, rounds: u32| {
        setup.length.takes() * rounds <= most
            && u64::from(calls) <= setup.calls.next_multiple_of(u64::from(options.concurrency))
    };
    let sizes = ROUNDS.map(|rounds| (rounds * options.concurrency, rounds));
    let sizes = sizes.into_iter().filter(|(calls, rounds)| fits(*calls, *rounds));
    let other = sizes.map(|(calls, _)| Setup { calls_per_parcel: Some(calls), ..setup.clone() });
    // Parcels as the planner cuts them, each in an invocation of its own.
    let tried = other.chain([Setup { parcels: 1, ..setup.clone() }]).map(|setup| cut(&run(&setup)));
    let (mut quickest, mut cheapest) = (planned, planned);
    for tried in tried {
        if tried.dollars <= planned.dollars * EQUAL && tried.time < quickest.time {
            quickest = tried;
        }
        if tried.time <= planned.time.mul_f64(EQUAL) && tried.dollars < cheapest.dollars {
            cheapest = tried;
        }
    }
    Found { setup: setup.clone(), planned, quickest, cheapest }
}

fn cut(outcome: &Outcome) -> Cut {
    Cut {
        calls_per_parcel: outcome.calls_per_parcel,
        parcels: outcome.setup.parcels,
        time: outcome.done,
        dollars: outcome.bill.dollars(),
    }
}

impl Found {
    /// How much longer the planner's choice takes than the quickest that costs no more: 0.1 is a tenth.
    pub fn slower(&self) -> f64 {
        self.planned.time.as_secs_f64() / self.quickest.time.as_secs_f64() - 1.0
    }

    /// How much more it costs than the cheapest that takes no longer.
    pub fn dearer(&self) -> f64 {
        self.planned.dollars / self.cheapest.dollars - 1.0
    }
}
