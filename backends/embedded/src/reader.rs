//! The thread that reads, so that an executor's threads never wait for the disk.

use std::{io, sync::mpsc, thread::JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{error::Faults, place::FilePlace};
use celeriac_core::ports::PortError;

type Work = Box<dyn FnOnce(&Connection) + Send>;

/// Hands queries to the thread that reads.
#[derive(Debug)]
pub(super) struct Reader {
    sender: Option<mpsc::Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    place: FilePlace,
    faults: Faults,
}

impl Reader {
    /// Starts the thread.
    pub(super) fn start(db: Connection, place: FilePlace, faults: Faults) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel::<Work>();
        let serve = move || {
            while let Ok(work) = receiver.recv() {
                work(&db);
            }
        };
        let thread = std::thread::Builder::new().name("celeriac-reader".to_owned()).spawn(serve)?;
        Ok(Self { sender: Some(sender), thread: Some(thread), place, faults })
    }

    /// Runs a query on one snapshot of the file.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        if let Some(lost) = self.place.lost() {
            return Err(self.faults.gone(lost));
        }
        let (reply, answer) = oneshot::channel();
        let read = move |db: &Connection| {
            let answer = db.unchecked_transaction().and_then(|snapshot| work(&snapshot));
            // The caller may have stopped waiting.
            let _ = reply.send(answer);
        };
        let sent = self.sender.as_ref().map(|sender| sender.send(Box::new(read)));
        match (sent, answer.await) {
            (Some(Ok(())), Ok(answer)) => answer.map_err(|error| self.faults.undone(error)),
            _ => Err(self.faults.stopped()),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
