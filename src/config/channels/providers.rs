//! Who brings messages: a mail server, a Slack workspace, an SMS provider, browsers' push services; and who sends some in.

use crate::party::PersonId;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The mail server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// Its name: its certificate has to be for that.
    pub host: String,
    /// Its port; 465, 587 or 25 by its security if nothing is said.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is secured; `starttls` if nothing is said.
    #[serde(default)]
    pub security: Security,
    /// The authority that its certificate comes from, PEM, where that is none that browsers trust.
    #[serde(default)]
    pub authority: Option<PathBuf>,
    /// Whom mail comes from: `Countersign <approvals@example.com>`.
    pub from: String,
    /// Who logs in there.
    #[serde(default)]
    pub user: Option<String>,
    /// A file with the password, mode 0600.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
}

/// How a connection to a mail server is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the start.
    Tls,
    /// TLS before anything else is said.
    #[default]
    StartTls,
    /// None: for a server on this machine.
    Plain,
}

impl Email {
    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            Security::Tls => 465,
            Security::StartTls => 587,
            Security::Plain => 25,
        })
    }

    fn check(&self) -> Result<(), String> {
        if self.host.trim().is_empty() {
            return Err("`host` is empty".to_owned());
        }
        let here = matches!(&*self.host, "localhost" | "127.0.0.1" | "::1");
        if self.security == Security::Plain && !here {
            return Err(format!(
                "`security: plain` is for a server on this machine, and `{}` is another one",
                self.host
            ));
        }
        if self.user.is_some() != self.password_file.is_some() {
            return Err("give both `user` and `password_file`, or neither".to_owned());
        }
        Ok(())
    }
}

/// A Slack workspace, and the app in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The workspace's id (`T…`).
    pub team: String,
    /// A file with the app's bot token (`xoxb-…`), mode 0600.
    pub token_file: PathBuf,
    /// A file with the app's signing secret, mode 0600.
    pub signing_secret_file: PathBuf,
    /// Where Slack's interface is; `https://slack.com/api` if nothing is said.
    #[serde(default = "slack_api")]
    pub api: String,
    /// It may be on this machine, also without TLS: for trying out.
    #[serde(default)]
    pub allow_loopback: bool,
}

fn slack_api() -> String {
    "https://slack.com/api".to_owned()
}

impl Slack {
    fn check(&self) -> Result<(), String> {
        match self.team.len() > 1 && self.team.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            true => Ok(()),
            false => Err(format!("`team: {}` is no workspace's id, as `T0123ABCD` is one", self.team)),
        }
    }
}

/// An SMS provider whose interface is Twilio's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    /// The account (`AC…`).
    pub account: String,
    /// A file with its token, mode 0600.
    pub token_file: PathBuf,
    /// The number that texts come from (`+15550100`).
    #[serde(default)]
    pub from: Option<String>,
    /// … or the messaging service (`MG…`) that chooses one.
    #[serde(default)]
    pub service: Option<String>,
    /// Where the provider's interface is; `https://api.twilio.com` if nothing is said.
    #[serde(default = "twilio_api")]
    pub api: String,
    /// It may be on this machine, also without TLS: for trying out.
    #[serde(default)]
    pub allow_loopback: bool,
}

fn twilio_api() -> String {
    "https://api.twilio.com".to_owned()
}

impl Sms {
    fn check(&self) -> Result<(), String> {
        if self.account.is_empty() || !self.account.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(format!("`account: {}` is no account, as `AC0123` is one", self.account));
        }
        match (&self.from, &self.service) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (Some(_), Some(_)) | (None, None) => Err("give either `from` or `service`".to_owned()),
        }
    }
}

/// Browsers' push services.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// How the services reach whoever runs this: `mailto:ops@example.com` or `https://…`.
    pub contact: String,
    /// A push service may be on this machine, also without TLS: for trying out.
    #[serde(default)]
    pub allow_loopback: bool,
    /// The authority that push services' certificates come from, PEM, where that is none that browsers trust.
    #[serde(default)]
    pub authority: Option<PathBuf>,
}

impl Push {
    fn check(&self) -> Result<(), String> {
        let plain = self.contact.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
        let known = self.contact.starts_with("mailto:") || self.contact.starts_with("https://");
        match plain && known && self.contact.len() <= 256 {
            true => Ok(()),
            false => Err(format!("`contact: {}` is neither `mailto:…` nor `https://…`", self.contact)),
        }
    }
}

/// A program of one's own that sends votes in (Standard Webhooks), in the name of one person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// Where it sends them: `/hooks/<name>` of the console.
    pub name: String,
    /// Whose votes it sends, by their id in the roster.
    pub person: PersonId,
    /// A file with what it signs with, mode 0600: a secret (`whsec_…`), or its public key (`whpk_…`).
    pub key_file: PathBuf,
}

impl Hook {
    fn check(&self) -> Result<(), String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        match !self.name.is_empty() && self.name.len() <= 64 && self.name.bytes().all(plain) {
            true => Ok(()),
            false => Err(format!("`{}` is no name: letters, digits, `-`, `_`", self.name)),
        }
    }
}

impl super::Channels {
    /// Whether any of them leads people to the console.
    #[must_use]
    pub fn link(&self) -> bool {
        self.email.is_some() || self.slack.is_some() || self.sms.is_some() || self.push.is_some()
    }

    pub(super) fn check_providers(&self) -> Result<(), String> {
        let within = |name: &str, checked: Option<Result<(), String>>| {
            checked.unwrap_or(Ok(())).map_err(|what| format!("`{name}`: {what}"))
        };
        within("email", self.email.as_ref().map(Email::check))?;
        within("slack", self.slack.as_ref().map(Slack::check))?;
        within("sms", self.sms.as_ref().map(Sms::check))?;
        within("push", self.push.as_ref().map(Push::check))?;
        for hook in &self.hooks {
            within("hooks", Some(hook.check()))?;
            if self.hooks.iter().filter(|other| other.name == hook.name).count() > 1 {
                return Err(format!("`hooks`: there are two of the name `{}`", hook.name));
            }
        }
        Ok(())
    }

    pub(super) fn provider_paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let email = self.email.iter_mut().flat_map(|email| [&mut email.authority, &mut email.password_file]);
        let push = self.push.iter_mut().map(|push| &mut push.authority);
        let slack =
            self.slack.iter_mut().flat_map(|slack| [&mut slack.token_file, &mut slack.signing_secret_file]);
        let sms = self.sms.iter_mut().map(|sms| &mut sms.token_file);
        let hooks = self.hooks.iter_mut().map(|hook| &mut hook.key_file);
        email.chain(push).flatten().chain(slack).chain(sms).chain(hooks)
    }
}
