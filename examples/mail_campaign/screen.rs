//! Shows progress while mails are sent: a bar, if on a terminal, and the first occurrence of each kind of trouble.

use std::sync::{Arc, Mutex, PoisonError};

use celeriac::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use super::mailer::MailError;

/// The terminal, or the log that standard error goes to.
#[derive(Clone)]
pub struct Screen {
    bar: ProgressBar,
    warned: Arc<Mutex<Vec<&'static str>>>,
}

impl Screen {
    /// A screen for a campaign of this many mails.
    pub fn new(mails: u64) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} mails, {per_sec}, {eta} left, {msg}")
            .expect("the template is well formed");
        // Draws on standard error, and nothing at all if that is no terminal.
        Self { bar: ProgressBar::new(mails).with_style(style), warned: Arc::default() }
    }

    /// Shows how far the campaign is.
    pub fn show(&self, campaign: &Progress) {
        self.bar.set_position(campaign.ended);
        self.bar.set_message(format!("{} retried, {} dead", campaign.retries, campaign.dead));
    }

    /// Says why a mail is tried again, once for each kind of trouble.
    pub fn warn(&self, error: &MailError) {
        let kind = error.trouble.kind();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if !warned.contains(&kind) {
            warned.push(kind);
            self.say(&format!("warning: {error}; such mails are tried again"));
        }
    }

    /// Writes a line that stays. A mail server's answer may be in it.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{}", celeriac::printable(line)));
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
