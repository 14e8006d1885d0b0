//! The state of the task: letters, and a way to send them.

use std::io;

use super::{
    letters::Letters,
    outbox::Outbox,
    row::Recipient,
    smtp::{Smtp, SmtpError},
};

/// Sends the mails of one campaign.
pub struct Mailer {
    /// The letters.
    pub letters: Letters,
    /// The transport.
    pub way: Way,
    /// How many times a mail is tried.
    pub tries: u32,
}

/// The transport of mails.
pub enum Way {
    /// To a mail server.
    Smtp(Smtp),
    /// Into a folder.
    Outbox(Outbox),
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
#[error("{to}: {trouble}")]
pub struct MailError {
    /// To whom.
    pub to: String,
    /// Why.
    pub trouble: Trouble,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The mail cannot be written.
    #[error("no mail can be written: {0:#}")]
    Letter(anyhow::Error),
    /// The mail server did not take it.
    #[error(transparent)]
    Smtp(SmtpError),
    /// There is no file for it.
    #[error("cannot write into the outbox: {0}")]
    Outbox(io::Error),
}

impl Trouble {
    /// Whether a retry would fail in the same way.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Letter(_) | Self::Smtp(SmtpError::Permanent(..)))
    }

    /// The kind of trouble, for the screen.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Letter(_) => "letter",
            Self::Outbox(_) => "outbox",
            Self::Smtp(error) => error.kind(),
        }
    }
}

impl Mailer {
    /// Sends the mail with this key to one recipient. With the same key it is the same mail, and in an outbox the same
    /// file.
    pub async fn send(&self, key: &str, to: &Recipient) -> Result<(), MailError> {
        let failed = |trouble| MailError { to: to.email.clone(), trouble };
        let mail = self.letters.write(key, to).map_err(|error| failed(Trouble::Letter(error)))?;
        match &self.way {
            Way::Smtp(smtp) => smtp.send(&mail).await.map_err(|error| failed(Trouble::Smtp(error))),
            Way::Outbox(outbox) => {
                outbox.write(key, mail.formatted()).await.map_err(|error| failed(Trouble::Outbox(error)))
            }
        }
    }
}
