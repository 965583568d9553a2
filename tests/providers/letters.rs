//! Letters to be brought, plain and hostile.

use countersign::moment::Moment;
use countersign::notice::{Action, Excerpt, Line, Message, NoticeId, Recipient, Topic, Urgency};
use countersign::notify::{Address, Letter};
use countersign::risk::Level;

/// Everything that an agent may try to smuggle through a channel.
pub(crate) const HOSTILE: &str = "<!channel> <@U1> <https://evil.example|ok> \r\nBcc: eve@evil.example\r\n\r\n<script>x</script> *b* ``` \u{202e}\u{200b}\u{0} &amp; https://evil.example/";

pub(crate) fn letter(to: Address, headline: &str, text: &str) -> Letter {
    let actions = [(true, "Approve"), (false, "Deny")].map(|(approves, label)| Action {
        label: label.to_owned(),
        approves,
        value: format!("opaque-{approves}"),
        link: format!("https://approve.example/l/{approves}"),
    });
    let message = Message {
        notice: NoticeId::of(&[headline.as_bytes()], &Recipient::Place("test".into())),
        topic: Topic::Asked,
        urgency: Urgency::High,
        headline: headline.to_owned(),
        lines: vec![Line { label: "reason".to_owned(), text: text.to_owned(), claim: true }],
        operation: Some(Excerpt { text: text.to_owned(), more: 0 }),
        level: Some(Level::High),
        link: Some("https://approve.example/e/esc_1".to_owned()),
        actions: actions.to_vec(),
        until: Moment::from_unix_seconds(2_000_000_000),
    };
    Letter { to, message, replaces: None }
}
