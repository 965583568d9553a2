//! Webhooks against a receiver on this machine: what it gets, and what its answers mean.

use countersign::clock::ManualClock;
use countersign::entropy::SystemEntropy;
use countersign::moment::Moment;
use countersign::notice::{Line, Message, NoticeId, Recipient, Topic, Urgency};
use countersign::notify::http::Reach;
use countersign::notify::webhook::{Receiver, Secret, WebhookKey, Webhooks};
use countersign::notify::{Address, Letter, Messenger as _, NotSent};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Answers one request with this, and gives it back.
async fn receiver(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let read = stream.read(&mut buffer).await.unwrap();
            heard.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&heard).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                stream.write_all(answer.as_bytes()).await.unwrap();
                return text;
            }
        }
    });
    (url, heard)
}

fn letter() -> Letter {
    let to = Recipient::Place("webhook:siem".into());
    let message = Message {
        notice: NoticeId::of(&[b"test"], &to),
        topic: Topic::Asked,
        urgency: Urgency::Normal,
        headline: "deployer wants db.migrate on db://orders".to_owned(),
        lines: vec![Line { label: "reason".to_owned(), text: "because".to_owned(), claim: true }],
        operation: None,
        level: None,
        link: None,
        actions: Vec::new(),
        until: Moment::from_unix_seconds(2_000_000_000),
    };
    Letter { to: Address::Webhook("siem".into()), message, replaces: None }
}

fn webhooks(url: String, reach: Reach) -> (Result<Webhooks, String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let key = WebhookKey::at(&folder.path().join("webhook.key"), &SystemEntropy).unwrap();
    let public = key.public();
    let clock = Arc::new(ManualClock::at(Moment::from_unix_seconds(1_800_000_000)));
    let receiver = Receiver { url, secret: Secret::parse(SECRET), reach, authority: None };
    (Webhooks::new(key, clock).with("siem", receiver), public)
}

const HERE: Reach = Reach { loopback: true, private: false };

#[tokio::test]
async fn what_is_sent_is_signed_both_ways_over_exactly_its_bytes() {
    let (url, heard) = receiver("HTTP/1.1 204 No Content\r\n\r\n").await;
    let (webhooks, public) = webhooks(url, HERE);
    webhooks.unwrap().send(letter()).await.unwrap();
    let heard = heard.await.unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
        line.unwrap().split_once(": ").unwrap().1.to_owned()
    };
    assert_eq!(header("webhook-id"), letter().message.notice.to_string());
    assert_eq!(header("webhook-timestamp"), "1800000000");
    let signed = format!("{}.1800000000.{body}", header("webhook-id"));
    let signatures = header("webhook-signature");
    let decode = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    };
    let [ed25519, hmac] = signatures.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let key = decode(public.strip_prefix("whpk_").unwrap());
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, key);
    key.verify(signed.as_bytes(), &decode(ed25519.strip_prefix("v1a,").unwrap())).unwrap();
    let secret =
        ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &decode(SECRET.strip_prefix("whsec_").unwrap()));
    ring::hmac::verify(&secret, signed.as_bytes(), &decode(hmac.strip_prefix("v1,").unwrap())).unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["type"], "countersign.asked");
    assert_eq!(body["timestamp"], "2027-01-15T08:00:00Z");
    assert_eq!(body["data"]["headline"], "deployer wants db.migrate on db://orders");
    assert_eq!(body["data"]["lines"][0]["claim"], true);
}

#[tokio::test]
async fn its_answers_mean_what_they_say_and_no_redirect_is_followed() {
    type Case = (&'static str, fn(&NotSent) -> bool);
    let cases: [Case; 5] = [
        ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", |error| matches!(error, NotSent::Gone(_))),
        (
            "HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
            |error| matches!(error, NotSent::Later(_, Some(after)) if *after == Duration::from_secs(7)),
        ),
        ("HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", |error| {
            *error == NotSent::Never("it answered 307".to_owned())
        }),
        ("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", |error| matches!(error, NotSent::Never(_))),
        ("nonsense\r\n\r\n", |error| matches!(error, NotSent::Later(_, None))),
    ];
    for (answer, expected) in cases {
        let (url, _heard) = receiver(answer).await;
        let error = webhooks(url, HERE).0.unwrap().send(letter()).await.unwrap_err();
        assert!(expected(&error), "{answer}: {error:?}");
    }
}

#[test]
fn a_receiver_inside_is_refused_where_that_is_not_allowed() {
    for url in
        ["http://127.0.0.1:8080/", "https://10.0.0.1/", "https://169.254.169.254/", "http://example.com/"]
    {
        assert!(webhooks(url.to_owned(), Reach::default()).0.is_err(), "{url}");
    }
}
