//! The loop that takes events from Lambda's Runtime API, one after the other.

use std::{fmt, sync::Arc};

use futures::FutureExt as _;
use lambda_runtime::{
    Diagnostic, LambdaEvent, LambdaInvocation, Runtime,
    layers::TracingLayer,
    service_fn,
    tower::{ServiceExt, layer::layer_fn},
};
use serde_json::value::RawValue;

use super::{Function, HandlerError, Request};
use celeriac_core::ports::BoxError;

/// Work continues in this process that cannot be stopped.
#[derive(Debug, thiserror::Error)]
#[error("this process ends so that the next event finds a new one")]
struct Worn;

/// An error for the runtime, which logs its `Debug` form.
struct Failed(HandlerError);

/// Handles events until the process must end; by then the last answer has been sent.
///
/// # Errors
/// If the Runtime API cannot be reached.
///
/// # Panics
/// Outside of Lambda, whose environment names the function.
pub async fn serve(function: impl Function) -> Result<(), BoxError> {
    let function = Arc::new(function);
    let worn = Arc::clone(&function);
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let function = Arc::clone(&function);
        // Boxed, since the loop's own types are deep already.
        async move {
            let request = Request::from(event.context);
            function.handle(event.payload.get(), &request).await.map_err(Failed)
        }
        .boxed()
    });
    let after = move |answered: Result<(), BoxError>| {
        answered?;
        if worn.is_worn() { Err(BoxError::from(Worn)) } else { Ok(()) }
    };
    let ends = layer_fn(|inner| ServiceExt::<LambdaInvocation>::map_result(inner, after.clone()));
    match Runtime::new(service).layer(TracingLayer::new()).layer(ends).run().await {
        Err(error) if error.is::<Worn>() => Ok(()),
        ended => ended,
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<Failed> for Diagnostic {
    fn from(Failed(error): Failed) -> Self {
        error.into()
    }
}
