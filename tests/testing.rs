//! Runs the code in docs/testing.md: three ways to test an application.

#![allow(clippy::unused_async, reason = "these tasks have nothing to wait for")]

/// Tests the function alone.
mod function {
    use std::{io::Error, sync::Arc};

    use celeriac::{State, task};

    pub(super) struct Mailer {
        from: String,
    }

    /// For an app that has this task too.
    pub(super) fn mailer() -> Mailer {
        Mailer { from: "shop".to_owned() }
    }

    #[task(retries = 5)]
    async fn send_email(mailer: State<Mailer>, to: String, template: String) -> Result<String, Error> {
        Ok(format!("{} sends {template} to {to}", mailer.from))
    }

    #[tokio::test]
    async fn a_mail_says_who_sends_it() -> Result<(), Error> {
        let mailer = State(Arc::new(Mailer { from: "shop".to_owned() }));
        let sent = send_email.call(mailer, "ada@example.org".to_owned(), "welcome".to_owned()).await?;
        assert_eq!(sent, "shop sends welcome to ada@example.org");
        Ok(())
    }
}

/// Tests what was sent.
mod sent {
    use celeriac::{BoxError, CallStatus, Client, TaskId, task};

    #[task(name = "sent")]
    async fn send_email(to: String, template: String) {
        let _ = (to, template);
    }

    /// What is tested: it sends one mail.
    async fn sign_up(address: &str) -> Result<TaskId, celeriac::Error> {
        Ok(send_email.delay(address, "welcome").await?.id())
    }

    #[tokio::test]
    async fn who_signs_up_gets_a_mail() -> Result<(), BoxError> {
        let folder = tempfile::tempdir()?;
        let client = Client::new(celeriac::embedded::open(&folder.path().join("test.db"))?);

        let mail = client.scope(sign_up("ada@example.org")).await?;

        assert_eq!(client.status(mail).await?, CallStatus::Queued);
        let queues = client.ports().queue.depths().await?;
        assert_eq!((&*queues[0].queue, queues[0].ready), ("default", 1));
        Ok(())
    }
}

/// Tests the whole path.
mod path {
    use std::{io::Error, time::Duration};

    use celeriac::{App, BoxError, State, task};

    struct Mailer {
        from: String,
    }

    #[task(name = "path", retries = 5, backoff = "1ms..5ms")]
    async fn send_email(mailer: State<Mailer>, to: String, template: String) -> Result<String, Error> {
        Ok(format!("{} sends {template} to {to}", mailer.from))
    }

    #[tokio::test]
    async fn a_mail_is_sent() -> Result<(), BoxError> {
        let app = App::default().state(Mailer { from: "shop".to_owned() }).store("memory:a_mail_is_sent");
        let app = app.state(super::function::mailer());
        let running = app.start().await?;

        let sent = running
            .client()
            .scope(async { send_email.delay("ada@example.org", "welcome").await?.get(Duration::from_secs(10)).await })
            .await?;
        assert_eq!(sent, "shop sends welcome to ada@example.org");

        running.stop().await;
        Ok(())
    }
}
