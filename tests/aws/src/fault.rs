//! The faults of a request.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use hyper::{HeaderMap, Method, header::AUTHORIZATION};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// A request, as far as it identifies itself.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The service, as in `sqs`, `dynamodb`, `lambda`, `scheduler`, `s3`, `cloudformation`.
    pub service: String,
    /// The operation, as in `SendMessageBatch`; for services without names in their requests, method and path.
    pub operation: String,
    /// The request's body.
    pub body: Bytes,
}

/// The fate of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is carried out and answered.
    None,
    /// It is carried out after this delay.
    Late(Duration),
    /// It is carried out twice, and the second answer is returned.
    Twice,
    /// It gets lost: there is no answer until the caller gives up.
    Lost,
    /// It is not carried out, and the answer is this status and nothing else.
    Swallowed(u16),
    /// The connection is closed before the request gets through.
    CutBefore,
    /// The connection is closed after the request is carried out and before it is answered.
    CutAfter,
    /// The service refuses it with this status and error code, as in `429` and `TooManyRequestsException`.
    Refused(u16, &'static str),
    /// Every second entry of a batch is refused with this error code, or left out if the batch is a read. The rest is
    /// carried out.
    Partly(&'static str),
}

/// Random faults: the same seed gives the same faults in the same order.
pub struct Odds {
    /// The faults, with the percentage of each.
    faults: Vec<(u32, Fault)>,
    random: Mutex<StdRng>,
}

impl Odds {
    /// No faults yet.
    pub fn new(seed: u64) -> Self {
        Self { faults: Vec::new(), random: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// Gives this fault to this many requests of a hundred.
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

/// The operation of a request to a service that is asked by forms, as in `CloudFormation`.
fn action(body: &Bytes) -> Option<String> {
    let form = body.strip_prefix(b"Action=")?;
    let name = form.split(|byte| *byte == b'&').next()?;
    String::from_utf8(name.to_vec()).ok()
}

impl Asked {
    pub(crate) fn new(method: &Method, path: &str, headers: &HeaderMap, body: Bytes) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ..`
        let service = text(AUTHORIZATION.as_str()).split('/').nth(3).unwrap_or_default().to_owned();
        let operation = match text("x-amz-target").rsplit_once('.') {
            Some((_, operation)) => operation.to_owned(),
            None => action(&body).unwrap_or_else(|| format!("{method} {path}")),
        };
        Self { service, operation, body }
    }
}
