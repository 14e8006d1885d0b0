//! SIGTERM and ctrl-c. They are heard on a thread of their own: tasks that block every thread of the runtime do not
//! keep a process from being stopped.

use std::{io, process, thread, time::Duration};

use tokio_util::sync::CancellationToken;

/// How much longer than its grace a stop may take before the process ends all the same.
const MARGIN: Duration = Duration::from_secs(5);

/// Cancels `stop` at the first signal. The process ends by force at the second one, or when it has not ended by itself
/// some time after `grace`: with the code that shells give the signal.
pub(super) fn listen(stop: CancellationToken, grace: Duration) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (ready, listening) = std::sync::mpsc::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            let mut signals = match Signals::new() {
                Ok(signals) => signals,
                Err(error) => return drop(ready.send(Err(error))),
            };
            // Nobody waits for the answer only if the process is ending.
            let _ = ready.send(Ok(()));
            let first = signals.next().await;
            tracing::info!(grace_s = grace.as_secs(), "stopping; another signal stops at once");
            stop.cancel();
            let code = tokio::select! {
                code = signals.next() => code,
                () = tokio::time::sleep(grace + MARGIN) => {
                    tracing::warn!("stopped by force; calls that did not end run again when their lease is over");
                    first
                }
            };
            process::exit(code.into());
        });
    })?;
    listening.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that hears signals has ended")))
}

/// The signals that end a process, from now on. As process 1 of a container a process has to listen to be ended by them.
#[cfg(unix)]
pub(super) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one and answers the exit code that shells give it.
    pub(super) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[allow(clippy::unnecessary_wraps, reason = "other systems may refuse a handler")]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> u8 {
        // Without a handler the system ends the process by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        130
    }
}
