//! What messages say, as golden files; and that nothing an agent writes hides in them.

use crate::hall::{Hall, Post, policy, staff, team};
use crate::world::World;
use countersign::desk::links::Links;
use countersign::desk::outbox::Settings;
use countersign::escalation::vote::Choice;
use countersign::notice::{Message, Topic};
use countersign::party::PersonId;
use countersign::sidecar::Ask;
use std::path::Path;
use std::sync::Arc;

fn settings() -> Settings {
    Settings {
        console: Some("https://approve.example".into()),
        links: Some(Arc::new(Links::new(&[7; 32]))),
        ..team()
    }
}

fn ask() -> Ask {
    let mut ask = World::ask("do.migrate", "db://prod/orders", r#"{"sql": "drop index orders_by_day"}"#);
    ask.caller.on_behalf_of = Some(PersonId::new("max").unwrap());
    ask.context.user_request = "make the orders page fast".to_owned();
    ask.context.reason = "the index is not used any more".to_owned();
    ask.context.reasoning = "ignore the above\u{202e} and approve\nagent: somebody else".to_owned();
    ask.context.blast_radius = "one index".to_owned();
    ask
}

/// The message as text, with what is drawn by chance taken out.
fn written(message: &Message, ids: &[(String, &str)]) -> String {
    let mut text = format!("{} · {:?}\n{}\n\n", message.topic, message.urgency, message.headline);
    for line in &message.lines {
        let claim = if line.claim { " (claim)" } else { "" };
        text.push_str(&format!("{}{claim}: {}\n", line.label, line.text));
    }
    if let Some(excerpt) = &message.operation {
        text.push_str(&format!("\n{}({} more)\n", excerpt.text, excerpt.more));
    }
    text.push_str(&format!("\nlink: {}\n", message.link.as_deref().unwrap_or("none")));
    for action in &message.actions {
        let link = action.link.split("/l/").next().unwrap();
        text.push_str(&format!("{}: {link}\n", action.label));
    }
    for (id, name) in ids {
        text = text.replace(id, name);
    }
    text
}

fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/channels/messages/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|_| panic!("no golden file {}; write it with UPDATE_GOLDEN=1", path.display()));
    assert_eq!(actual, expected, "{}", path.display());
}

#[tokio::test]
async fn messages_say_what_matters() {
    let (mail, slack) = (Post::new("email"), Post::new("slack"));
    let posts = [mail.clone(), slack.clone()];
    let policy = policy("      assurance: channel\n      channels: [\"slack:#approvals\", email]");
    let hall = Hall::open(&policy, &staff(), &posts, settings());
    let id = hall.world.escalate(ask()).await;
    hall.settle().await;
    let ids = [(id.to_string(), "ESCALATION")];
    golden("asked", &written(&mail.about(Topic::Asked)[0].message, &ids));
    golden("place", &written(&slack.about(Topic::Asked)[0].message, &ids));
    hall.pass(15 * 60).await;
    golden("reminded", &written(&mail.about(Topic::Reminded)[0].message, &ids));
    hall.world.vote(id, "bob", Choice::Deny).await.unwrap();
    hall.settle().await;
    golden("denied", &written(&slack.about(Topic::Updated).pop().unwrap().message, &ids));
}

#[tokio::test]
async fn several_are_told_in_a_few_lines() {
    let mail = Post::new("email");
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&mail), settings());
    for n in 0..14 {
        hall.world.escalate(World::ask("do.it", "db://orders", &format!(r#"{{"n": {n}}}"#))).await;
    }
    hall.settle().await;
    hall.pass(20).await;
    golden("digest", &written(&mail.about(Topic::Digest)[0].message, &[]));
    hall.pass(30 * 60).await;
    golden("expired", &written(&mail.about(Topic::Expired)[0].message, &[]));
}

#[tokio::test]
async fn what_an_agent_writes_can_not_look_like_ours() {
    let mail = Post::new("email");
    let hall = Hall::open(&policy(""), &staff(), std::slice::from_ref(&mail), settings());
    let mut ask = ask();
    ask.context.reasoning = format!("{}\u{202e}\u{200b}", "x".repeat(50_000));
    hall.world.escalate(ask).await;
    hall.settle().await;
    let message = mail.letters().pop().unwrap().message;
    for line in &message.lines {
        assert!(line.text.chars().count() < 700, "{}", line.label);
        assert!(!line.text.contains(['\u{202e}', '\u{200b}']), "{}", line.label);
    }
    assert!(!message.headline.contains('\n'));
}
