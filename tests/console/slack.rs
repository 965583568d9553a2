//! Buttons in Slack, from the card to the vote, and everybody else who presses them.

use crate::browser::{Answer, Browser, form};
use crate::links::{a_click_is_enough, offered, seal, shown, untouched};
use crate::loopback::{Loopback, Sent};
use crate::service::{POLICY, deploy};
use crate::site::Site;
use countersign::client::Status;
use countersign::clock::{Clock as _, SystemClock};
use hyper::Method;
use ring::hmac;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const OK: &str = r#"{"ok":true,"channel":"C1","ts":"17.5"}"#;

/// A site with a Slack workspace `T1`, in which ada is `U1`, grace `U2` and linus `U3`.
async fn site(policy: &str) -> (Site, Loopback) {
    let api = Loopback::saying(200, OK).await;
    let policy = policy.replace("  assurance: ", "  channels: [\"slack:#approvals\"]\n  assurance: ");
    let mut site = Site::prepare(&policy, "");
    site.configure(&format!(
        "channels:\n  slack: {{team: T1, token_file: token, signing_secret_file: signing, api: \"{}/api\", \
         allow_loopback: true}}\n",
        api.url
    ));
    for (name, text) in [("token", "xoxb-1\n"), ("signing", SECRET)] {
        let file = site.service.path(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let file = site.service.path("roster.yaml");
    let mut roster = std::fs::read_to_string(&file).unwrap();
    for (person, user) in [("ada", "U1"), ("grace", "U2"), ("linus", "U3")] {
        let account = format!("accounts: [{person}@example.com");
        assert!(roster.contains(&account), "{roster}");
        roster = roster.replace(&account, &format!("{account}, 'slack:T1:{user}'"));
    }
    std::fs::write(&file, roster).unwrap();
    site.service.run().await;
    (site, api)
}

fn seconds() -> u64 {
    SystemClock::start().now().unix_seconds()
}

/// Sends a payload as Slack does, signed at this time.
async fn sent_at(site: &Site, at: u64, payload: &Value) -> Answer {
    let body = form(&[("payload", &payload.to_string())]);
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let seal = hmac::sign(&key, format!("v0:{at}:{body}").as_bytes());
    let seal: String = seal.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    bare(site, &at.to_string(), &format!("v0={seal}"), &body).await
}

async fn bare(site: &Site, at: &str, signature: &str, body: &str) -> Answer {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-slack-request-timestamp", at),
        ("x-slack-signature", signature),
    ];
    Browser::at(&site.origin).send(Method::POST, "/slack/interactions", &headers, body).await
}

async fn sent(site: &Site, payload: &Value) -> Answer {
    sent_at(site, seconds(), payload).await
}

/// `user` of `team` presses a button with this value; `trigger` is what Slack calls that press.
fn press(team: &str, user: &str, value: &str, trigger: &str) -> Value {
    json!({
        "type": "block_actions",
        "user": { "id": user, "username": "ada", "name": "ada", "team_id": team },
        "team": { "id": team, "domain": "acme" },
        "channel": { "id": "C1", "name": "approvals" },
        "message": { "type": "message", "ts": "17.5", "text": "x" },
        "actions": [{ "type": "button", "block_id": "b", "action_id": "approve", "action_ts": "18.1", "value": value }],
        "container": { "type": "message" }, "api_app_id": "A1", "token": "legacy",
        "response_url": "https://hooks.slack.com/actions/T1/1/x", "trigger_id": trigger,
    })
}

/// `user` sends off the dialog that was opened with this.
fn submit(user: &str, metadata: &str, reason: &str, trigger: &str) -> Value {
    json!({
        "type": "view_submission",
        "user": { "id": user, "name": "ada", "team_id": "T1" },
        "team": { "id": "T1", "domain": "acme" },
        "view": {
            "id": "V1", "callback_id": "countersign_reason", "private_metadata": metadata,
            "state": { "values": { "reason": { "reason": { "type": "plain_text_input", "value": reason } } } },
        },
        "api_app_id": "A1", "trigger_id": trigger, "response_urls": [],
    })
}

fn is(method: &str) -> impl Fn(&Sent) -> bool {
    let path = format!("/api/{method}");
    move |sent| sent.path == path
}

fn count(api: &Loopback, method: &str) -> usize {
    api.sent().into_iter().filter(is(method)).count()
}

/// The values of the buttons of a card, by what they say.
fn value(card: &Value, action: &str) -> Option<String> {
    let blocks = card["blocks"].as_array().unwrap();
    let elements = blocks.iter().filter_map(|block| block["elements"].as_array()).flatten();
    let mut found = elements.filter(|element| element["action_id"] == action);
    found.next().map(|element| element["value"].as_str().unwrap().to_owned())
}

fn says(sent: &Sent) -> String {
    sent.json()["text"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_a_reason_and_the_agent_goes_on() {
    let (site, api) = site(&a_click_is_enough()).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let card = api.wait_for(is("chat.postMessage")).await.json();
    assert!(["U1", "U2", "#approvals"].contains(&card["channel"].as_str().unwrap()), "{card}");
    assert!(card.to_string().contains("1.2.3"), "{card}");
    let approve = value(&card, "approve").unwrap();
    // Opaque: neither who, nor what, nor which.
    assert!(!approve.contains(&id) && !approve.contains("approve"));
    assert_eq!(sent(&site, &press("T1", "U1", &approve, "t.1")).await.status, 200);
    let dialog = api.wait_for(is("views.open")).await.json();
    assert_eq!(dialog["trigger_id"], "t.1");
    assert!(dialog.to_string().contains("1.2.3"), "{dialog}");
    untouched(&shown(&site, &id).await);
    let metadata = dialog["view"]["private_metadata"].as_str().unwrap();
    for reason in ["", " ", "a\u{202e}b"] {
        let answer = sent(&site, &submit("U1", metadata, reason, &format!("t.{}", reason.len()))).await;
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(answer["response_action"], "errors");
        assert!(answer["errors"]["reason"].is_string());
    }
    let payload = submit("U1", metadata, "it is tested", "t.9");
    let (end, answer) = tokio::join!(site.service.end_of(&id), sent(&site, &payload));
    assert_eq!((answer.status, &*answer.body), (200, r#"{"response_action":"clear"}"#));
    assert_eq!(end.status, Status::Claimed);
    let decided = shown(&site, &id).await;
    let vote = &decided.votes[0];
    assert_eq!((&*vote.reviewer, &*vote.reason, &*vote.assurance), ("ada", "it is tested", "channel"));
    // The card says how it ended, and nothing can be pressed on it any more.
    let last = api.wait_for(|sent| is("chat.update")(sent) && says(sent).contains("approved")).await.json();
    assert_eq!((&last["channel"], &last["ts"]), (&"C1".into(), &"17.5".into()));
    assert_eq!((value(&last, "approve"), value(&last, "deny")), (None, None));
    assert!(says(&api.wait_for(is("chat.postEphemeral")).await).contains("your approval is recorded"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_told_so_and_nothing_is_theirs() {
    let (site, api) = site(&a_click_is_enough()).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let button = seal(&site).button(&offered(&site, &id, true).await);
    // Somebody in the channel, ada's id in another workspace, and a guest of another one in a shared channel.
    let mut guest = press("T2", "U1", &button, "t.3");
    guest["team"]["id"] = "T1".into();
    for (n, payload) in
        [press("T1", "U9", &button, "t.1"), press("T2", "U1", &button, "t.2"), guest].iter().enumerate()
    {
        assert_eq!(sent(&site, payload).await.status, 200);
        api.wait_for(|_| count(&api, "chat.postEphemeral") > n).await;
        let whispers: Vec<_> = api.sent().into_iter().filter(is("chat.postEphemeral")).collect();
        assert!(says(&whispers[n]).contains("you are not a reviewer here"), "{:?}", whispers[n]);
    }
    assert_eq!(count(&api, "views.open"), 0);
    // A dialog that somebody else sends off is theirs, not whose it was.
    let metadata = button.clone();
    let answer = sent(&site, &submit("U9", &metadata, "let me", "t.4")).await;
    assert!(answer.body.contains("not a reviewer"), "{}", answer.body);
    untouched(&shown(&site, &id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_slack_did_not_sign_now_is_not_looked_at() {
    let (site, api) = site(&a_click_is_enough()).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let button = seal(&site).button(&offered(&site, &id, true).await);
    let payload = press("T1", "U1", &button, "t.1");
    for at in [seconds() - 301, seconds() + 330, 0] {
        assert_eq!(sent_at(&site, at, &payload).await.status, 401, "{at}");
    }
    let body = form(&[("payload", &payload.to_string())]);
    let now = seconds().to_string();
    let wrong = format!("v0={}", "0".repeat(64));
    for (at, signature) in [(&*now, &*wrong), (&now, ""), ("", &wrong), ("x", &wrong)] {
        assert_eq!(bare(&site, at, signature, &body).await.status, 401, "{at} {signature}");
    }
    assert_eq!(bare(&site, &now, &wrong, &"x".repeat(600 * 1024)).await.status, 413);
    assert_eq!(sent(&site, &json!([])).await.status, 400);
    assert_eq!(sent(&site, &json!({ "type": "block_actions" })).await.status, 400);
    assert_eq!(site.browser().get("/slack/interactions").await.status, 405);
    assert_eq!(count(&api, "views.open"), 0);
    untouched(&shown(&site, &id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_does_nothing_again() {
    let (site, api) = site(&a_click_is_enough()).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let button = seal(&site).button(&offered(&site, &id, false).await);
    let pressed = press("T1", "U1", &button, "t.1");
    for _ in 0..3 {
        assert_eq!(sent(&site, &pressed).await.status, 200);
    }
    api.wait_for(is("views.open")).await;
    let submitted = submit("U1", &button, "no", "t.2");
    for body in [r#"{"response_action":"clear"}"#, "", ""] {
        let answer = sent(&site, &submitted).await;
        assert_eq!((answer.status, &*answer.body), (200, body));
    }
    assert_eq!(count(&api, "views.open"), 1);
    assert_eq!(shown(&site, &id).await.votes.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_wants_more_leads_to_the_page_and_takes_a_no() {
    let (site, api) = site(POLICY).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    // Nobody is offered what would not count.
    let card = api.wait_for(is("chat.postMessage")).await.json();
    assert_eq!(value(&card, "approve"), None);
    let deny = value(&card, "deny").unwrap();
    let yes = seal(&site).button(&offered(&site, &id, true).await);
    sent(&site, &press("T1", "U1", &yes, "t.1")).await;
    let whisper = api.wait_for(is("chat.postEphemeral")).await;
    assert_eq!(whisper.json()["user"], "U1");
    assert!(whisper.json().to_string().contains(&format!("/e/{id}?intent=approve")), "{:?}", whisper.json());
    let answer = sent(&site, &submit("U1", &yes, "by the back door", "t.2")).await;
    assert!(answer.body.contains("errors"), "{}", answer.body);
    untouched(&shown(&site, &id).await);
    sent(&site, &press("T1", "U1", &deny, "t.3")).await;
    let metadata = api.wait_for(is("views.open")).await.json()["view"]["private_metadata"].clone();
    sent(&site, &submit("U1", metadata.as_str().unwrap(), "not tonight", "t.4")).await;
    assert_eq!(shown(&site, &id).await.summary.status, Status::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_out_of_date_says_what_happened_and_is_changed() {
    let (site, api) = site(&a_click_is_enough()).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let yes = offered(&site, &id, true).await;
    let button = seal(&site).button(&yes);
    site.service.vote(&id, "grace", countersign::escalation::vote::Choice::Deny).await.unwrap();
    let mut pressed = press("T1", "U1", &button, "t.1");
    // A card of which the desk knows nothing: it was sent twice, and only one was recorded.
    pressed["message"]["ts"] = "99.9".into();
    sent(&site, &pressed).await;
    let whisper = api.wait_for(is("chat.postEphemeral")).await;
    assert!(says(&whisper).contains("already denied"), "{}", says(&whisper));
    let update = api.wait_for(|sent| is("chat.update")(sent) && sent.json()["ts"] == "99.9").await.json();
    assert_eq!((value(&update, "approve"), value(&update, "deny")), (None, None));
    // A button that was never made here, and one of another rendering.
    let other = countersign::digest::RenderingDigest::from_bytes([7; 32]);
    let id = site.service.escalate(deploy("2.0.0")).await;
    let other = seal(&site).button(&countersign::desk::links::Offered {
        escalation: countersign::party::EscalationId::parse(&id).unwrap(),
        shown: other,
        approves: true,
    });
    sent(&site, &press("T1", "U1", "forged", "t.2")).await;
    sent(&site, &press("T1", "U1", &other, "t.3")).await;
    api.wait_for(|_| count(&api, "chat.postEphemeral") >= 3).await;
    let all: Vec<String> =
        api.sent().iter().filter(|sent| is("chat.postEphemeral")(sent)).map(says).collect();
    assert!(all.iter().any(|words| words.contains("not one of ours")), "{all:?}");
    assert!(all.iter().any(|words| words.contains("has changed")), "{all:?}");
    assert_eq!(count(&api, "views.open"), 0);
    untouched(&shown(&site, &id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_decide_is_told_why_and_it_is_on_record() {
    let (site, api) = site(&a_click_is_enough()).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let button = seal(&site).button(&offered(&site, &id, true).await);
    // Linus is an engineer, and nobody on call.
    sent(&site, &press("T1", "U3", &button, "t.1")).await;
    let whisper = api.wait_for(is("chat.postEphemeral")).await;
    assert!(says(&whisper).contains("can fill none of the seats"), "{}", says(&whisper));
    assert_eq!(count(&api, "views.open"), 0);
    untouched(&shown(&site, &id).await);
}
