//! A running host.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::Runtime,
};

use crate::{
    Faults, HostOptions, Stats,
    api::Services,
    lambda::Lambda,
    server::serve,
    sqs::{Sqs, push},
    stats::Counters,
};

/// How many connections may wait to be accepted: a launcher opens a thousand at once.
const BACKLOG: u32 = 4096;

/// A running host with threads of its own. When it is dropped, it ends, and so do the programs that it started.
pub struct Host {
    services: Arc<Services>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Host {
    /// Starts to listen.
    ///
    /// # Errors
    /// If the address is taken, or no threads can be started.
    pub fn start(options: HostOptions) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads)
            .thread_name("aws-host")
            .enable_all()
            .build()?;
        let listener = {
            let _reactor = runtime.enter();
            listen(options.address)?
        };
        let address = listener.local_addr()?;
        let counters = Arc::new(Counters::default());
        let sqs = Arc::new(Sqs::new(address, &options, Arc::clone(&counters)));
        let lambda = Arc::new(Lambda::new(options.functions, options.any, Arc::clone(&counters), &sqs));
        for mapping in options.mappings {
            runtime.spawn(push(Arc::clone(&sqs), Arc::clone(&lambda), mapping));
        }
        let services = Arc::new(Services { counters, faults: Mutex::new(options.faults), lambda, sqs });
        runtime.spawn(serve(listener, Arc::clone(&services)));
        Ok(Self { services, address, runtime: Some(runtime) })
    }

    /// Its endpoint for an SDK.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its counters since it started or was reset.
    pub fn stats(&self) -> Stats {
        self.services.counters.read()
    }

    /// Starts all counters again.
    pub fn reset(&self) {
        self.services.counters.reset();
    }

    /// Applies other latency and faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.services.set_faults(faults);
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Drop for Host {
    fn drop(&mut self) {
        // This does not wait for running events: a stub may never end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("address", &self.address).finish_non_exhaustive()
    }
}
