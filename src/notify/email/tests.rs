//! What a mail is made of, and what no agent can put into it.

use super::*;
use crate::clock::ManualClock;
use crate::moment::Moment;
use crate::notice::{Action, Excerpt, Line, Message, NoticeId, Recipient, Topic, Urgency};
use crate::risk::Level;
use proptest::prelude::*;

fn email() -> Email {
    let server = Server {
        host: "localhost".to_owned(),
        port: 25,
        security: Security::Plain,
        authority: None,
        login: None,
    };
    let clock = ManualClock::at(Moment::from_rfc3339("2026-11-22T02:30:00Z").unwrap());
    Email::new(&server, "Countersign <approvals@acme.example>", Arc::new(clock)).unwrap()
}

fn letter(to: &str, headline: &str, text: &str) -> Letter {
    let message = Message {
        notice: NoticeId::of(&[b"x"], &Recipient::Place("email:x".into())),
        topic: Topic::Asked,
        urgency: Urgency::Normal,
        headline: headline.to_owned(),
        lines: vec![Line { label: "reason".to_owned(), text: text.to_owned(), claim: true }],
        operation: Some(Excerpt { text: text.to_owned(), more: 0 }),
        level: Some(Level::High),
        link: Some("https://approve.example/e/1".to_owned()),
        actions: vec![Action {
            label: "Approve".to_owned(),
            approves: true,
            value: "v".to_owned(),
            link: "https://approve.example/l/abc".to_owned(),
        }],
        until: Moment::default(),
    };
    Letter { to: Address::Email(to.into()), message, replaces: None }
}

/// The lines of the mail's own headers, unfolded.
fn headers(mail: &Mail) -> Vec<String> {
    let text = String::from_utf8(mail.formatted()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    head.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect()
}

#[tokio::test]
async fn a_mail_says_what_it_is_and_has_the_id_of_its_notice() {
    let letter = letter("ada@acme.example", "Delete old orders", "DELETE FROM orders");
    let mail = email().write("ada@acme.example", &letter).unwrap();
    let headers = headers(&mail);
    for expected in [
        "From: Countersign <approvals@acme.example>".to_owned(),
        "To: ada@acme.example".to_owned(),
        "Subject: [Countersign] Delete old orders".to_owned(),
        "Date: Sun, 22 Nov 2026 02:30:00 +0000".to_owned(),
        format!("Message-ID: <{}@acme.example>", letter.message.notice),
        "Auto-Submitted: auto-generated".to_owned(),
        "List-Id: Countersign <countersign.acme.example>".to_owned(),
    ] {
        assert!(headers.contains(&expected), "{expected} is not in {headers:#?}");
    }
    let text = body::text(&letter.message);
    assert!(text.contains("reason (as the agent says): DELETE FROM orders"));
    assert!(text.contains("Approve: https://approve.example/l/abc\nOpen: https://approve.example/e/1"));
}

#[tokio::test]
async fn no_headline_makes_a_header() {
    let hostile = "x\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script>\u{202e}";
    let mail = email().write("ada@acme.example", &letter("ada@acme.example", hostile, hostile)).unwrap();
    let headers = headers(&mail);
    let names: Vec<&str> = headers.iter().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    assert_eq!(names.len(), headers.len(), "{headers:#?}");
    assert!(!names.iter().any(|name| name.eq_ignore_ascii_case("bcc")), "{headers:#?}");
    assert_eq!(mail.envelope().to().len(), 1);
    for address in ["ada@acme.example\r\nBcc: x@y", "ada@acme.example, eve@evil.example", "", "ada"] {
        assert!(
            matches!(email().write(address, &letter(address, "x", "x")), Err(NotSent::Never(_))),
            "{address}"
        );
    }
}

#[test]
fn what_others_wrote_is_text_in_the_html() {
    let hostile = "</pre><img src=x onerror=alert(1)>\" ' & \u{202e}\u{200b}";
    let html = body::html(&letter("a@b.example", hostile, hostile).message);
    assert!(!html.contains("<img") && !html.contains('\u{202e}') && !html.contains('\u{200b}'));
    assert_eq!(
        html.matches("&lt;/pre&gt;&lt;img src=x onerror=alert(1)&gt;&quot; &#39; &amp; ⟨U+202E⟩⟨U+200B⟩")
            .count(),
        3
    );
}

proptest! {
    #[test]
    fn no_text_breaks_out(text in "(.|\n|\r|<|>|\"|&){0,200}") {
        let html = body::html(&letter("a@b.example", &text, &text).message);
        let plain = body::html(&letter("a@b.example", "", "").message);
        prop_assert_eq!(html.matches('<').count(), plain.matches('<').count());
        prop_assert_eq!(html.matches('"').count(), plain.matches('"').count());
        let text = body::text(&letter("a@b.example", &text, &text).message);
        prop_assert_eq!(text.lines().filter(|line| line.starts_with("Approve: ")).count(), 1);
    }
}
