//! The channels of a service: which there are, and the outbox that brings messages by them.

use super::providers::Providers;
use super::{ServeFailed, failed};
use crate::clock::Clock;
use crate::config::channels::Webhook;
use crate::config::{Config, Waits};
use crate::desk::LocalDesk;
use crate::desk::outbox::{Limit, Outbox, ProfileOf, Settings};
use crate::desk::sla::Sla;
use crate::entropy::SystemEntropy;
use crate::files;
use crate::notify::Messenger;
use crate::notify::http::Reach;
use crate::notify::webhook::{Receiver, Secret, WebhookKey, Webhooks};
use crate::reviewer::profile::Changed;
use crate::risk::Level;
use core::time::Duration;
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};

/// The file of the key that signs webhooks, in the keys' folder.
const WEBHOOK_KEY: &str = "webhook.key";

/// The key that signs what webhooks are sent; it is made if there is none.
///
/// # Errors
/// [`ServeFailed`] if it can't be read or made.
pub fn webhook_key(config: &Config) -> Result<WebhookKey, ServeFailed> {
    let path = config.data.join("keys").join(WEBHOOK_KEY);
    WebhookKey::at(&path, &SystemEntropy)
        .map_err(|error| failed(format!("the webhooks' key `{}`: {error}", path.display())))
}

/// How long escalations of each level may wait.
pub(super) fn sla(config: &Config) -> Sla {
    let Waits { low_seconds, medium_seconds, high_seconds } = config.sla;
    let spans = [(Level::Low, low_seconds), (Level::Medium, medium_seconds), (Level::High, high_seconds)];
    Sla::new(spans.into_iter().filter_map(|(level, span)| Some((level, Duration::from_secs(span?)))))
}

/// Tells people that their own account was changed: who did not do it has to hear of it.
pub(super) async fn tell_of_accounts(mut changes: broadcast::Receiver<Changed>, outbox: Arc<Outbox>) {
    loop {
        match changes.recv().await {
            Ok(changed) => outbox.account_changed(changed),
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "changes of accounts were not told"),
            Err(RecvError::Closed) => return,
        }
    }
}

/// The outbox, with every channel that is configured.
pub(super) fn outbox(
    config: &Config,
    providers: Providers,
    profile: ProfileOf,
    desk: Arc<LocalDesk>,
    console: Option<Box<str>>,
    clock: Arc<dyn Clock>,
) -> Result<Outbox, ServeFailed> {
    let channels = &config.channels;
    let browsers = providers.browsers;
    let settings = Settings {
        console,
        team: channels.team(),
        fail_over_after: channels.fail_over_after(),
        limit: Limit {
            messages: channels.limit.messages,
            within: Duration::from_secs(channels.limit.within_seconds),
        },
        links: Some(providers.links),
        browsers: Arc::new(move |person| match &browsers {
            Some(browsers) => {
                browsers.subscriptions.of(person).into_iter().map(|one| one.id.into()).collect()
            }
            None => Vec::new(),
        }),
        profile,
    };
    let mut messengers = providers.messengers;
    messengers.extend(webhooks(config, clock)?);
    Ok(Outbox::new(desk, messengers, settings, Arc::new(SystemEntropy)))
}

fn webhooks(config: &Config, clock: Arc<dyn Clock>) -> Result<Option<Arc<dyn Messenger>>, ServeFailed> {
    if config.channels.webhooks.is_empty() {
        return Ok(None);
    }
    let mut webhooks = Webhooks::new(webhook_key(config)?, clock);
    for webhook in &config.channels.webhooks {
        let name = &webhook.name;
        let with = receiver(webhook).and_then(|receiver| webhooks.with(name, receiver));
        webhooks = with.map_err(|what| failed(format!("webhook `{name}`: {what}")))?;
    }
    Ok(Some(Arc::new(webhooks)))
}

fn receiver(webhook: &Webhook) -> Result<Receiver, String> {
    let secret = webhook.secret_file.as_ref().map(|path| {
        files::refuse_exposed(path).map_err(|error| error.to_string())?;
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| format!("`{}`: {error}", path.display()))?;
        let form = || format!("`{}` holds no `whsec_…` of 24 to 64 bytes in base64", path.display());
        Secret::parse(&text).ok_or_else(form)
    });
    let authority = webhook.authority.as_ref();
    let authority =
        authority.map(|path| std::fs::read(path).map_err(|error| format!("`{}`: {error}", path.display())));
    Ok(Receiver {
        url: webhook.url.clone(),
        secret: secret.transpose()?,
        reach: Reach { loopback: webhook.allow_loopback, private: webhook.allow_private },
        authority: authority.transpose()?,
    })
}
