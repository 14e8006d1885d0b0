//! The loop: Lambda's Runtime API is asked for events, one after the other.

use std::sync::Arc;

use futures::FutureExt as _;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, layers::TracingLayer, service_fn};
use serde_json::value::RawValue;
use task_core::ports::BoxError;

use super::{Handler, Request};

/// Handles events until the process ends.
///
/// # Errors
/// When the Runtime API cannot be reached.
///
/// # Panics
/// Outside of Lambda, whose environment names the function.
pub async fn serve(handler: Handler) -> Result<(), BoxError> {
    let handler = Arc::new(handler);
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
    Runtime::new(service).layer(TracingLayer::new()).run().await
}

impl From<Context> for Request {
    fn from(context: Context) -> Self {
        Self {
            id: context.request_id,
            function: context.env_config.function_name.clone(),
            log_stream: context.env_config.log_stream.clone(),
        }
    }
}
