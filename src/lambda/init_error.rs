//! Why a function could not start. Lambda is told, so that whoever invokes it reads that and not that a process ended.

use std::fmt::Display;

use celeriac_aws::SettingsError;
use celeriac_core::{
    ports::{BoxError, PortError},
    task::RegistryError,
};
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};

/// Why a function could not start, or go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum InitError {
    /// The function's handler is none of ours.
    #[error("the function's handler is `{0}`: it has to be `dispatcher` or `worker`")]
    Handler(String),
    /// No stack is named.
    #[error("the function does not say of which stack it is: set CELERIAC_STORE to `aws:NAME` in its environment")]
    NoStack,
    /// A setting cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Two tasks of one name, no task, or a state that nobody provided.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The set-up failed.
    #[error("the set-up failed: {0}")]
    SetUp(String),
    /// The set-up names another store.
    #[error("the set-up names a store, but a function works on the stack that CELERIAC_STORE names: let it name none")]
    Store,
    /// The backend cannot be had.
    #[error(transparent)]
    Backend(#[from] PortError),
    /// No threads.
    #[error("no runtime: {0}")]
    Runtime(String),
    /// The Runtime API does not answer.
    #[error("the Runtime API of Lambda does not answer: {0}")]
    Serve(BoxError),
}

/// Tells Lambda, unless it does not answer anyway.
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
