//! Checks reserved concurrency: a function with less than what may run at a time is throttled, and its events wait out of
//! sight until Lambda drops them.

use super::{fleet::Fleet, names::worker, settings::Road};

/// The least of dispatchers for dead letters, reports of failures and sweeps, over all queues.
const OTHER_DISPATCHERS: u32 = 2;

impl Fleet<'_> {
    /// What is wrong with the reservations.
    pub(super) fn too_little_reserved(&self) -> Vec<String> {
        self.workers_too_few().into_iter().chain(self.dispatchers_too_few()).collect()
    }

    fn workers_too_few(&self) -> Vec<String> {
        let Some(reserved) = self.settings.worker.reserved_concurrency else { return Vec::new() };
        let wide = if self.on(Road::Wide).next().is_some() { self.settings.cap } else { 0 };
        let too_few = self.workers.keys().filter_map(|class| {
            let own = self.on(Road::Narrow).map(|name| &self.queues[name]).filter(|queue| queue.class == *class);
            let narrow: u32 = own.map(|queue| queue.concurrency).sum();
            (reserved < wide + narrow).then(|| {
                format!(
                    "worker.reserved_concurrency: `{reserved}`: {} of function `{}` may run at a time, {wide} by `cap` and \
                     {narrow} by its narrow queues: reserve as many, or lower those",
                    wide + narrow,
                    worker(*class),
                )
            })
        });
        too_few.collect()
    }

    fn dispatchers_too_few(&self) -> Option<String> {
        let reserved = self.settings.dispatcher.reserved_concurrency?;
        let (wide, each) = (self.on(Road::Wide).count(), self.settings.dispatchers());
        let needed = each.saturating_mul(u32::try_from(wide).unwrap_or(u32::MAX)).saturating_add(OTHER_DISPATCHERS);
        (reserved < needed).then(|| {
            format!(
                "dispatcher.reserved_concurrency: `{reserved}`: {each} for each of {wide} wide queues, and \
                 {OTHER_DISPATCHERS} for dead letters, failures and sweeps: reserve {needed}, or lower \
                 `dispatcher.concurrency`"
            )
        })
    }
}
