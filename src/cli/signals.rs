//! Handles SIGTERM and ctrl-c on a separate thread, so that a process can be stopped even if tasks block every thread
//! of its runtime.

use std::{io, process, thread, time::Duration};

use tokio_util::sync::CancellationToken;

/// How much longer than its grace a stop may take before the process ends by force.
const MARGIN: Duration = Duration::from_secs(5);

/// Cancels `stop` at the first signal. The process ends by force at the second signal, or if it still runs some time
/// after `grace`. Its exit code is then the shell's code for the signal.
pub(super) fn listen(stop: CancellationToken, grace: Duration) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (ready, listening) = std::sync::mpsc::channel();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            let mut signals = match Signals::new() {
                Ok(signals) => signals,
                Err(error) => return drop(ready.send(Err(error))),
            };
            // The receiver is gone only if the process is ending.
            let _ = ready.send(Ok(()));
            let first = signals.next().await;
            tracing::info!(grace_s = grace.as_secs(), "stopping; another signal stops at once");
            stop.cancel();
            let code = tokio::select! {
                code = signals.next() => code,
                () = tokio::time::sleep(grace + MARGIN) => {
                    tracing::warn!("stopped by force; calls that did not end run again when their lease ends");
                    first
                }
            };
            process::exit(code.into());
        });
    })?;
    listening.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that hears signals has ended")))
}

/// Listens to the signals that end a process. Without this, they do not end process 1 of a container.
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

    /// Waits for the next signal and returns its exit code in a shell.
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
        // Without a handler the system ends the process itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        130
    }
}
