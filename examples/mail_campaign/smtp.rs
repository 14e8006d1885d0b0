//! A mail server: a limited number of connections, each used again, and a time limit for every mail.
//!
//! This is `lettre` without its own pool, for three reasons. That pool bounds idle connections, not busy ones. Its
//! timeout covers only connecting, so a stalled server holds a connection for ever. And when a call is cut short, it
//! puts the connection back in the middle of a dialogue, and reads the answer to one mail as the answer to the next.
//! Here a connection goes back only after a whole mail.

use std::{error::Error as _, fmt, str::FromStr, sync::Mutex, time::Duration};

use lettre::{
    Message,
    transport::smtp::{client::AsyncSmtpConnection, extension::ClientId},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use url::Url;

/// How long a connection may wait for its next mail: servers close idle ones, some after a minute.
const MAX_IDLE: Duration = Duration::from_secs(15);

/// Where a mail server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    host: String,
    port: u16,
}

/// Why a mail was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpError {
    /// There is no connection to the server.
    #[error("cannot connect to {0}: {1}")]
    Connect(Server, String),
    /// The server stopped answering.
    #[error("{0} did not answer within {1:?}")]
    Stalled(Server, Duration),
    /// The connection ended before the server had answered.
    #[error("{0} dropped the connection in the middle of a mail: {1}")]
    Dropped(Server, String),
    /// The server does not take the mail now.
    #[error("{0} refused the mail for now: {1}")]
    Temporary(Server, String),
    /// The server never takes the mail.
    #[error("{0} refused the mail: {1}")]
    Permanent(Server, String),
}

impl SmtpError {
    /// Its kind, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect(..) => "connect",
            Self::Stalled(..) => "stalled",
            Self::Dropped(..) => "dropped",
            Self::Temporary(..) => "temporary",
            Self::Permanent(..) => "permanent",
        }
    }
}

/// Connections to one server.
pub struct Smtp {
    server: Server,
    timeout: Duration,
    slots: Semaphore,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl Smtp {
    /// At most `connections` to this server. Each mail, from connecting to the server's word, takes at most `timeout`.
    pub fn new(server: Server, connections: u32, timeout: Duration) -> Self {
        Self { server, timeout, slots: Semaphore::new(connections as usize), idle: Mutex::default() }
    }

    /// Makes a connection, to learn now whether the server is there.
    pub async fn check(&self) -> Result<(), SmtpError> {
        let connection = self.within(self.connect()).await?;
        self.park(connection);
        Ok(())
    }

    /// Sends a mail; `Ok` once the server has taken it.
    pub async fn send(&self, mail: &Message) -> Result<(), SmtpError> {
        let _slot = self.slots.acquire().await.expect("nobody closes it");
        self.within(async {
            let mut connection = match self.unpark() {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            connection.send(mail.envelope(), &mail.formatted()).await.map_err(|error| self.refusal(&error))?;
            self.park(connection);
            Ok(())
        })
        .await
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, SmtpError>>) -> Result<T, SmtpError> {
        timeout(self.timeout, work).await.unwrap_or_else(|_| Err(SmtpError::Stalled(self.server.clone(), self.timeout)))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let address = (self.server.host.as_str(), self.server.port);
        let connected =
            AsyncSmtpConnection::connect_tokio1(address, Some(self.timeout), &ClientId::default(), None, None).await;
        connected.map_err(|error| SmtpError::Connect(self.server.clone(), cause(&error)))
    }

    fn refusal(&self, error: &lettre::transport::smtp::Error) -> SmtpError {
        let (server, why) = (self.server.clone(), cause(error));
        // An error of the client is a mail that this server can never take: it lacks an extension.
        if error.is_permanent() || error.is_client() {
            SmtpError::Permanent(server, why)
        } else if error.is_transient() {
            SmtpError::Temporary(server, why)
        } else {
            SmtpError::Dropped(server, why)
        }
    }

    fn unpark(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < MAX_IDLE);
        idle.pop().map(|(connection, _)| connection)
    }

    fn park(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        idle.push((connection, Instant::now()));
    }
}

/// The server's own words, or what the connection died of.
fn cause(error: &lettre::transport::smtp::Error) -> String {
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    match error.status() {
        Some(code) => format!("{code} {why}"),
        None => why,
    }
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "smtp://HOST or smtp://HOST:PORT; this example knows neither passwords nor encryption: send \
                    through a relay on this machine";
        let url = Url::parse(text).map_err(|error| format!("{error}: {form}"))?;
        let bare = url.username().is_empty() && url.password().is_none() && matches!(url.path(), "" | "/");
        match url.host_str() {
            Some(host) if url.scheme() == "smtp" && bare => {
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                Ok(Self { host, port: url.port().unwrap_or(25) })
            }
            _ => Err(form.to_owned()),
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_address_of_a_server() {
        let read = |text: &str| text.parse::<Server>().map(|server| server.to_string());
        assert_eq!(read("smtp://localhost"), Ok("localhost:25".to_owned()));
        assert_eq!(read("smtp://127.0.0.1:2525/"), Ok("127.0.0.1:2525".to_owned()));
        assert_eq!(read("smtp://[::1]:25"), Ok("[::1]:25".to_owned()));
        for wrong in ["smtps://mail.example.org", "smtp://ada:secret@example.org", "localhost:25", "smtp://", "mail"] {
            assert!(read(wrong).unwrap_err().contains("smtp://HOST:PORT"), "{wrong}");
        }
    }
}
