//! Which deliveries are taken.

use super::*;
use ed25519_dalek::{Signer as _, SigningKey};

/// The vector of the specification.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP: &str = "1614265330";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const NOW: u64 = 1_614_265_330;

fn check(sender: &Sender, id: &str, timestamp: &str, signature: &str, now: u64) -> Result<(), WebhookError> {
    let headers = Headers { id, timestamp, signature };
    sender.verify(headers, BODY, Moment::from_unix_seconds(now)).map(|delivery| {
        assert_eq!((delivery.id(), delivery.body()), (id, BODY));
    })
}

#[test]
fn the_published_vector_is_taken_within_five_minutes_either_way() {
    let sender = Sender::parse(SECRET).unwrap();
    let rotated = format!("v1,AAAA v1a,AAAA {SIGNATURE}");
    for (signature, now, expected) in [
        (SIGNATURE, NOW, Ok(())),
        (&*rotated, NOW, Ok(())),
        (SIGNATURE, NOW + 300, Ok(())),
        (SIGNATURE, NOW - 300, Ok(())),
        (SIGNATURE, NOW + 301, Err(WebhookError::Stale)),
        (SIGNATURE, NOW - 301, Err(WebhookError::Stale)),
    ] {
        assert_eq!(check(&sender, ID, TIMESTAMP, signature, now), expected, "{signature} at {now}");
    }
}

#[test]
fn a_signature_by_the_senders_own_key_is_taken() {
    let key = SigningKey::from_bytes(&[9; 32]);
    let public = STANDARD.encode(key.verifying_key().as_bytes());
    let sender = Sender::parse(&format!("whpk_{public}")).unwrap();
    let signed = [ID.as_bytes(), b".", TIMESTAMP.as_bytes(), b".", BODY].concat();
    let signature = STANDARD.encode(key.sign(&signed).to_bytes());
    assert_eq!(check(&sender, ID, TIMESTAMP, &format!("v1a,{signature}"), NOW), Ok(()));
    // The same bytes under the name of the other kind, and the other kind's under this key.
    for wrong in [format!("v1,{signature}"), SIGNATURE.to_owned()] {
        assert_eq!(check(&sender, ID, TIMESTAMP, &wrong, NOW), Err(WebhookError::Signature));
    }
}

#[test]
fn whatever_differs_from_what_was_signed_is_refused() {
    let sender = Sender::parse(SECRET).unwrap();
    for (id, timestamp, signature, expected) in [
        ("msg_other", TIMESTAMP, SIGNATURE, WebhookError::Signature),
        (ID, "1614265331", SIGNATURE, WebhookError::Signature),
        (ID, TIMESTAMP, "", WebhookError::Signature),
        (ID, TIMESTAMP, "v1,", WebhookError::Signature),
        (ID, TIMESTAMP, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", WebhookError::Signature),
        ("", TIMESTAMP, SIGNATURE, WebhookError::Id),
        ("a.b", TIMESTAMP, SIGNATURE, WebhookError::Id),
        (ID, "", SIGNATURE, WebhookError::Timestamp),
        (ID, "+1614265330", SIGNATURE, WebhookError::Timestamp),
    ] {
        assert_eq!(
            check(&sender, id, timestamp, signature, NOW),
            Err(expected),
            "{id} {timestamp} {signature}"
        );
    }
    let many = format!("{}{SIGNATURE}", "v1,AAAA ".repeat(MAX_SIGNATURES));
    assert_eq!(check(&sender, ID, TIMESTAMP, &many, NOW), Err(WebhookError::Signature));
    let headers = Headers { id: ID, timestamp: TIMESTAMP, signature: SIGNATURE };
    let now = Moment::from_unix_seconds(NOW);
    assert_eq!(sender.verify(headers, b"{}", now), Err(WebhookError::Signature));
    assert_eq!(sender.verify(headers, &[b' '; MAX_BODY + 1], now), Err(WebhookError::Size));
}

#[test]
fn a_secret_that_is_too_short_or_another_thing_is_none() {
    for wrong in ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!", "whpk_", "whpk_AAAA", "secret"] {
        assert_eq!(Sender::parse(wrong).err(), Some(WebhookError::Secret), "{wrong}");
    }
}
