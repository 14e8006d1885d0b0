//! Ways to break the product on purpose.

use task_core::ports::Ports;

/// A way to break the product on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {}

impl Mutation {
    /// Breaks what leads through these ports.
    pub(crate) fn twist(self, ports: Ports) -> Ports {
        let _ = self;
        ports
    }
}
