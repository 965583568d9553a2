//! Webhooks out, as Standard Webhooks 1.0.0 has them: signed with Ed25519 (`v1a`), so that a receiver holds no secret
//! with which it could pass for this service, and besides with a shared secret (`v1`) where there is one.

use super::http::{Http, Reach};
use super::{Accepted, Address, Letter, Messenger, NotSent, Sending};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::files;
use crate::moment::Moment;
use crate::notice::Message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt;
use core::time::Duration;
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How many bytes a shared secret has.
const SECRET: core::ops::RangeInclusive<usize> = 24..=64;

/// The key that signs what is sent.
pub struct WebhookKey(Ed25519KeyPair);

impl WebhookKey {
    /// Reads the key from a file, or makes one where there is none: `whsk_` and 32 bytes in base64, mode 0600.
    ///
    /// # Errors
    /// What the system says, or that the file holds no key.
    pub fn at(path: &Path, entropy: &dyn Entropy) -> io::Result<Self> {
        match files::refuse_exposed(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut seed = [0; 32];
                entropy.fill(&mut seed).map_err(io::Error::other)?;
                files::write_private(path, format!("whsk_{}\n", STANDARD.encode(seed)).as_bytes())?;
            }
            Err(error) => return Err(error),
        }
        let text = std::fs::read_to_string(path)?;
        let seed = text.trim().strip_prefix("whsk_").and_then(|text| STANDARD.decode(text).ok());
        let key = seed.and_then(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).ok());
        let none =
            || io::Error::new(io::ErrorKind::InvalidData, format!("`{}` holds no key", path.display()));
        key.map(Self).ok_or_else(none)
    }

    /// The public half, as receivers write it: `whpk_…`.
    #[must_use]
    pub fn public(&self) -> String {
        format!("whpk_{}", STANDARD.encode(self.0.public_key().as_ref()))
    }

    fn sign(&self, signed: &[u8]) -> String {
        format!("v1a,{}", STANDARD.encode(self.0.sign(signed)))
    }
}

/// A secret that is shared with one receiver.
pub struct Secret(hmac::Key);

impl Secret {
    /// Reads `whsec_` and 24 to 64 bytes in base64.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.trim().strip_prefix("whsec_")?).ok()?;
        SECRET.contains(&bytes.len()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    fn sign(&self, signed: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(hmac::sign(&self.0, signed)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A receiver.
pub struct Receiver {
    /// Where it is.
    pub url: String,
    /// What is shared with it, if anything is.
    pub secret: Option<Secret>,
    /// What of it may be reached besides public addresses.
    pub reach: Reach,
    /// The PEM of the authority of its certificate, where that is none that browsers trust.
    pub authority: Option<Vec<u8>>,
}

struct Hook {
    url: String,
    secret: Option<Secret>,
    http: Http,
}

/// All webhooks, each by its name.
pub struct Webhooks {
    key: WebhookKey,
    hooks: BTreeMap<Box<str>, Hook>,
    clock: Arc<dyn Clock>,
}

impl Webhooks {
    /// Webhooks that are signed with this key.
    #[must_use]
    pub fn new(key: WebhookKey, clock: Arc<dyn Clock>) -> Self {
        Self { key, hooks: BTreeMap::new(), clock }
    }

    /// … and this one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn with(mut self, name: &str, receiver: Receiver) -> Result<Self, String> {
        let Receiver { url, secret, reach, authority } = receiver;
        let http = Http::new(reach, TIMEOUT, authority.as_deref())?;
        http.admits(&url)?;
        self.hooks.insert(name.into(), Hook { url, secret, http });
        Ok(self)
    }

    async fn post(&self, name: &str, message: &Message) -> Result<Accepted, NotSent> {
        let hook = self.hooks.get(name);
        let hook = hook.ok_or_else(|| NotSent::Never(format!("there is no webhook `{name}`")))?;
        let now = self.clock.now();
        let (id, seconds, body) = (message.notice.to_string(), now.unix_seconds(), body(message, now));
        let signed = signed(&id, seconds, &body);
        let signatures =
            [Some(self.key.sign(&signed)), hook.secret.as_ref().map(|secret| secret.sign(&signed))];
        let signatures: Vec<String> = signatures.into_iter().flatten().collect();
        let request = hook
            .http
            .post(&hook.url)?
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signatures.join(" "))
            .body(body);
        hook.http.send(request).await?.taken()?;
        Ok(Accepted::default())
    }
}

impl Messenger for Webhooks {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn send(&self, letter: Letter) -> Sending<'_> {
        Box::pin(async move {
            match &letter.to {
                Address::Webhook(name) => self.post(name, &letter.message).await,
                Address::Email(_)
                | Address::SlackUser { .. }
                | Address::SlackChannel(_)
                | Address::Phone(_)
                | Address::Browser(_) => Err(NotSent::Never("it is no webhook".to_owned())),
            }
        })
    }
}

/// What is signed: `id.timestamp.payload`.
fn signed(id: &str, seconds: u64, body: &str) -> Vec<u8> {
    format!("{id}.{seconds}.{body}").into_bytes()
}

fn body(message: &Message, now: Moment) -> String {
    let lines: Vec<_> = message
        .lines
        .iter()
        .map(|line| json!({ "label": line.label, "text": line.text, "claim": line.claim }))
        .collect();
    let actions: Vec<_> = message
        .actions
        .iter()
        .map(|action| {
            json!({ "label": action.label, "approves": action.approves, "value": action.value, "link": action.link })
        })
        .collect();
    let operation =
        message.operation.as_ref().map(|excerpt| json!({ "text": excerpt.text, "more": excerpt.more }));
    json!({
        "type": format!("countersign.{}", message.topic),
        "timestamp": now.to_string(),
        "data": {
            "notice": message.notice,
            "headline": message.headline,
            "level": message.level,
            "lines": lines,
            "operation": operation,
            "link": message.link,
            "actions": actions,
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_is_met() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(secret.sign(&signed), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_24_to_64_bytes() {
        let text = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        assert!(Secret::parse(&text(24)).is_some() && Secret::parse(&text(64)).is_some());
        assert!(Secret::parse(&text(23)).is_none() && Secret::parse(&text(65)).is_none());
        assert!(Secret::parse("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_none());
    }

    #[test]
    fn the_key_is_made_once_and_kept_from_others() {
        use crate::entropy::SystemEntropy;
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("webhook.key");
        let first = WebhookKey::at(&path, &SystemEntropy).unwrap();
        assert_eq!(first.public(), WebhookKey::at(&path, &SystemEntropy).unwrap().public());
        assert!(first.public().starts_with("whpk_"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(WebhookKey::at(&path, &SystemEntropy).is_err(), "everybody could read it");
    }

    #[test]
    fn a_signature_is_of_the_public_key() {
        let folder = tempfile::tempdir().unwrap();
        let key = WebhookKey::at(&folder.path().join("key"), &crate::entropy::SystemEntropy).unwrap();
        let signature = STANDARD.decode(key.sign(b"a.1.{}").strip_prefix("v1a,").unwrap()).unwrap();
        let public = STANDARD.decode(key.public().strip_prefix("whpk_").unwrap()).unwrap();
        let public = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, public);
        assert!(public.verify(b"a.1.{}", &signature).is_ok());
        assert!(public.verify(b"a.2.{}", &signature).is_err());
    }
}
