//! Looks up functions, and the concurrency of their account.

use std::collections::BTreeMap;

use celeriac_aws::RequestError;

use super::{Account, found};
use crate::deploy::audit::{Concurrency, Function, Looked};

impl Account {
    pub(super) async fn concurrency(&self) -> Looked<Concurrency> {
        let answer = self.lambda.get_account_settings().send().await;
        let answer = answer.map_err(|error| RequestError::of(error).to_string())?;
        let limit = answer.account_limit().ok_or("Lambda names no limits of the account")?;
        let count = |number: i32| u32::try_from(number).unwrap_or_default();
        let all = count(limit.concurrent_executions());
        Ok(Concurrency { limit: all, unreserved: limit.unreserved_concurrent_executions().map_or(all, count) })
    }

    pub(super) async fn function(&self, name: &str) -> Looked<Option<Function>> {
        let configuration = self.lambda.get_function_configuration().function_name(name).send();
        let concurrency = self.lambda.get_function_concurrency().function_name(name).send();
        let (configuration, concurrency, alias) = futures::join!(configuration, concurrency, self.alias(name));
        let Some(function) = found(configuration.map_err(RequestError::of))? else { return Ok(None) };
        let Some(concurrency) = found(concurrency.map_err(RequestError::of))? else { return Ok(None) };
        let alias = alias.map_err(|error| error.to_string())?;
        let variables = function.environment.and_then(|environment| environment.variables).unwrap_or_default();
        let architecture = function.architectures.and_then(|all| all.into_iter().next());
        let size = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
        Ok(Some(Function {
            state: function.state.map_or_else(String::new, |state| state.as_str().to_owned()),
            state_reason: function.state_reason.filter(|reason| !reason.is_empty()),
            update: function.last_update_status.map_or_else(String::new, |status| status.as_str().to_owned()),
            update_reason: function.last_update_status_reason.filter(|reason| !reason.is_empty()),
            code: function.code_sha256.unwrap_or_default(),
            handler: function.handler.unwrap_or_default(),
            architecture: architecture.map_or_else(String::new, |one| one.as_str().to_owned()),
            memory_mb: size(function.memory_size),
            timeout_s: size(function.timeout),
            reserved: concurrency.reserved_concurrent_executions.and_then(|number| u32::try_from(number).ok()),
            live: alias.map(|alias| alias.version),
            environment: variables.into_iter().collect::<BTreeMap<_, _>>(),
        }))
    }
}
