//! Web push: a push service on loopback, and a browser behind it that reads what comes (RFC 8291).

use crate::letters::{HOSTILE, letter};
use crate::loopback::{Loopback, Sent, http};
use countersign::clock::ManualClock;
use countersign::digest::{base64url, from_base64url, sha256};
use countersign::entropy::SystemEntropy;
use countersign::moment::Moment;
use countersign::notify::push::{Push, Vapid};
use countersign::notify::subscriptions::Subscriptions;
use countersign::notify::{Address, Messenger as _, NotSent};
use countersign::party::PersonId;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use std::sync::Arc;

const NOW: u64 = 1_900_000_000;

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// A browser: its key, and the secret that it shares.
struct Browser {
    key: SecretKey,
    secret: [u8; 16],
}

impl Browser {
    fn new() -> Self {
        Self { key: SecretKey::from_slice(&[9; 32]).unwrap(), secret: [4; 16] }
    }

    fn public(&self) -> Vec<u8> {
        self.key.public_key().to_sec1_point(false).as_bytes().to_vec()
    }

    /// Reads a message, by the standard alone.
    fn read(&self, body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_at(16);
        let (size, rest) = rest.split_at(4);
        assert_eq!(size, 4096_u32.to_be_bytes());
        let (length, rest) = rest.split_first().unwrap();
        let (sender, record) = rest.split_at(usize::from(*length));
        let shared = self.key.diffie_hellman(&PublicKey::from_sec1_bytes(sender).unwrap());
        let derive = |salt: &[u8], material: &[u8], info: &[&[u8]], length: usize| {
            let mut out = vec![0; length];
            let of = Salt::new(HKDF_SHA256, salt).extract(material);
            of.expand(info, Length(length)).unwrap().fill(&mut out).unwrap();
            out
        };
        let info = [b"WebPush: info\0".as_slice(), &self.public(), sender];
        let material = derive(&self.secret, shared.raw_secret_bytes(), &info, 32);
        let key = derive(salt, &material, &[b"Content-Encoding: aes128gcm\0"], 16);
        let nonce = derive(salt, &material, &[b"Content-Encoding: nonce\0"], 12);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(&nonce).unwrap();
        let mut record = record.to_vec();
        let text = key.open_in_place(nonce, Aad::empty(), &mut record).unwrap();
        let (last, text) = text.split_last().unwrap();
        assert_eq!(*last, 2, "the last record");
        text.to_vec()
    }
}

struct World {
    service: Loopback,
    browser: Browser,
    push: Push,
    subscriptions: Arc<Subscriptions>,
    id: String,
    key: String,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let service = Loopback::saying(201, "").await;
    let browser = Browser::new();
    let subscriptions = Arc::new(Subscriptions::at(&folder.path().join("browsers.json"), http()).unwrap());
    let keys = (base64url(&browser.public()), base64url(&browser.secret));
    let endpoint = format!("{}/push/secret-of-the-browser", service.url);
    let ada = PersonId::new("ada").unwrap();
    let at = Moment::from_unix_seconds(NOW);
    let id = subscriptions.subscribe(&ada, &endpoint, (&keys.0, &keys.1), "Phone", at).unwrap().id;
    let vapid = Arc::new(
        Vapid::at(&folder.path().join("push.jwk"), "mailto:ops@acme.example", &SystemEntropy).unwrap(),
    );
    let key = vapid.public().to_owned();
    let clock = Arc::new(ManualClock::at(at));
    let push = Push::new(http(), vapid, subscriptions.clone(), clock, Arc::new(SystemEntropy));
    World { service, browser, push, subscriptions, id, key, _folder: folder }
}

impl World {
    fn to(&self) -> Address {
        Address::Browser(self.id.as_str().into())
    }

    fn read(&self, sent: &Sent) -> serde_json::Value {
        serde_json::from_slice(&self.browser.read(&sent.body)).unwrap()
    }
}

#[tokio::test]
async fn only_the_browser_reads_what_is_sent_to_it() {
    let world = world().await;
    world.push.send(letter(world.to(), "Delete old orders", "DELETE")).await.unwrap();
    let sent = world.service.last();
    assert_eq!((&*sent.method, &*sent.path), ("POST", "/push/secret-of-the-browser"));
    for (name, value) in [
        ("content-encoding", "aes128gcm"),
        ("content-type", "application/octet-stream"),
        ("urgency", "high"),
        ("ttl", "86400"),
    ] {
        assert_eq!(sent.header(name), value, "{name}");
    }
    let topic = sent.header("topic");
    assert!(topic.len() <= 32 && from_base64url(topic).is_some(), "{topic}");
    let notice = world.read(&sent);
    assert_eq!(
        (&notice["title"], &notice["url"]),
        (&"Delete old orders".into(), &"https://approve.example/e/esc_1".into())
    );
    assert_eq!(notice["actions"][0]["action"], "approve");
    // What is opaque stays in the service: a notice carries no seal.
    assert!(!notice.to_string().contains("opaque"));
    assert!(!sent.body.windows(6).any(|window| window == b"Delete"));
    world.push.send(letter(world.to(), "Delete old orders", "DELETE")).await.unwrap();
    assert_ne!(world.service.last().body[..16], sent.body[..16], "a salt of its own each time");
}

#[tokio::test]
async fn the_push_service_knows_who_sends() {
    let world = world().await;
    world.push.send(letter(world.to(), "x", "y")).await.unwrap();
    let sent = world.service.last();
    let (token, key) =
        sent.header("authorization").strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(key, world.key, "the key that browsers subscribed to");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = VerifyingKey::from_sec1_bytes(&from_base64url(key).unwrap()).unwrap();
    let signature = Signature::from_slice(&from_base64url(signature).unwrap()).unwrap();
    key.verify_prehash(&sha256(&[signed.as_bytes()]), &signature).unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&from_base64url(signed.split_once('.').unwrap().1).unwrap()).unwrap();
    assert_eq!(claims["aud"], world.service.url);
    assert!(claims["exp"].as_u64().unwrap() <= NOW + 24 * 3600);
}

#[tokio::test]
async fn a_browser_that_is_gone_is_forgotten() {
    for status in [404, 410] {
        let world = world().await;
        world.service.say(status, None, "");
        assert!(matches!(world.push.send(letter(world.to(), "x", "y")).await, Err(NotSent::Gone(_))));
        assert_eq!(world.subscriptions.find(&world.id), None);
        assert!(matches!(world.push.send(letter(world.to(), "x", "y")).await, Err(NotSent::Gone(_))));
        assert_eq!(world.service.sent().len(), 1);
    }
    let world = world().await;
    world.service.say(429, Some("9"), "");
    assert!(matches!(world.push.send(letter(world.to(), "x", "y")).await, Err(NotSent::Later(_, Some(_)))));
    assert!(world.subscriptions.find(&world.id).is_some());
}

#[tokio::test]
async fn whatever_an_agent_wrote_fits_and_shows_nothing_hidden() {
    let world = world().await;
    for text in [HOSTILE.repeat(100), "\u{1f600}".repeat(10_000), "\u{0}".repeat(10_000)] {
        world.push.send(letter(world.to(), &text, &text)).await.unwrap();
        let sent = world.service.last();
        assert!(sent.body.len() <= 4096, "{} bytes", sent.body.len());
        let notice = world.read(&sent);
        for part in ["title", "body"] {
            let text = notice[part].as_str().unwrap();
            assert!(!text.contains(['\u{202e}', '\u{200b}', '\0', '\r']), "{text}");
        }
    }
}
