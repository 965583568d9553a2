//! Whoever brings messages, by the configuration: mail, Slack, SMS, push; and what comes back from there.

use super::{ServeFailed, failed};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::channels::{self as config, Security as Said};
use crate::desk::LocalDesk;
use crate::desk::clicks::{self, Clicks};
use crate::desk::hooks::{Hook, Hooks};
use crate::desk::incoming::{Browsers, Incoming, Subscriptions};
use crate::desk::links::Links;
use crate::digest::{base64url, from_base64url};
use crate::entropy::{Entropy, SystemEntropy};
use crate::files;
use crate::notify::Messenger;
use crate::notify::email::{Email, Security, Server};
use crate::notify::http::{Http, Reach};
use crate::notify::push::{Push, Vapid};
use crate::notify::slack::Slack;
use crate::notify::sms::{Sender, Sms};
use crate::presence::slack::SigningSecret;
use crate::presence::webhook::Sender as HookSender;
use crate::store::shared::Ephemeral;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The file of the key that seals links.
const SEAL: &str = "seal.key";
/// The largest secret or certificate file.
const MAX_FILE: u64 = 64 * 1024;

/// Whoever brings messages.
pub(super) struct Providers {
    /// All of them but the webhooks.
    pub(super) messengers: Vec<Arc<dyn Messenger>>,
    /// The browsers that people subscribed.
    pub(super) browsers: Option<Browsers>,
    /// Slack, where people press buttons.
    pub(super) slack: Option<Workspace>,
    /// Makes links, and knows them again.
    pub(super) links: Arc<Links>,
}

/// A Slack workspace.
pub(super) struct Workspace {
    pub(super) slack: Arc<Slack>,
    pub(super) secret: SigningSecret,
    pub(super) team: Box<str>,
}

/// Makes them; nothing is sent and nobody is asked yet.
pub(super) fn providers(config: &Config, clock: &Arc<dyn Clock>) -> Result<Providers, ServeFailed> {
    let channels = &config.channels;
    let mut messengers: Vec<Arc<dyn Messenger>> = Vec::new();
    if let Some(email) = &channels.email {
        let from = Email::new(&server(email)?, &email.from, clock.clone());
        messengers.push(Arc::new(from.map_err(|what| failed(format!("`channels.email`: {what}")))?));
    }
    let slack = channels.slack.as_ref().map(slack).transpose()?;
    if let Some(workspace) = &slack {
        messengers.push(workspace.slack.clone());
    }
    if let Some(said) = &channels.sms {
        messengers.push(Arc::new(sms(said)?));
    }
    let keys = config.data.join("keys");
    let mut browsers = None;
    if let Some(said) = &channels.push {
        let authority = said.authority.as_deref().map(read).transpose()?;
        let http = http(said.allow_loopback, authority.as_deref())?;
        let entropy = Arc::new(SystemEntropy);
        let vapid = Vapid::at(&keys.join("push.jwk"), &said.contact, &*entropy).map_err(failed)?;
        let subscriptions = Subscriptions::at(&config.data.join("browsers.json"), http.clone());
        let subscriptions = Arc::new(subscriptions.map_err(failed)?);
        browsers = Some(Browsers { subscriptions: subscriptions.clone(), key: vapid.public().into() });
        messengers.push(Arc::new(Push::new(http, Arc::new(vapid), subscriptions, clock.clone(), entropy)));
    }
    let links = Arc::new(Links::new(&*seal(&keys.join(SEAL), &SystemEntropy)?));
    Ok(Providers { messengers, browsers, slack, links })
}

/// What comes back.
pub(super) fn incoming(
    config: &Config,
    providers: &mut Providers,
    desk: &Arc<LocalDesk>,
    console: &str,
    clock: &Arc<dyn Clock>,
    shared: Option<&Arc<dyn Ephemeral>>,
) -> Result<Incoming, ServeFailed> {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let hooks = config.channels.hooks.iter().map(hook).collect::<Result<BTreeMap<_, _>, _>>()?;
    let links = providers.links.clone();
    let clicks = providers.slack.take().map(|Workspace { slack, secret, team }| {
        let clicks = Clicks::new(clicks::Workspace {
            desk: desk.clone(),
            chat: slack,
            secret,
            team,
            links: links.clone(),
            console: console.trim_end_matches('/').into(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        });
        Arc::new(match shared {
            None => clicks,
            Some(shared) => clicks.sharing(shared.clone()),
        })
    });
    let hooks = Hooks::new(desk.clone(), hooks, clock.clone(), entropy.clone());
    let hooks = match shared {
        None => hooks,
        Some(shared) => hooks.sharing(shared.clone()),
    };
    Ok(Incoming {
        links,
        clicks,
        hooks: Arc::new(hooks),
        browsers: providers.browsers.clone(),
        clock: clock.clone(),
        entropy,
    })
}

fn server(email: &config::Email) -> Result<Server, ServeFailed> {
    let login = match (&email.user, &email.password_file) {
        (Some(user), Some(path)) => Some((user.clone(), secret(path)?)),
        (Some(_) | None, _) => None,
    };
    Ok(Server {
        host: email.host.clone(),
        port: email.port(),
        security: match email.security {
            Said::Tls => Security::Tls,
            Said::StartTls => Security::StartTls,
            Said::Plain => Security::Plain,
        },
        authority: email.authority.as_deref().map(read).transpose()?,
        login,
    })
}

fn slack(said: &config::Slack) -> Result<Workspace, ServeFailed> {
    let http = http(said.allow_loopback, None)?;
    let token = secret(&said.token_file)?;
    let slack = Arc::new(Slack::new(http, &said.api, token, &said.team));
    let signing = secret(&said.signing_secret_file)?;
    let signing = SigningSecret::new(&signing).map_err(|what| failed(format!("`channels.slack`: {what}")))?;
    Ok(Workspace { slack, secret: signing, team: said.team.as_str().into() })
}

fn sms(said: &config::Sms) -> Result<Sms, ServeFailed> {
    let from = match (&said.from, &said.service) {
        (Some(number), _) => Sender::Number(number.as_str().into()),
        (None, service) => Sender::Service(service.clone().unwrap_or_default().into()),
    };
    let http = http(said.allow_loopback, None)?;
    Ok(Sms::new(http, &said.api, &said.account, secret(&said.token_file)?, from))
}

fn hook(said: &config::Hook) -> Result<(String, Hook), ServeFailed> {
    let sender = HookSender::parse(&secret(&said.key_file)?);
    let sender = sender.map_err(|what| failed(format!("`{}`: {what}", said.key_file.display())))?;
    Ok((said.name.clone(), Hook { person: said.person.clone(), sender }))
}

fn http(loopback: bool, authority: Option<&[u8]>) -> Result<Http, ServeFailed> {
    Http::new(Reach { loopback, private: false }, TIMEOUT, authority).map_err(failed)
}

/// A secret in a file of its own: one line, for its owner only.
fn secret(path: &Path) -> Result<Zeroizing<String>, ServeFailed> {
    let bytes = Zeroizing::new(read(path)?);
    files::refuse_exposed(path).map_err(failed)?;
    let text = str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
    match !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) {
        true => Ok(Zeroizing::new(text.to_owned())),
        false => Err(failed(format!("`{}` is not one line with a secret", path.display()))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ServeFailed> {
    let unreadable = |error: std::io::Error| failed(format!("cannot read `{}`: {error}", path.display()));
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE {
        return Err(failed(format!("`{}` is too large", path.display())));
    }
    std::fs::read(path).map_err(unreadable)
}

/// The keys that every replica of a desk has, for what one of them seals and another is brought.
pub(super) struct Seals(Links);

impl Seals {
    /// From the key that seals links too. One that a replica makes for itself fits no other's.
    pub(super) fn of(config: &Config) -> Result<Self, ServeFailed> {
        let path = config.data.join("keys").join(SEAL);
        if !path.exists() {
            tracing::warn!(
                "`{}` is made now: where there are several replicas every one needs the same, or takes no other's sessions",
                path.display()
            );
        }
        Ok(Self(Links::new(&*seal(&path, &SystemEntropy)?)))
    }

    /// The key for one thing.
    pub(super) fn key(&self, of: &str) -> [u8; 32] {
        self.0.key_for(of)
    }
}

/// The key that seals links; a new one where there is none yet. With another one the links that were sent are dead.
fn seal(path: &Path, entropy: &dyn Entropy) -> Result<Zeroizing<[u8; 32]>, ServeFailed> {
    if !path.exists() {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key).map_err(failed)?;
        let text = Zeroizing::new(base64url(&*key));
        let kept = files::write_private(path, text.as_bytes());
        kept.map_err(|error| failed(format!("cannot write `{}`: {error}", path.display())))?;
    }
    let bytes = from_base64url(&secret(path)?).map(Zeroizing::new);
    let key: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.as_slice().try_into().ok());
    key.map(Zeroizing::new).ok_or_else(|| failed(format!("`{}` is not a key", path.display())))
}
