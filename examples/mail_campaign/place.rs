//! Decides where a campaign's mails are sent from: this process and its file, or the functions of a stack on AWS.

use std::fmt::Display;

#[cfg(feature = "aws")]
use celeriac::aws::{Backend, Bill, Estimate, Settings};
use celeriac::{App, Client, Plan, Road, Running};

use super::{campaign::Campaign, options::Options, screen::Screen};

/// Where mails are sent from.
pub enum Place {
    /// From here.
    Here(Running),
    /// From the functions of a stack.
    #[cfg(feature = "aws")]
    Stack(Box<Backend>),
}

impl Place {
    /// The place that the options ask for, ready to send.
    pub async fn open(options: &Options, campaign: &Campaign, screen: &Screen) -> anyhow::Result<Self> {
        #[cfg(feature = "aws")]
        if let Some(backend) = stack(options)? {
            return Ok(Self::Stack(Box::new(backend)));
        }
        let mailer = options.sending.mailer(&campaign.name).await?;
        let app = App::default().store(&options.store).state(mailer).state(screen.clone());
        // A separate queue: mails of another campaign in this file are not sent with this one's mailer.
        Ok(Self::Here(app.queue(&campaign.queue, Road::Wide).slots(2).start().await?))
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        match self {
            Self::Here(running) => running.client(),
            #[cfg(feature = "aws")]
            Self::Stack(backend) => Client::new(backend.ports()),
        }
    }

    /// Ends everything that was started here.
    pub async fn close(self) {
        match self {
            Self::Here(running) => running.stop().await,
            #[cfg(feature = "aws")]
            Self::Stack(_) => {}
        }
    }

    /// Its costs so far, if it costs anything.
    pub fn bill(&self, calls: u64) -> Option<impl Display + use<>> {
        match self {
            Self::Here(_) => None::<String>,
            #[cfg(feature = "aws")]
            Self::Stack(backend) => {
                let bill = Bill::new(&backend.meter().usage(), calls);
                Some(format!("{bill}\nwithout what the functions asked and how long they ran"))
            }
        }
    }
}

/// The further estimate of a plan for the chosen place.
pub fn estimate(options: &Options, plan: &Plan) -> anyhow::Result<Option<(String, serde_json::Value)>> {
    #[cfg(feature = "aws")]
    if let Some(backend) = stack(options)? {
        let estimate = Estimate::new(plan, backend.settings());
        return Ok(Some((estimate.to_string(), serde_json::to_value(&estimate)?)));
    }
    let _ = (options, plan);
    Ok(None)
}

#[cfg(feature = "aws")]
fn stack(options: &Options) -> anyhow::Result<Option<Backend>> {
    if !options.is_elsewhere() {
        return Ok(None);
    }
    Ok(Some(Backend::new(Settings::of(options.store.rest().parse()?)?, celeriac::aws::Options::default())?))
}
