//! The recipients as `fan_out` reads them.

use std::{
    fs::File,
    io::BufReader,
    pin::Pin,
    task::{Context, Poll},
};

use futures::Stream;
use tokio::sync::oneshot;

use super::recipients::{ReadError, Recipient, Recipients, Survey};

/// The arguments of a campaign's calls, in the order of the file.
///
/// A batch is closed at the end of its source. So this one ends only where the survey did: if the file cannot be read
/// or has changed meanwhile, it says so to the other side of [`Feed::open`] and stays pending, the batch stays open,
/// and a later run goes on with it.
pub struct Feed {
    rows: Recipients<BufReader<File>>,
    survey: Survey,
    left: u64,
    failed: Option<oneshot::Sender<ReadError>>,
}

impl Feed {
    /// A feed, and where it says that it cannot go on.
    pub fn open(path: &std::path::Path, survey: &Survey) -> Result<(Self, oneshot::Receiver<ReadError>), ReadError> {
        let (failed, failure) = oneshot::channel();
        let rows = Recipients::open(path)?;
        Ok((Self { rows, survey: survey.clone(), left: survey.recipients, failed: Some(failed) }, failure))
    }

    fn fail(&mut self, error: ReadError) -> Poll<Option<(String, String)>> {
        if let Some(failed) = self.failed.take() {
            // Nobody listens only when nobody waits for this campaign any more.
            let _ = failed.send(error);
        }
        Poll::Pending
    }
}

impl Stream for Feed {
    type Item = (String, String);

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<(String, String)>> {
        loop {
            match self.rows.next() {
                Some(Ok(Ok(Recipient { email, name }))) if self.left > 0 => {
                    self.left -= 1;
                    return Poll::Ready(Some((email, name)));
                }
                Some(Ok(Err(_skipped))) => {}
                None if self.left == 0 && self.rows.fingerprint() == self.survey.fingerprint => {
                    return Poll::Ready(None);
                }
                Some(Err(error)) => return self.fail(error),
                Some(Ok(Ok(_))) | None => {
                    let changed = ReadError::Changed(self.rows.path().to_owned());
                    return self.fail(changed);
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}
