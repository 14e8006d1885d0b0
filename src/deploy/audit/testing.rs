//! A stack of two tasks that is as it should be, for tests to change.

use celeriac_aws::Stack;
use celeriac_core::task::{Body, Options, Registry, TaskDef};
use serde_json::Value;

use super::{
    Alarm, Concurrency, Finding, Function, Live, Mapping, Parts, Queue, Schedule, StackState, Table, Wanted,
    wanted::{number, text},
};
use crate::deploy::settings::Settings;

static PLAIN: TaskDef = TaskDef::untyped("audit.plain", Options::new(), Body::Async(|_, _| Err(String::new())));
static NIGHTLY: TaskDef = TaskDef::untyped(
    "audit.nightly",
    Options::new().schedule("cron(0 3 * * ? *)"),
    Body::Async(|_, _| Err(String::new())),
);

/// The checksum of the program that its functions run.
const CODE: &str = "c29tZSBwcm9ncmFt";

/// November 2026.
const NOW_MS: u64 = 1_793_491_200_000;

pub(super) struct Stage {
    stack: Stack,
    settings: Settings,
    /// The local program.
    pub(super) code: Option<String>,
    pub(super) live: Live,
}

impl Stage {
    /// A stack that was deployed with these settings.
    pub(super) fn new(settings: &str) -> Self {
        Self::deployed(Settings::parse(settings).expect("settings"))
    }

    /// The same, published as versions of a zip.
    pub(super) fn of_versions(settings: &str) -> Self {
        Self::deployed(Settings::parse(settings).expect("settings").with_code("celeriac/1.zip".to_owned()))
    }

    fn deployed(settings: Settings) -> Self {
        let stack: Stack = "prod".parse().expect("a name");
        let mut stage = Self { stack, settings, code: Some(CODE.to_owned()), live: empty() };
        let template = stage.template();
        stage.live.template = Ok(Some(template.to_string()));
        let versioned = template["Resources"]["WorkerAlias"].is_object();
        for (id, resource) in template["Resources"].as_object().expect("a template") {
            stage.deploy(id, text(&resource["Type"]), &resource["Properties"]);
        }
        for function in stage.live.functions.values_mut().flatten().flatten() {
            function.live = versioned.then(|| "2".to_owned());
        }
        stage
    }

    pub(super) fn template(&self) -> Value {
        self.wanted().template
    }

    fn wanted(&self) -> Wanted<'_> {
        let registry = Registry::new([&PLAIN, &NIGHTLY]).expect("tasks");
        let wanted = Wanted::new(&self.stack, &registry, &self.settings, NOW_MS).expect("a stack");
        wanted.running(self.code.clone())
    }

    pub(super) fn judge(&self, judge: impl Fn(&Wanted<'_>, &Live) -> Vec<Finding>) -> Vec<Finding> {
        judge(&self.wanted(), &self.live)
    }

    pub(super) fn function(&mut self, id: &str) -> &mut Function {
        part(&mut self.live.functions, id)
    }

    pub(super) fn mapping(&mut self, id: &str) -> &mut Mapping {
        part(&mut self.live.mappings, id)
    }

    pub(super) fn queue(&mut self, id: &str) -> &mut Queue {
        part(&mut self.live.queues, id)
    }

    pub(super) fn table(&mut self) -> &mut Table {
        part(&mut self.live.table, "Table")
    }

    pub(super) fn schedule(&mut self, id: &str) -> &mut Schedule {
        part(&mut self.live.schedules, id)
    }

    /// The alarm of this name.
    pub(super) fn alarm(&mut self, name: &str) -> &mut Alarm {
        let id = self.id_of_alarm(name);
        part(&mut self.live.alarms, &id)
    }

    pub(super) fn id_of_alarm(&self, name: &str) -> String {
        let template = self.template();
        let mut all = template["Resources"].as_object().expect("a template").iter();
        let alarm = all.find(|(_, resource)| resource["Properties"]["AlarmName"] == name);
        alarm.expect("the stack has it").0.clone()
    }

    fn deploy(&mut self, id: &str, kind: &str, properties: &Value) {
        let (live, id) = (&mut self.live, id.to_owned());
        let mut name = id.clone();
        match kind {
            "AWS::Lambda::Function" => {
                text(&properties["FunctionName"]).clone_into(&mut name);
                live.functions.insert(id.clone(), Ok(Some(function(properties))));
            }
            "AWS::Lambda::Version" => {
                name = format!("arn:aws:lambda:x:1:function:{}:2", text(&properties["FunctionName"]["Ref"]));
            }
            "AWS::Lambda::Alias" => {
                let function = text(&properties["FunctionName"]["Ref"]).to_lowercase();
                name = format!("arn:aws:lambda:x:1:function:prod-{function}:live");
            }
            "AWS::SQS::Queue" => {
                name = format!("https://sqs.x.amazonaws.com/1/{}", text(&properties["QueueName"]));
                live.queues.insert(id.clone(), Ok(Some(queue(properties))));
            }
            "AWS::Lambda::EventSourceMapping" => {
                live.mappings.insert(id.clone(), Ok(Some(mapping(&id, properties))));
            }
            "AWS::DynamoDB::Table" => {
                live.table.insert(id.clone(), Ok(Some(table(properties))));
            }
            "AWS::Scheduler::Schedule" => {
                live.schedules.insert(id.clone(), Ok(Some(schedule(properties))));
            }
            "AWS::CloudWatch::Alarm" => {
                live.alarms.insert(id.clone(), Ok(Some(Alarm::default())));
            }
            _ => {}
        }
        live.names.insert(id, name);
    }
}

fn empty() -> Live {
    let state = StackState { status: "CREATE_COMPLETE".to_owned(), ..StackState::default() };
    Live::new(Ok(Concurrency { limit: 1_000, unreserved: 1_000 }), Ok(Some(state)))
}

fn part<'a, T>(parts: &'a mut Parts<T>, id: &str) -> &'a mut T {
    let found = parts.get_mut(id).unwrap_or_else(|| panic!("the stack has no {id}"));
    found.as_mut().expect("it was looked up").as_mut().expect("it exists")
}

fn function(properties: &Value) -> Function {
    let variables = properties["Environment"]["Variables"].as_object().expect("variables").iter();
    Function {
        state: "Active".to_owned(),
        update: "Successful".to_owned(),
        code: CODE.to_owned(),
        handler: text(&properties["Handler"]).to_owned(),
        architecture: text(&properties["Architectures"][0]).to_owned(),
        memory_mb: number(&properties["MemorySize"]) as u32,
        timeout_s: number(&properties["Timeout"]) as u32,
        reserved: properties["ReservedConcurrentExecutions"].as_u64().map(|reserved| reserved as u32),
        environment: variables.map(|(name, value)| (name.clone(), text(value).to_owned())).collect(),
        ..Function::default()
    }
}

fn queue(properties: &Value) -> Queue {
    let policy = &properties["RedrivePolicy"];
    let dead = policy.is_object().then(|| {
        let arn = format!("arn:aws:sqs:x:1:{}-dead", text(&properties["QueueName"]));
        (arn, number(&policy["maxReceiveCount"]))
    });
    Queue {
        visibility_s: number(&properties["VisibilityTimeout"]),
        retention_s: number(&properties["MessageRetentionPeriod"]),
        dead,
        waiting: 0,
    }
}

/// Queues are named after their ids: `QueueDefault` is `prod-default`.
fn mapping(id: &str, properties: &Value) -> Mapping {
    let queue = text(&properties["EventSourceArn"]["Fn::GetAtt"][0]);
    let (name, end) = match (queue.strip_prefix("DeadQueue"), queue.strip_prefix("Queue")) {
        (Some(name), _) => (name, "-dead"),
        (_, Some(name)) => (name, ""),
        _ => ("failures", ""),
    };
    let function = text(&properties["FunctionName"]["Ref"]).to_lowercase();
    let function = function.strip_suffix("alias").map(|function| format!("{function}:live")).unwrap_or(function);
    Mapping {
        uuid: format!("uuid-{id}"),
        state: "Enabled".to_owned(),
        queue_arn: format!("arn:aws:sqs:x:1:prod-{}{end}", name.to_lowercase()),
        function_arn: format!("arn:aws:lambda:x:1:function:prod-{function}"),
        batch: number(&properties["BatchSize"]) as u32,
        concurrency: properties["ScalingConfig"]["MaximumConcurrency"].as_u64().map(|most| most as u32),
        partial: true,
        result: None,
    }
}

fn table(properties: &Value) -> Table {
    Table {
        status: "ACTIVE".to_owned(),
        ttl: Some("ttl".to_owned()),
        recovery: properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true,
        protected: properties["DeletionProtectionEnabled"] == true,
    }
}

fn schedule(properties: &Value) -> Schedule {
    Schedule {
        state: "ENABLED".to_owned(),
        expression: text(&properties["ScheduleExpression"]).to_owned(),
        timezone: text(&properties["ScheduleExpressionTimezone"]).to_owned(),
    }
}
