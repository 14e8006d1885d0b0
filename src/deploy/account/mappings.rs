//! Looks up event-source mappings.

use aws_sdk_lambda::types::FunctionResponseType;
use celeriac_aws::RequestError;

use super::{Account, found};
use crate::deploy::audit::{Looked, Mapping};

impl Account {
    pub(super) async fn mapping(&self, uuid: &str) -> Looked<Option<Mapping>> {
        let answer = self.lambda.get_event_source_mapping().uuid(uuid).send().await;
        let Some(mapping) = found(answer.map_err(RequestError::of))? else { return Ok(None) };
        let most = mapping.scaling_config.and_then(|scaling| scaling.maximum_concurrency);
        let answers = mapping.function_response_types.unwrap_or_default();
        let count = |number: i32| u32::try_from(number).unwrap_or_default();
        Ok(Some(Mapping {
            uuid: uuid.to_owned(),
            state: mapping.state.unwrap_or_default(),
            queue_arn: mapping.event_source_arn.unwrap_or_default(),
            function_arn: mapping.function_arn.unwrap_or_default(),
            batch: mapping.batch_size.map(count).unwrap_or_default(),
            concurrency: most.map(count),
            partial: answers.contains(&FunctionResponseType::ReportBatchItemFailures),
            result: mapping.last_processing_result,
        }))
    }
}
