//! The client: what it sends through, and where it looks things up.

use std::sync::Arc;

use crate::ports::Ports;

/// Asks for work. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    ports: Arc<Ports>,
}

impl Client {
    /// A client over these ports.
    pub fn new(ports: Ports) -> Self {
        Self { ports: Arc::new(ports) }
    }

    /// What it sends through.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }
}
