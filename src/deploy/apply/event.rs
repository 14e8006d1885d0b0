//! What happened to a resource of a stack, in words.

/// An event of a stack.
#[derive(Clone, Debug, Default)]
pub(crate) struct Event {
    /// Differs for each event.
    pub(super) id: String,
    /// The resource, by its id in the template.
    pub(crate) resource: String,
    pub(crate) kind: String,
    /// In `CloudFormation`'s words: `CREATE_IN_PROGRESS`.
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
}

impl Event {
    /// Whether it is about the stack itself.
    pub(super) fn is_of_stack(&self) -> bool {
        self.kind == "AWS::CloudFormation::Stack"
    }

    /// Whether this resource is done, well or not.
    pub(crate) fn is_end(&self) -> bool {
        !self.status.ends_with("_IN_PROGRESS")
    }

    pub(crate) fn is_failure(&self) -> bool {
        self.status.ends_with("_FAILED")
    }

    /// One line for people.
    pub(crate) fn text(&self) -> String {
        let reason = self.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        format!("{} {} ({}){reason}", self.status, self.resource, self.kind)
    }
}
