//! What is taken for Slack's word, and what is not.

use super::*;
use proptest::prelude::*;

/// The vector of Slack's own software kit for Python.
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const TIMESTAMP: &str = "1531420618";
const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

fn at(seconds: u64) -> Moment {
    Moment::from_unix_seconds(seconds)
}

fn check(timestamp: &str, signature: &str, body: &[u8], now: u64) -> Result<(), SlackError> {
    SigningSecret::new(SECRET).unwrap().verify(timestamp, signature, body, at(now)).map(|_| ())
}

#[test]
fn the_published_vector_is_taken_within_five_minutes_either_way() {
    for (now, expected) in [
        (1_531_420_618, Ok(())),
        (1_531_420_918, Ok(())),
        (1_531_420_318, Ok(())),
        (1_531_420_919, Err(SlackError::Stale)),
        (1_531_420_317, Err(SlackError::Stale)),
    ] {
        assert_eq!(check(TIMESTAMP, SIGNATURE, BODY.as_bytes(), now), expected, "{now}");
    }
}

#[test]
fn whatever_differs_from_what_was_signed_is_refused() {
    let now = 1_531_420_618;
    let wrong = Err(SlackError::Signature);
    assert_eq!(check(TIMESTAMP, SIGNATURE, b"token=x", now), wrong);
    assert_eq!(check("1531420619", SIGNATURE, BODY.as_bytes(), now), wrong);
    let other = SIGNATURE.replace("a2114d57", "a2114d58");
    for signature in
        ["", "v0=", "v1=a2", &other, SIGNATURE.trim_start_matches("v0="), &format!("{SIGNATURE}00")]
    {
        assert_eq!(check(TIMESTAMP, signature, BODY.as_bytes(), now), wrong, "{signature}");
    }
    for timestamp in ["", "+1531420618", " 1531420618", "0x1", "99999999999999999999999"] {
        assert_eq!(check(timestamp, SIGNATURE, BODY.as_bytes(), now), Err(SlackError::Timestamp));
    }
    let large = vec![b'a'; MAX_BODY + 1];
    assert_eq!(check(TIMESTAMP, SIGNATURE, &large, now), Err(SlackError::Size));
    assert_eq!(SigningSecret::new("").err(), Some(SlackError::EmptySecret));
}

fn read(payload: &str) -> Result<Interaction, SlackError> {
    let encoded: String = payload.bytes().map(|byte| format!("%{byte:02x}")).collect();
    Authentic(format!("payload={encoded}").as_bytes()).interaction()
}

const PRESSED: &str = r#"{"type":"block_actions","user":{"id":"U1","username":"ada","team_id":"T1"},
    "team":{"id":"T1","domain":"acme"},"channel":{"id":"C1"},"message":{"type":"message","ts":"17.5"},
    "actions":[{"type":"button","block_id":"b","action_id":"a","action_ts":"18.1","value":"v"}],"trigger_id":"t.1"}"#;

#[test]
fn a_button_that_was_pressed_says_who_where_and_what() {
    let pressed = read(PRESSED).unwrap();
    assert_eq!(pressed.by.account(), "slack:T1:U1");
    assert_eq!(pressed.once(), Some(("t.1", "18.1")));
    let place = Place { channel: "C1".into(), message: "17.5".into() };
    assert_eq!(pressed.act, Act::Pressed { value: "v".into(), action_ts: "18.1".into(), place: Some(place) });
}

#[test]
fn somebody_of_another_workspace_is_somebody_else() {
    let other = read(&PRESSED.replace(r#""team_id":"T1""#, r#""team_id":"T2""#)).unwrap();
    assert_eq!(other.by.account(), "slack:T2:U1");
}

#[test]
fn a_dialog_that_was_sent_off_brings_what_was_filled_in() {
    let submitted = read(
        r#"{"type":"view_submission","user":{"id":"U1"},"team":{"id":"T1"},"trigger_id":"t.2","view":{"id":"V1",
        "callback_id":"reason","private_metadata":"m","state":{"values":{"b":{"reason":{"type":"plain_text_input",
        "value":"it is fine"},"other":{"type":"x","value":null}}}}}}"#,
    )
    .unwrap();
    let values = vec![("reason".into(), "it is fine".into())];
    let (view, callback, metadata) = ("V1".into(), "reason".into(), "m".into());
    assert_eq!(submitted.act, Act::Submitted { view, callback, metadata, values });
}

#[test]
fn what_is_incomplete_or_ambiguous_is_refused() {
    let two = PRESSED.replace(r#""actions":["#, r#""actions":[{"type":"button"},"#);
    let twice = PRESSED.replace(r#""user":{"#, r#""user":{"id":"U9"},"user":{"#);
    for (payload, expected) in [
        (two.as_str(), SlackError::Payload),
        (twice.as_str(), SlackError::Form),
        (&PRESSED.replace(r#""team":{"id":"T1","domain":"acme"}"#, r#""team":null"#), SlackError::Payload),
        (&PRESSED.replace(r#""id":"U1""#, r#""id":"U1:x""#), SlackError::Payload),
        (&PRESSED.replace(r#""id":"U1""#, r#""id":7"#), SlackError::Payload),
        (&PRESSED.replace(r#""trigger_id":"t.1""#, r#""trigger":"t.1""#), SlackError::Payload),
        ("[]", SlackError::Form),
        ("", SlackError::Form),
    ] {
        assert_eq!(read(payload), Err(expected), "{payload}");
    }
    for body in ["", "payload", "other=%7b%7d", "payload=%7b%7d&payload=%7b%7d", "payload=%7", "payload=%zz"]
    {
        assert_eq!(Authentic(body.as_bytes()).interaction(), Err(SlackError::Form), "{body}");
    }
    assert_eq!(read(&PRESSED.replace("block_actions", "shortcut")).unwrap().act, Act::Other);
}

proptest! {
    #[test]
    fn anything_may_come_and_nothing_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Authentic(&body).interaction();
        prop_assert!(check(TIMESTAMP, SIGNATURE, &body, 1_531_420_618).is_err());
    }
}
