//! SMS, as Twilio documents it.

use crate::letters::{HOSTILE, letter};
use crate::loopback::{Loopback, http};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::notify::sms::{Sender, Sms};
use countersign::notify::{Address, Messenger as _, NotSent};
use std::collections::BTreeMap;

const QUEUED: &str = r#"{"sid":"SM1","status":"queued"}"#;

fn sms(api: &Loopback, from: Sender) -> Sms {
    Sms::new(http(), &api.url, "AC1", "secret".to_owned().into(), from)
}

fn number() -> Sender {
    Sender::Number("+15550100".into())
}

fn phone() -> Address {
    Address::Phone("+15550199".into())
}

fn fields(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((byte, more)) = rest.split_first() {
            rest = more;
            match byte {
                b'+' => bytes.push(b' '),
                b'%' => {
                    let (hex, more) = rest.split_at(2);
                    bytes.push(u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap());
                    rest = more;
                }
                other => bytes.push(*other),
            }
        }
        String::from_utf8(bytes).unwrap()
    };
    text.split('&').map(|pair| pair.split_once('=').unwrap()).map(|(a, b)| (decoded(a), decoded(b))).collect()
}

#[tokio::test]
async fn a_text_is_short_and_leads_to_the_proposal() {
    let api = Loopback::saying(201, QUEUED).await;
    let taken = sms(&api, number()).send(letter(phone(), "Delete old orders", "DELETE")).await.unwrap();
    assert_eq!(taken.handle.as_deref(), Some("SM1"));
    let sent = api.last();
    assert_eq!((&*sent.method, &*sent.path), ("POST", "/2010-04-01/Accounts/AC1/Messages.json"));
    assert_eq!(sent.header("authorization"), format!("Basic {}", STANDARD.encode("AC1:secret")));
    let fields = fields(&sent.body);
    assert_eq!((&*fields["To"], &*fields["From"]), ("+15550199", "+15550100"));
    assert_eq!(
        fields["Body"],
        "Countersign: You are asked to decide (high risk): Delete old orders\nhttps://approve.example/e/esc_1"
    );
    let service = Sender::Service("MG1".into());
    sms(&api, service).send(letter(phone(), "x", "y")).await.unwrap();
    assert_eq!(crate::sms::fields(&api.last().body)["MessagingServiceSid"], "MG1");
}

#[tokio::test]
async fn nothing_hostile_is_a_link_a_line_or_hidden_in_a_text() {
    let api = Loopback::saying(201, QUEUED).await;
    let long = format!("{HOSTILE}{}", "x".repeat(5000));
    sms(&api, number()).send(letter(phone(), &long, &long)).await.unwrap();
    let body = fields(&api.last().body).remove("Body").unwrap();
    assert!(body.chars().count() < 320, "{body}");
    assert_eq!(body.lines().count(), 2, "{body}");
    assert_eq!(body.matches("://").count(), 1, "{body}");
    assert!(!body.contains(['\u{202e}', '\u{200b}', '\0', '\r']), "{body}");
}

#[tokio::test]
async fn what_the_provider_answers_says_when_to_try_again() {
    let api = Loopback::saying(201, QUEUED).await;
    let send = |to: Address| {
        let sms = sms(&api, number());
        async move { sms.send(letter(to, "x", "y")).await }
    };
    assert!(matches!(send(Address::Phone("15550199".into())).await, Err(NotSent::Never(_))));
    assert!(matches!(send(Address::Phone("+1555 0199".into())).await, Err(NotSent::Never(_))));
    assert!(api.sent().is_empty());
    api.say(400, None, r#"{"code":21610,"message":"unsubscribed"}"#);
    assert!(matches!(send(phone()).await, Err(NotSent::Gone(_))));
    api.say(429, Some("3"), r#"{"code":20429}"#);
    assert!(matches!(send(phone()).await, Err(NotSent::Later(_, Some(_)))));
    api.say(401, None, r#"{"code":20003}"#);
    assert!(matches!(send(phone()).await, Err(NotSent::Never(why)) if !why.contains("secret")));
}
