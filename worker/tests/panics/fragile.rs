//! Runs six calls, of which two go wrong in one way.

use celeriac_core::{
    ports::Reason,
    task::{Body, Ended, Options},
    wire::decode_args,
};
use futures::FutureExt as _;

use crate::common::{Bench, def};

pub(crate) const ONCE: Options = Options::new().retries(0).timeout("2s");

/// Of six calls, those that go wrong.
pub(crate) const WRONG: [u32; 2] = [1, 4];

/// A body of each kind. The calls that go wrong end as `E` says.
pub(crate) fn bodies<E: Ending>() -> [Body; 3] {
    fn end<E: Ending>(wrong: bool) -> Ended {
        if wrong { E::end() } else { Ok(None) }
    }
    [
        Body::Async(|args, _| {
            let wrong = WRONG.contains(&decode_args::<u32>(args).unwrap());
            Ok(async move { end::<E>(wrong) }.boxed())
        }),
        Body::Async(|args, _| {
            let wrong = WRONG.contains(&decode_args::<u32>(args).unwrap());
            let body = async move {
                tokio::task::yield_now().await;
                end::<E>(wrong)
            };
            Ok(body.boxed())
        }),
        Body::Blocking(|args, _| {
            let wrong = WRONG.contains(&decode_args::<u32>(args).unwrap());
            Ok(Box::new(move || end::<E>(wrong)))
        }),
    ]
}

pub(crate) trait Ending: 'static {
    fn end() -> Ended;
}

/// Runs six calls of each kind of body. Two of them go wrong: they die, and their errors read like this.
pub(crate) async fn two_of_six_die<E: Ending>(kind: &str, begins: &str, ends: &str) {
    for body in bodies::<E>() {
        let bench = Bench::new([def("fragile", ONCE, body)]);
        bench.send("fragile", 6).await;
        bench.while_time_passes(bench.run(&bench.worker())).await;
        let dead = bench.dead().await;
        let mut ids: Vec<_> = dead.iter().map(|letter| letter.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, WRONG.map(|n| bench.call(n.into())));
        for letter in &dead {
            let said = &letter.message;
            assert!(said.starts_with(begins) && said.ends_with(ends), "{said}");
            assert_eq!((letter.reason, letter.attempts), (Reason::Failed, 1));
        }
        assert_eq!(bench.history(WRONG[0].into()).await[0].kind, kind);
        assert_eq!((bench.tally().await.succeeded, bench.is_empty().await), (4, true));
    }
}
