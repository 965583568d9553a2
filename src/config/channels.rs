//! How people are told beside the console, as the configuration has it.

mod providers;

pub use providers::{Email, Hook, Push, Security, Slack, Sms};

use crate::escalation::Channel;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// How people are told beside the console. Nothing of it costs anything where it is not there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Channels {
    /// The mail server.
    pub email: Option<Email>,
    /// The Slack workspace.
    pub slack: Option<Slack>,
    /// The SMS provider.
    pub sms: Option<Sms>,
    /// Browsers' push services.
    pub push: Option<Push>,
    /// Services of one's own that are told.
    pub webhooks: Vec<Webhook>,
    /// Programs of one's own that send votes in.
    pub hooks: Vec<Hook>,
    /// Where the team reads what concerns nobody in particular: what expired, emergencies, that too much is asked.
    pub team: Vec<String>,
    /// After how long the next channel takes over where the first has not delivered; 20 s if nothing is said.
    pub fail_over_after_seconds: u64,
    /// How many messages one person gets.
    pub limit: Limit,
}

impl Default for Channels {
    fn default() -> Self {
        Self {
            email: None,
            slack: None,
            sms: None,
            push: None,
            webhooks: Vec::new(),
            hooks: Vec::new(),
            team: Vec::new(),
            fail_over_after_seconds: 20,
            limit: Limit::default(),
        }
    }
}

/// How many messages of their own one person gets in a time; what comes besides is told together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limit {
    /// So many; 6 if nothing is said.
    pub messages: u16,
    /// In so long a time; ten minutes if nothing is said.
    pub within_seconds: u64,
}

impl Default for Limit {
    fn default() -> Self {
        Self { messages: 6, within_seconds: 600 }
    }
}

/// How long escalations may wait before they are late; half of the time to decide where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Waits {
    /// Those of low risk.
    pub low_seconds: Option<u64>,
    /// Those of medium risk.
    pub medium_seconds: Option<u64>,
    /// Those of high risk.
    pub high_seconds: Option<u64>,
}

/// A service of one's own that is told (Standard Webhooks).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// By which a policy or a roster names it: `webhook:siem`.
    pub name: String,
    /// Where it is: `https://…`.
    pub url: String,
    /// A file with the secret that it shares (`whsec_…`), mode 0600; it is sent an HMAC then, besides the signature.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The authority that its certificate comes from, PEM, where that is none that browsers trust.
    #[serde(default)]
    pub authority: Option<PathBuf>,
    /// It may be on this machine, also without TLS.
    #[serde(default)]
    pub allow_loopback: bool,
    /// It may be in a private network.
    #[serde(default)]
    pub allow_private: bool,
}

impl Channels {
    /// Where the team reads.
    #[must_use]
    pub fn team(&self) -> Vec<Channel> {
        self.team.iter().filter_map(|place| Channel::parse(place)).collect()
    }

    /// After how long the next channel takes over.
    #[must_use]
    pub const fn fail_over_after(&self) -> Duration {
        Duration::from_secs(self.fail_over_after_seconds)
    }

    /// The kinds of channels that are configured, the console among them.
    #[must_use]
    pub fn kinds(&self) -> Vec<&'static str> {
        let kinds = [
            ("console", true),
            ("email", self.email.is_some()),
            ("slack", self.slack.is_some()),
            ("sms", self.sms.is_some()),
            ("push", self.push.is_some()),
            ("webhook", !self.webhooks.is_empty()),
        ];
        kinds.into_iter().filter(|(_, there)| *there).map(|(kind, _)| kind).collect()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        for place in &self.team {
            if Channel::parse(place).is_none() || !place.contains(':') {
                return Err(format!("`team`: `{place}` is no place, as `slack:#agent-approvals` is one"));
            }
        }
        if self.fail_over_after_seconds == 0 {
            return Err("`fail_over_after_seconds` is 0".to_owned());
        }
        if self.limit.messages == 0 || self.limit.within_seconds == 0 {
            return Err("`limit`: nobody would be told anything".to_owned());
        }
        self.check_providers()?;
        let mut names = HashSet::new();
        for webhook in &self.webhooks {
            let place = format!("webhook:{}", webhook.name);
            if Channel::parse(&place).is_none() || webhook.name.contains(':') {
                return Err(format!("`webhooks`: `{}` is no name: letters, digits, `-`", webhook.name));
            }
            if !names.insert(&webhook.name) {
                return Err(format!("`webhooks`: there are two of the name `{}`", webhook.name));
            }
        }
        Ok(())
    }

    pub(super) fn start_paths_at(&mut self, folder: &Path) {
        for path in self.provider_paths() {
            *path = folder.join(&path);
        }
        for webhook in &mut self.webhooks {
            for path in [&mut webhook.secret_file, &mut webhook.authority].into_iter().flatten() {
                *path = folder.join(&path);
            }
        }
    }
}
