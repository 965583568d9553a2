//! Slack, as its documentation has it.

use crate::letters::{HOSTILE, letter};
use crate::loopback::{Loopback, http};
use countersign::notify::chat::{Chat as _, Dialog};
use countersign::notify::slack::Slack;
use countersign::notify::{Address, Messenger as _, NotSent};
use std::time::Duration;

const OK: &str = r#"{"ok":true,"channel":"C1","ts":"1700000000.000100"}"#;

fn slack(api: &Loopback) -> Slack {
    Slack::new(http(), &format!("{}/api/", api.url), "xoxb-secret".to_owned().into(), "T1")
}

fn channel() -> Address {
    Address::SlackChannel("#approvals".into())
}

#[tokio::test]
async fn a_card_is_posted_and_later_changed_where_it_stands() {
    let api = Loopback::saying(200, OK).await;
    let taken = slack(&api).send(letter(channel(), "Delete old orders", "DELETE")).await.unwrap();
    assert_eq!(taken.handle.as_deref(), Some("C1:1700000000.000100"));
    let sent = api.last();
    assert_eq!((&*sent.method, &*sent.path), ("POST", "/api/chat.postMessage"));
    assert_eq!(sent.header("authorization"), "Bearer xoxb-secret");
    assert!(sent.header("content-type").starts_with("application/json"));
    let body = sent.json();
    assert_eq!((&body["channel"], &body["unfurl_links"]), (&"#approvals".into(), &false.into()));
    assert_eq!(body["blocks"][0]["text"]["text"], "Delete old orders");
    let mut update = letter(channel(), "approved: Delete old orders", "DELETE");
    update.replaces = taken.handle.clone();
    update.message.actions.clear();
    assert_eq!(slack(&api).send(update).await.unwrap().handle, taken.handle);
    let sent = api.last();
    assert_eq!(sent.path, "/api/chat.update");
    let body = sent.json();
    assert_eq!((&body["channel"], &body["ts"]), (&"C1".into(), &"1700000000.000100".into()));
    let text = body.to_string();
    assert!(!text.contains("\"approve\"") && !text.contains("\"deny\""), "{text}");
}

#[tokio::test]
async fn somebody_is_written_to_in_their_own_workspace_only() {
    let api = Loopback::saying(200, OK).await;
    let to = |team: &str| Address::SlackUser { team: team.into(), user: "U1".into() };
    slack(&api).send(letter(to("T1"), "x", "y")).await.unwrap();
    assert_eq!(api.last().json()["channel"], "U1");
    for other in [to("T2"), Address::Email("a@b.example".into())] {
        assert!(matches!(slack(&api).send(letter(other, "x", "y")).await, Err(NotSent::Never(_))));
    }
    assert_eq!(api.sent().len(), 1);
}

#[tokio::test]
async fn what_slack_answers_says_when_to_try_again() {
    let api = Loopback::saying(200, OK).await;
    let send = || async { slack(&api).send(letter(channel(), "x", "y")).await };
    api.say(429, Some("17"), "");
    assert!(matches!(send().await, Err(NotSent::Later(_, Some(wait))) if wait == Duration::from_secs(17)));
    api.say(500, None, "<html>");
    assert!(matches!(send().await, Err(NotSent::Later(_, None))));
    api.say(200, None, r#"{"ok":false,"error":"not_in_channel"}"#);
    assert!(matches!(send().await, Err(NotSent::Never(why)) if why.contains("not_in_channel")));
    api.say(302, None, "");
    assert!(matches!(send().await, Err(NotSent::Never(_))), "a token is never sent elsewhere");
}

#[tokio::test]
async fn whoever_pressed_is_whispered_to_and_asked_why() {
    let api = Loopback::saying(200, r#"{"ok":true}"#).await;
    let link = Some("https://approve.example/e/1".to_owned());
    slack(&api).whisper("C1", "U1", "it is over <!here>".to_owned(), link).await.unwrap();
    let sent = api.last();
    assert_eq!(sent.path, "/api/chat.postEphemeral");
    assert_eq!((&sent.json()["channel"], &sent.json()["user"]), (&"C1".into(), &"U1".into()));
    assert!(sent.json().to_string().contains("&lt;!here&gt;"));
    let message = letter(channel(), "Delete", HOSTILE).message;
    slack(&api).ask("t.1", Dialog { message, approves: true, metadata: "m".to_owned() }).await.unwrap();
    let sent = api.last();
    assert_eq!(sent.path, "/api/views.open");
    let body = sent.json();
    assert_eq!((&body["trigger_id"], &body["view"]["private_metadata"]), (&"t.1".into(), &"m".into()));
    let text = body.to_string();
    assert!(
        text.contains("⟨U+202E⟩") && !text.contains('\u{202e}') && !text.contains("<!channel>"),
        "{text}"
    );
}

#[tokio::test]
async fn nothing_hostile_is_markup_in_a_card() {
    let api = Loopback::saying(200, OK).await;
    slack(&api).send(letter(channel(), HOSTILE, HOSTILE)).await.unwrap();
    let body = api.last().json();
    for block in body["blocks"].as_array().unwrap() {
        let text = &block["text"];
        if text["type"] == "mrkdwn" {
            let text = text["text"].as_str().unwrap();
            assert!(!text.contains(['<', '>', '\u{202e}', '\u{200b}', '\0']), "{text}");
            assert!(text.contains("```") || !text.contains("evil") || text.contains('`'), "{text}");
        }
    }
    assert_eq!((&body["parse"], &body["link_names"]), (&"none".into(), &false.into()));
}
