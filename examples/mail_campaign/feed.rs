//! The recipients as `fan_out` reads them.

use std::{
    fs::File,
    io::BufReader,
    pin::Pin,
    task::{Context, Poll},
};

use futures::Stream;
use tokio::sync::oneshot;

use super::{
    recipients::{ReadError, Recipients, Survey},
    row::Recipient,
};

/// The arguments of a campaign's calls, in the order of the file.
///
/// A batch is closed at the end of its source. So this source ends only where the survey did. If the file cannot be
/// read or has changed meanwhile, it reports that to the receiver from [`Feed::open`] and stays pending: the batch
/// stays open, and a later run continues it.
pub struct Feed {
    rows: Recipients<BufReader<File>>,
    survey: Survey,
    left: u64,
    failed: Option<oneshot::Sender<ReadError>>,
}

impl Feed {
    /// A feed, and the receiver of its error.
    pub fn open(path: &std::path::Path, survey: &Survey) -> Result<(Self, oneshot::Receiver<ReadError>), ReadError> {
        let (failed, failure) = oneshot::channel();
        let rows = Recipients::open(path)?;
        Ok((Self { rows, survey: survey.clone(), left: survey.recipients, failed: Some(failed) }, failure))
    }

    fn fail(&mut self, error: ReadError) -> Poll<Option<(String, String)>> {
        if let Some(failed) = self.failed.take() {
            // The receiver is gone only if the campaign was abandoned.
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

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use futures::StreamExt as _;
    use tempfile::TempDir;

    use super::{super::recipients::survey, *};

    const TWO: &str = "email,name\nada@example.org,Ada\n,Nobody\ngrace@example.org,Grace\n";

    fn surveyed(folder: &TempDir) -> (PathBuf, Survey) {
        let path = folder.path().join("people.csv");
        fs::write(&path, TWO).unwrap();
        let survey = survey(&path, |_| ()).unwrap();
        (path, survey)
    }

    #[tokio::test]
    async fn ends_where_the_survey_did() {
        let folder = TempDir::new().unwrap();
        let (path, survey) = surveyed(&folder);
        let (feed, _failure) = Feed::open(&path, &survey).unwrap();
        assert_eq!(feed.size_hint(), (2, Some(2)));
        assert_eq!(feed.map(|(email, _)| email).collect::<Vec<_>>().await, ["ada@example.org", "grace@example.org"]);
    }

    #[tokio::test]
    async fn a_file_that_has_changed_is_not_read_to_an_end() {
        let folder = TempDir::new().unwrap();
        let (path, survey) = surveyed(&folder);
        for changed in [TWO.replace("Grace\n", "Hopper\n"), TWO.replace(",Nobody", "n@example.org,N"), TWO[..30].into()]
        {
            fs::write(&path, changed).unwrap();
            let (feed, failure) = Feed::open(&path, &survey).unwrap();
            let error = tokio::select! {
                rows = feed.count() => panic!("it ended after {rows} rows"),
                error = failure => error.unwrap().to_string(),
            };
            assert!(error.ends_with("people.csv was changed while it was being read: put it back and start again"));
        }
    }
}
