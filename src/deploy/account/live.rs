//! Looks up all parts of a stack at once.

use std::future::Future;

use celeriac_aws::Stack;
use futures::{StreamExt as _, stream};

use super::Account;
use crate::deploy::audit::{Live, Looked, Parts};

/// The most requests at a time: Lambda takes 15 a second for an account's functions (`Lambda quotas`), and a stack has
/// some twenty parts.
const AT_A_TIME: usize = 8;

/// A resource of a stack: its id in the template, its type, and its name at its service.
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) name: String,
}

impl Account {
    /// Everything that the account has of a stack.
    pub(crate) async fn look(&self, stack: &Stack) -> Live {
        let (concurrency, state) = futures::join!(self.concurrency(), self.stack(stack.as_str()));
        // A stack with nothing but a change set is none yet.
        let state = state.map(|state| state.filter(|state| state.status != "REVIEW_IN_PROGRESS"));
        let mut live = Live::new(concurrency, state.map_err(|error| error.to_string()));
        let Ok(Some(state)) = &live.stack else { return live };
        let (template, resources) = futures::join!(self.template(&state.id), self.resources(&state.id));
        live.template = template;
        match resources {
            Ok(resources) => self.look_at(&mut live, stack, resources).await,
            // Without them there is nothing to compare.
            Err(why) => live.stack = Err(why),
        }
        live
    }

    /// What the account has of concurrency, and what of it the functions of a stack have reserved.
    pub(crate) async fn look_at_concurrency(&self, stack: &Stack) -> Live {
        let (concurrency, resources) = futures::join!(self.concurrency(), self.resources(stack.as_str()));
        let mut live = Live::new(concurrency, Ok(None));
        // There is no stack before the first deployment.
        let resources = resources.unwrap_or_default();
        let functions = resources.iter().filter(|resource| resource.kind == "AWS::Lambda::Function");
        live.functions = all(functions, |one| self.function(&one.name)).await;
        live
    }

    /// The names of a stack's functions.
    pub(crate) async fn functions(&self, stack: &str) -> Looked<Vec<String>> {
        let resources = self.resources(stack).await?.into_iter();
        let functions = resources.filter(|resource| resource.kind == "AWS::Lambda::Function");
        Ok(functions.map(|resource| resource.name).collect())
    }

    async fn look_at(&self, live: &mut Live, stack: &Stack, resources: Vec<Resource>) {
        let of_kind = |kind: &'static str| resources.iter().filter(move |resource| resource.kind == kind);
        let group = stack.schedules();
        let (functions, mappings, queues, table, schedules, alarms) = futures::join!(
            all(of_kind("AWS::Lambda::Function"), |one| self.function(&one.name)),
            all(of_kind("AWS::Lambda::EventSourceMapping"), |one| self.mapping(&one.name)),
            all(of_kind("AWS::SQS::Queue"), |one| self.queue(&one.name)),
            all(of_kind("AWS::DynamoDB::Table"), |one| self.table(&one.name)),
            all(of_kind("AWS::Scheduler::Schedule"), |one| self.schedule(&group, &one.name)),
            all(of_kind("AWS::CloudWatch::Alarm"), |one| self.alarm(stack.as_str(), &one.id)),
        );
        live.functions = functions;
        live.mappings = mappings;
        live.queues = queues;
        live.table = table;
        live.schedules = schedules;
        live.alarms = alarms;
        live.names = resources.into_iter().map(|resource| (resource.id, resource.name)).collect();
    }
}

async fn all<'a, T, F>(resources: impl Iterator<Item = &'a Resource>, look: impl Fn(&'a Resource) -> F) -> Parts<T>
where
    F: Future<Output = Looked<Option<T>>>,
{
    let looks = resources.map(|resource| {
        let look = look(resource);
        async { (resource.id.clone(), look.await) }
    });
    // Made before they run, since a stream of borrowing closures is not `Send`.
    let looks: Vec<_> = looks.collect();
    stream::iter(looks).buffer_unordered(AT_A_TIME).collect().await
}
