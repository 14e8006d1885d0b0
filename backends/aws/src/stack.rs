//! The name of a deployment, and the names of its resources.

use std::{fmt, ops::RangeInclusive, str::FromStr, sync::Arc};

/// The end of the name of a dead-letter queue.
const DEAD: &str = "-dead";

/// The queue for reports of failed invocations.
const FAILURES: &str = "failures";

/// SQS's longest name of a queue.
const MAX_QUEUE: usize = 80;

/// How long a stack's name may be. A table of DynamoDB has it, and those have at least three characters (`Naming rules` in
/// the guide of DynamoDB).
const LENGTH: RangeInclusive<usize> = 3..=40;

/// A deployment. The names of all its resources follow from its own name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stack(Arc<str>);

/// An invalid name of a stack, or of a queue of a stack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// Not the name of a stack.
    #[error("`{name}` is no stack's name: a letter, then 2 to 39 more of a-z, 0-9 and `-`")]
    Name {
        /// The text.
        name: String,
    },
    /// A queue name that the stack reserves for itself.
    #[error("queue `{queue}`: stack `{stack}` needs that name for itself; no queue is `failures` or ends in `-dead`")]
    Reserved {
        /// The stack.
        stack: String,
        /// The queue.
        queue: String,
    },
    /// A queue whose name is too long.
    #[error(
        "queue `{queue}`: `{stack}-{queue}-dead` has {bytes} characters, SQS takes at most 80: shorten one of the two"
    )]
    TooLong {
        /// The stack.
        stack: String,
        /// The queue.
        queue: String,
        /// How long the name of its dead-letter queue would be.
        bytes: usize,
    },
}

impl Stack {
    /// The stack's own name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the stack can have this queue.
    pub fn check_queue(&self, queue: &str) -> Result<(), StackError> {
        let (stack, queue_name) = (self.0.to_string(), queue.to_owned());
        if queue == FAILURES || queue.ends_with(DEAD) {
            return Err(StackError::Reserved { stack, queue: queue_name });
        }
        let bytes = self.dead_queue(queue).len();
        if bytes > MAX_QUEUE {
            return Err(StackError::TooLong { stack, queue: queue_name, bytes });
        }
        Ok(())
    }

    /// The SQS queue behind a queue.
    pub fn queue(&self, queue: &str) -> String {
        format!("{}-{queue}", self.0)
    }

    /// The SQS queue for messages that are unreadable or were received too often.
    pub fn dead_queue(&self, queue: &str) -> String {
        format!("{}-{queue}{DEAD}", self.0)
    }

    /// The SQS queue for reports of failed worker invocations.
    pub fn failures_queue(&self) -> String {
        self.queue(FAILURES)
    }

    /// The role of an SQS queue with this name in the stack.
    pub fn role_of(&self, sqs: &str) -> Option<QueueRole> {
        let rest = sqs.strip_prefix(&*self.0)?.strip_prefix('-')?;
        Some(match rest.strip_suffix(DEAD) {
            Some(queue) => QueueRole::Dead(queue.into()),
            None if rest == FAILURES => QueueRole::Failures,
            None => QueueRole::Work(rest.into()),
        })
    }

    /// The DynamoDB table.
    pub fn table(&self) -> String {
        self.0.to_string()
    }

    /// The dispatcher's function.
    pub fn dispatcher(&self) -> String {
        format!("{}-dispatcher", self.0)
    }

    /// The function of workers with this much memory, in MB; `None` for tasks that do not set it.
    pub fn worker(&self, memory: Option<u32>) -> String {
        memory.map_or_else(|| format!("{}-worker", self.0), |memory| format!("{}-worker-{memory}", self.0))
    }

    /// The group of schedules at EventBridge Scheduler.
    pub fn schedules(&self) -> String {
        self.0.to_string()
    }

    /// The role by which EventBridge Scheduler sends to the stack's queues.
    pub fn scheduler_role(&self) -> String {
        format!("{}-scheduler", self.0)
    }
}

/// The role of an SQS queue in a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueRole {
    /// Holds the messages of this queue.
    Work(Arc<str>),
    /// Is the dead-letter queue of this queue.
    Dead(Arc<str>),
    /// Holds reports of failed worker invocations.
    Failures,
}

impl FromStr for Stack {
    type Err = StackError;

    fn from_str(name: &str) -> Result<Self, StackError> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = LENGTH.contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(letters);
        if fits { Ok(Self(name.into())) } else { Err(StackError::Name { name: name.to_owned() }) }
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Stack {
        "shop-eu".parse().expect("a stack's name")
    }

    #[test]
    fn the_role_of_a_queue_is_read_from_its_name() {
        let stack = shop();
        assert_eq!(stack.role_of(&stack.queue("mail")), Some(QueueRole::Work("mail".into())));
        assert_eq!(stack.role_of(&stack.dead_queue("mail")), Some(QueueRole::Dead("mail".into())));
        assert_eq!(stack.role_of(&stack.failures_queue()), Some(QueueRole::Failures));
        assert_eq!(stack.role_of("shop-mail"), None);
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        for name in ["", "s", "sh", "Shop", "2shop", "shop_eu", &"s".repeat(41)] {
            let error = name.parse::<Stack>().unwrap_err().to_string();
            assert_eq!(error, format!("`{name}` is no stack's name: a letter, then 2 to 39 more of a-z, 0-9 and `-`"));
        }
        assert!("sho".parse::<Stack>().is_ok());
        let error = shop().check_queue("mail-dead").unwrap_err().to_string();
        assert_eq!(
            error,
            "queue `mail-dead`: stack `shop-eu` needs that name for itself; no queue is `failures` or ends in `-dead`"
        );
        let error = shop().check_queue(&"m".repeat(70)).unwrap_err().to_string();
        assert!(error.contains("has 83 characters, SQS takes at most 80"), "{error}");
    }
}
