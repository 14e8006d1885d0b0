//! Makes the resources of a stack one by one, for tests of the backend alone. End-to-end tests deploy the template.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_sdk_sqs::types::QueueAttributeName;

use crate::{Emulator, Ministack};

struct Maker<'a> {
    stack: &'a str,
    config: &'a SdkConfig,
    sqs: aws_sdk_sqs::Client,
}

/// Makes everything except the functions of the stack of this name: these queues, and a bucket of the same name. A local
/// AWS without Scheduler has no group of schedules.
pub async fn create_stack(config: &SdkConfig, stack: &str, queues: &[&str]) {
    let maker = Maker { stack, config, sqs: aws_sdk_sqs::Client::new(config) };
    for queue in queues {
        maker.queue(queue).await;
    }
    maker.plain_queue("failures").await;
    maker.table().await;
    if Emulator::chosen() != Emulator::Npm {
        maker.schedules().await;
    }
    maker.bucket().await;
}

impl Maker<'_> {
    /// A queue, and the queue for messages that were received too often.
    async fn queue(&self, queue: &str) {
        let dead = self.plain_queue(&format!("{queue}-dead")).await;
        let attributes = self.sqs.get_queue_attributes().queue_url(dead).attribute_names(QueueAttributeName::QueueArn);
        let attributes = attributes.send().await.expect("the queue is there").attributes.unwrap_or_default();
        let arn = &attributes[&QueueAttributeName::QueueArn];
        let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"1000"}}"#);
        let name = format!("{}-{queue}", self.stack);
        let made = self.sqs.create_queue().queue_name(name).attributes(QueueAttributeName::RedrivePolicy, policy);
        made.send().await.expect("a queue");
    }

    async fn plain_queue(&self, queue: &str) -> String {
        let name = format!("{}-{queue}", self.stack);
        let made = self.sqs.create_queue().queue_name(name).send().await.expect("a queue");
        made.queue_url.expect("a queue has a URL")
    }

    async fn table(&self) {
        let dynamodb = aws_sdk_dynamodb::Client::new(self.config);
        let mut request = dynamodb.create_table().table_name(self.stack).billing_mode(BillingMode::PayPerRequest);
        for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            let attribute = attribute.attribute_type(ScalarAttributeType::S).build().expect("it is complete");
            let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("it is complete");
            request = request.attribute_definitions(attribute).key_schema(key);
        }
        request.send().await.expect("a table");
    }

    async fn schedules(&self) {
        let scheduler = aws_sdk_scheduler::Client::new(self.config);
        scheduler.create_schedule_group().name(self.stack).send().await.expect("a group of schedules");
    }

    async fn bucket(&self) {
        let by_path = aws_sdk_s3::config::Builder::from(self.config).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(by_path);
        let place = BucketLocationConstraint::from(Ministack::REGION);
        let place = CreateBucketConfiguration::builder().location_constraint(place).build();
        let made = s3.create_bucket().bucket(self.stack).create_bucket_configuration(place).send().await;
        made.expect("a bucket");
    }
}
