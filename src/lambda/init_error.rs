//! Reports why a function could not start, so that callers of the function see the reason and not only that a process
//! ended.

use std::fmt::Display;

use celeriac_aws::SettingsError;
use celeriac_core::{
    ports::{BoxError, PortError},
    task::RegistryError,
};
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};

/// Why a function could not start or continue.
#[derive(Debug, thiserror::Error)]
pub(super) enum InitError {
    /// The function's handler is unknown.
    #[error("the function's handler is `{0}`: it must be `dispatcher` or `worker`")]
    Handler(String),
    /// No stack is named in its environment.
    #[error("the function's environment names no stack: set CELERIAC_STORE to `aws:NAME` there")]
    NoStack,
    /// A setting is invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Two tasks with the same name, no task, or a state that was not provided.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The set-up failed.
    #[error("the set-up failed: {0}")]
    SetUp(String),
    /// The set-up names another store.
    #[error("the set-up names a store, but a function works on the stack that CELERIAC_STORE names: let it name none")]
    Store,
    /// The backend cannot be opened.
    #[error(transparent)]
    Backend(#[from] PortError),
    /// No threads are available.
    #[error("no runtime: {0}")]
    Runtime(String),
    /// The Runtime API does not answer.
    #[error("the Runtime API of Lambda does not answer: {0}")]
    Serve(BoxError),
}

/// Reports the error to Lambda, unless Lambda is the part that does not answer.
pub(super) fn report(error: &InitError) {
    if matches!(error, InitError::Serve(_)) {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let told = match runtime {
        Ok(runtime) => runtime.block_on(tell(&error.to_string())),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = told {
        tracing::error!(%error, "Lambda could not be told why this function does not start");
    }
}

async fn tell(message: impl Display) -> Result<(), BoxError> {
    const KIND: &str = "Celeriac.InitError";
    let body = serde_json::json!({ "errorType": KIND, "errorMessage": message.to_string(), "stackTrace": [] });
    let request = build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", KIND)
        .body(Body::from(body.to_string()))?;
    PooledClient::builder().build().call(request).await?;
    Ok(())
}
