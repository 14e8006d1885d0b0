//! Writes mails: a template with a first line `Subject: ..`, rendered for each recipient.

use anyhow::Context as _;
use lettre::{
    Address, Message,
    message::{Mailbox, header::ContentType},
};
use minijinja::{Environment, UndefinedBehavior, context};

use super::row::Recipient;

const TEMPLATE: &str = include_str!("letter.txt");

/// Writes the mails of one campaign.
pub struct Letters {
    templates: Environment<'static>,
    campaign: String,
    from: Mailbox,
}

impl Letters {
    /// The mails of this campaign, from this sender.
    pub fn new(campaign: &str, from: Mailbox) -> anyhow::Result<Self> {
        let mut templates = Environment::new();
        // A misspelt variable is an error at the first mail, not a hole in all of them.
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.add_template("letter", TEMPLATE).context("letter.txt is no template")?;
        Ok(Self { templates, campaign: campaign.to_owned(), from })
    }

    /// The mail to one recipient. `key` makes its Message-ID, by which recipients recognise a mail that is sent twice.
    pub fn write(&self, key: &str, to: &Recipient) -> anyhow::Result<Message> {
        // A line break in a name must not begin another header.
        let name = to.name.replace(char::is_control, " ");
        let letter = self.templates.get_template("letter")?;
        let text = letter.render(context! { campaign => &self.campaign, email => &to.email, name => &name })?;
        let (subject, body) = text
            .strip_prefix("Subject: ")
            .and_then(|text| text.split_once("\n\n"))
            .context("letter.txt begins with a line `Subject: ..` and a blank one")?;
        let address: Address = to.email.parse().with_context(|| format!("`{}` is not an address", to.email))?;
        let name = Some(name).filter(|name| !name.is_empty());
        let mail = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, address))
            .subject(subject)
            .message_id(Some(format!("<{key}@{}>", self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(body.to_owned())?;
        Ok(mail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(email: &str, name: &str) -> String {
        let letters = Letters::new("spring", "Shop <shop@example.com>".parse().unwrap()).unwrap();
        let to = Recipient { email: email.to_owned(), name: name.to_owned() };
        String::from_utf8(letters.write("KEY-7", &to).unwrap().formatted()).unwrap()
    }

    #[test]
    fn greets_by_name_and_names_itself_by_the_key() {
        let mail = letter("ada@example.org", "Ada");
        assert!(mail.contains("\r\nMessage-ID: <KEY-7@example.com>\r\n"), "{mail}");
        assert!(mail.contains("\r\nTo: Ada <ada@example.org>\r\n"), "{mail}");
        assert!(mail.contains("Subject: spring: something new for Ada\r\n"), "{mail}");
        assert!(mail.contains("\r\n\r\nHello Ada,\r\n"), "{mail}");
    }

    #[test]
    fn greets_those_without_a_name() {
        let mail = letter("ada@example.org", "");
        assert!(mail.contains("\r\nTo: ada@example.org\r\n") && mail.contains("Hello there,"), "{mail}");
    }

    #[test]
    fn a_name_adds_no_headers() {
        let mail = letter("ada@example.org", "Ada\r\nBcc: eve@example.org");
        assert!(!mail.contains("\r\nBcc:"), "{mail}");
    }
}
