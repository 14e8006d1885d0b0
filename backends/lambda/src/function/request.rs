//! Lambda's data about an invocation, besides its event.

use std::sync::Arc;

use lambda_runtime::Context;

use celeriac_aws::holder;

/// Lambda's data about an invocation, besides its event.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// The function's name.
    pub function: String,
    /// The stream of its log lines.
    pub log_stream: String,
    /// When Lambda kills it, in milliseconds since 1970.
    pub deadline_ms: u64,
}

impl Request {
    /// The holder of its claims.
    pub fn holder(&self) -> Arc<str> {
        holder(&self.function, &self.log_stream, &self.id)
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
