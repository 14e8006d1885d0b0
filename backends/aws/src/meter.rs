//! Counts requests to AWS as AWS bills them.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{
                AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
                BeforeTransmitInterceptorContextRef,
            },
        },
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use super::capacity;

/// The size that SQS bills as one request.
const SQS_BYTES: u64 = 64 << 10;

/// The size that Lambda bills as one request of an asynchronous invocation, and the size of each further one.
const EVENT_BYTES: u64 = 256 << 10;
const EVENT_FURTHER_BYTES: u64 = 64 << 10;

/// The counted requests of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// How many were answered, including each retry of the SDK.
    pub requests: u64,
    /// The billed units: requests of SQS by 64 KB, of Lambda by 256 KB and then 64 KB, capacity units of `DynamoDB`,
    /// requests of everything else.
    pub units: f64,
    /// The bytes of the requests' bodies.
    pub sent_bytes: u64,
    /// The bytes of the answers' bodies.
    pub received_bytes: u64,
}

/// The kind of a request: the service and the operation, as AWS names them.
pub type Operation = (Cow<'static, str>, Cow<'static, str>);

/// Counts a backend's requests to AWS.
#[derive(Debug, Default)]
pub struct Meter {
    usage: Mutex<BTreeMap<Operation, Usage>>,
}

impl Meter {
    /// The requests so far, by service and operation.
    pub fn usage(&self) -> BTreeMap<Operation, Usage> {
        self.lock().clone()
    }

    fn add(&self, operation: Operation, one: Usage) {
        let mut usage = self.lock();
        let sum = usage.entry(operation).or_default();
        sum.requests += one.requests;
        sum.units += one.units;
        sum.sent_bytes += one.sent_bytes;
        sum.received_bytes += one.received_bytes;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Operation, Usage>> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The size of a request's body, kept until its answer comes.
#[derive(Debug)]
struct Sent(u64);

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

/// Counts the requests of one client.
#[derive(Debug)]
pub(super) struct Metering(Arc<Meter>);

impl Metering {
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self(meter)
    }
}

impl Intercept for Metering {
    fn name(&self) -> &'static str {
        "celeriac-meter"
    }

    /// `DynamoDB` reports billed units only on request.
    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        capacity::ask(context.input_mut());
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.request().body().bytes().map_or(0, <[u8]>::len);
        config.interceptor_state().store_put(Sent(bytes as u64));
        Ok(())
    }

    /// By then the whole answer has arrived.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(metadata) = config.load::<Metadata>() else { return Ok(()) };
        let operation = (Cow::Owned(metadata.service().to_owned()), Cow::Owned(metadata.name().to_owned()));
        let sent = config.load::<Sent>().map_or(0, |sent| sent.0);
        let answer = context.response().body().bytes().unwrap_or_default();
        let received = answer.len() as u64;
        let units = match (metadata.service(), metadata.name()) {
            ("SQS", _) => sent.max(received).div_ceil(SQS_BYTES).max(1) as f64,
            ("Lambda", "Invoke") => 1.0 + sent.saturating_sub(EVENT_BYTES).div_ceil(EVENT_FURTHER_BYTES) as f64,
            ("DynamoDB", name) => capacity::units(name, answer),
            _ => 1.0,
        };
        self.0.add(operation, Usage { requests: 1, units, sent_bytes: sent, received_bytes: received });
        Ok(())
    }
}
