//! Web push: a notice on the telephone or the desktop, encrypted so that only the browser that shows it can read it.
//!
//! Sources: RFC 8030 (web push), RFC 8291 (encryption), RFC 8292 (who sends).

mod encrypt;
mod vapid;

pub use encrypt::{Keys, MAX_MESSAGE};
pub use vapid::Vapid;

use super::http::{Answer, Http};
use super::subscriptions::Subscriptions;
use super::text::{headline, line};
use super::{Accepted, Address, Letter, Messenger, NotSent, Sending};
use crate::clock::Clock;
use crate::digest::{base64url, sha256};
use crate::entropy::Entropy;
use crate::notice::{Message, Urgency};
use core::time::Duration;
use serde_json::json;
use std::sync::Arc;

/// The longest that a push service is asked to keep a message.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The most characters of the title, and of what stands under it.
const TITLE: usize = 120;
const BODY: usize = 400;

/// Sends to browsers.
pub struct Push {
    http: Http,
    vapid: Arc<Vapid>,
    subscriptions: Arc<Subscriptions>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Push {
    /// Sends to these browsers, as this sender.
    #[must_use]
    pub fn new(
        http: Http,
        vapid: Arc<Vapid>,
        subscriptions: Arc<Subscriptions>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { http, vapid, subscriptions, clock, entropy }
    }

    async fn bring(&self, letter: Letter) -> Result<Accepted, NotSent> {
        let Address::Browser(id) = &letter.to else {
            return Err(NotSent::Never("this is no browser".to_owned()));
        };
        let gone = || NotSent::Gone("the browser is not subscribed any more".to_owned());
        let subscription = self.subscriptions.find(id).ok_or_else(gone)?;
        let keys = subscription.keys().ok_or_else(gone)?;
        let origin = self.http.admits(&subscription.endpoint).map_err(NotSent::Never)?.origin();
        let later = |_| NotSent::Later("there is no randomness".to_owned(), None);
        let own = vapid::random(&*self.entropy).map_err(later)?;
        let salt = self.entropy.bits128().map_err(later)?;
        let message = &letter.message;
        let topic = topic(message);
        let body = encrypt::encrypt(payload(message, &topic).as_bytes(), &keys, &own, salt)
            .ok_or_else(|| NotSent::Never("the message is too long for a browser".to_owned()))?;
        let now = self.clock.now();
        let life = message.until.since(now).min(LONGEST).as_secs();
        let urgency = match message.urgency {
            Urgency::Low => "low",
            Urgency::Normal => "normal",
            Urgency::High => "high",
        };
        let request = self
            .http
            .post(&subscription.endpoint)?
            .header("authorization", self.vapid.authorization(&origin.ascii_serialization(), now))
            .header("content-type", "application/octet-stream")
            .header("content-encoding", "aes128gcm")
            .header("ttl", life)
            .header("urgency", urgency)
            .header("topic", topic)
            .body(body);
        let taken = taken(&self.http.send(request).await?);
        if matches!(taken, Err(NotSent::Gone(_)))
            && let Err(error) = self.subscriptions.forget(id)
        {
            tracing::warn!(%error, "a browser that is gone is still subscribed");
        }
        taken.map(|()| Accepted::default())
    }
}

/// 404 and 410 say that there is no such subscription any more (RFC 8030 §7.3).
fn taken(answer: &Answer) -> Result<(), NotSent> {
    match answer.status {
        404 | 410 => Err(NotSent::Gone(format!("the push service answered {}", answer.status))),
        _ => answer.taken(),
    }
}

/// What takes the place of an earlier message about the same, on its way and on the screen: at most 32 characters.
fn topic(message: &Message) -> String {
    let about = message.link.clone().unwrap_or_else(|| message.notice.to_string());
    base64url(sha256(&[about.as_bytes()]).split_at(24).0)
}

/// What the service worker reads. It shows text, and opens pages of its own origin only.
fn payload(message: &Message, topic: &str) -> String {
    let lines = message.lines.iter().map(|part| {
        let claim = if part.claim { " (as the agent says)" } else { "" };
        format!("{}{claim}: {}", line(&part.label), line(&part.text))
    });
    let risk = message.level.map(|level| format!("risk: {}", level.as_str()));
    let body: Vec<String> = risk.into_iter().chain(lines).collect();
    let mut body: String = super::text::shown(&body.join("\n"));
    if let Some((cut, _)) = body.char_indices().nth(BODY) {
        body.truncate(cut);
        body.push('…');
    }
    let actions: Vec<_> = message
        .actions
        .iter()
        .map(|action| json!({ "action": if action.approves { "approve" } else { "deny" }, "title": headline(&action.label, 40) }))
        .collect();
    json!({
        "title": headline(&message.headline, TITLE),
        "body": body,
        "tag": topic,
        "url": message.link,
        "actions": actions,
        "urgent": message.urgency == Urgency::High,
        "topic": message.topic.as_str(),
    })
    .to_string()
}

impl Messenger for Push {
    fn kind(&self) -> &'static str {
        "push"
    }

    fn send(&self, letter: Letter) -> Sending<'_> {
        Box::pin(self.bring(letter))
    }
}
