//! The faults of a request.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use hyper::{HeaderMap, Method, header::AUTHORIZATION};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// A request, as far as it says which one it is.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The service, as in `sqs`, `dynamodb`, `lambda`, `scheduler`, `s3`.
    pub service: String,
    /// The operation, as in `SendMessageBatch`; for services without names in their requests, method and path.
    pub operation: String,
    /// What is asked.
    pub body: Bytes,
}

/// The fate of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is carried out and answered.
    None,
    /// It is carried out, so much later.
    Late(Duration),
    /// It is carried out twice, and answered the second time.
    Twice,
    /// It gets lost, without an answer until the caller gives up.
    Lost,
    /// It is answered with this status and nothing else, and not carried out.
    Swallowed(u16),
    /// The connection is closed before it gets through.
    CutBefore,
    /// The connection is closed when it has been carried out, before it is answered.
    CutAfter,
    /// The service refuses it with this status and error code, as in `429` and `TooManyRequestsException`.
    Refused(u16, &'static str),
    /// Every second entry of a batch is refused with this error code, or left out of a batch that is read; the rest is
    /// carried out.
    Partly(&'static str),
}

/// Faults by chance, the same ones in the same order for one seed.
pub struct Odds {
    /// Each with its percentage.
    faults: Vec<(u32, Fault)>,
    random: Mutex<StdRng>,
}

impl Odds {
    /// No faults yet.
    pub fn new(seed: u64) -> Self {
        Self { faults: Vec::new(), random: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// So many requests of a hundred have this fault.
    #[must_use]
    pub fn percent(mut self, percent: u32, fault: Fault) -> Self {
        self.faults.push((percent, fault));
        self
    }

    /// The fate of the next request.
    pub fn draw(&self) -> Fault {
        let mut drawn = self.random.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..100);
        for (percent, fault) in &self.faults {
            if drawn < *percent {
                return fault.clone();
            }
            drawn -= percent;
        }
        Fault::None
    }
}

impl fmt::Debug for Odds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Odds").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl Asked {
    pub(crate) fn new(method: &Method, path: &str, headers: &HeaderMap, body: Bytes) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ..`
        let service = text(AUTHORIZATION.as_str()).split('/').nth(3).unwrap_or_default().to_owned();
        let operation = match text("x-amz-target").rsplit_once('.') {
            Some((_, operation)) => operation.to_owned(),
            None => format!("{method} {path}"),
        };
        Self { service, operation, body }
    }
}
