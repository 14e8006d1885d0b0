//! The loop: Lambda's Runtime API is asked for events, one after the other.

use std::sync::Arc;

use futures::FutureExt as _;
use lambda_runtime::{
    Context, Diagnostic, LambdaEvent, LambdaInvocation, Runtime,
    layers::TracingLayer,
    service_fn,
    tower::{ServiceExt, layer::layer_fn},
};
use serde_json::value::RawValue;
use task_core::ports::BoxError;

use super::{Handler, Request};

/// Something goes on in this process that cannot be stopped.
#[derive(Debug, thiserror::Error)]
#[error("this process ends so that the next event finds a new one")]
struct Worn;

/// Handles events until the process has to end: then the answer to the last one has been sent.
///
/// # Errors
/// When the Runtime API cannot be reached.
///
/// # Panics
/// Outside of Lambda, whose environment names the function.
pub async fn serve(handler: Handler) -> Result<(), BoxError> {
    let handler = Arc::new(handler);
    let worn = Arc::clone(&handler);
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let handler = Arc::clone(&handler);
        // Boxed: the loop's own types are deep as it is.
        async move {
            let request = Request::from(event.context);
            handler.handle(event.payload.get(), &request).await.map_err(|error| {
                tracing::error!("{error}");
                Diagnostic::from(error)
            })
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

impl From<Context> for Request {
    fn from(context: Context) -> Self {
        Self {
            id: context.request_id,
            function: context.env_config.function_name.clone(),
            log_stream: context.env_config.log_stream.clone(),
            deadline_ms: context.deadline,
        }
    }
}
