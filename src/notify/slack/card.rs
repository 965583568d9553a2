//! A message as Slack's blocks: nothing in it links, mentions, styles or pictures anything that we did not.
//!
//! What others wrote stands in code, where Slack reads no markup, with `&`, `<` and `>` escaped as Slack asks. A backtick
//! would end the code, so it is written as its code point, as hidden characters are.

use crate::notice::{Action, Line, Message};
use crate::notify::chat::{CALLBACK, Dialog, MAX_REASON, REASON};
use crate::notify::text::{headline, line, shown};
use serde_json::{Value, json};

/// The most characters of one section: Slack takes 3000, the fence included.
const SECTION: usize = 2900;
/// The most sections that an operation is shown in; a message has 50 blocks.
const SECTIONS: usize = 12;
/// The most lines besides the operation.
const LINES: usize = 20;
/// The most characters of a header.
const HEADER: usize = 150;
/// The most characters of a line's text: what is longer stands in a block of its own.
const INLINE: usize = 240;
/// The longest address behind a button.
const MAX_LINK: usize = 3000;

/// The body of `chat.postMessage` and `chat.update`, but for the channel.
pub(super) fn message(message: &Message) -> Value {
    let (mut blocks, whole) = context(message);
    let mut buttons: Vec<Value> = message
        .actions
        .iter()
        // Who can't see all of it can't approve it here.
        .filter(|action| whole || !action.approves)
        .map(button)
        .collect();
    if let Some(link) = message.link.as_deref().filter(|link| link.len() <= MAX_LINK) {
        buttons
            .push(json!({ "type": "button", "action_id": "open", "text": plain("Open", 75), "url": link }));
    }
    if !buttons.is_empty() {
        blocks.push(json!({ "type": "actions", "elements": buttons }));
    }
    json!({
        "text": escaped(&headline(&message.headline, 300)),
        "blocks": blocks,
        "metadata": {
            "event_type": "countersign_notice",
            "event_payload": { "notice": message.notice.to_string(), "topic": message.topic.as_str() },
        },
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// The view of a dialog that asks why.
pub(super) fn dialog(dialog: &Dialog) -> Value {
    let (mut blocks, _) = context(&dialog.message);
    let asked = if dialog.approves { "Why is it right to do this?" } else { "Why not?" };
    blocks.push(json!({
        "type": "input",
        "block_id": REASON,
        "label": plain(asked, 2000),
        "element": {
            "type": "plain_text_input",
            "action_id": REASON,
            "multiline": false,
            "min_length": 1,
            "max_length": MAX_REASON,
            "focus_on_load": true,
        },
    }));
    let title = if dialog.approves { "Approve" } else { "Deny" };
    json!({
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": dialog.metadata,
        "title": plain(title, 24),
        "submit": plain(title, 24),
        "close": plain("Not now", 24),
        "blocks": blocks,
    })
}

/// The body of `chat.postEphemeral`, but for the channel and the user.
pub(super) fn note(text: &str, link: Option<&str>) -> Value {
    let words = section(&escaped(&headline(text, 1000)));
    let mut blocks = vec![words];
    if let Some(link) = link.filter(|link| link.len() <= MAX_LINK) {
        let open = json!({ "type": "button", "action_id": "open", "text": plain("Open", 75), "url": link });
        blocks.push(json!({ "type": "actions", "elements": [open] }));
    }
    json!({ "text": escaped(&headline(text, 300)), "blocks": blocks, "mrkdwn": false, "parse": "none",
        "link_names": false })
}

/// What there is to know, and whether that is all of it.
fn context(message: &Message) -> (Vec<Value>, bool) {
    let mut whole = true;
    let title = match line(&message.headline) {
        empty if empty.trim().is_empty() => "Countersign".to_owned(),
        title => title,
    };
    let mut blocks = match title.chars().count() > HEADER {
        false => vec![json!({ "type": "header", "text": plain(&title, HEADER) })],
        true => code(&title, &mut whole),
    };
    if let Some(level) = message.level {
        let risk = format!("risk: *{}*", level.as_str());
        blocks.push(
            json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": risk, "verbatim": true }] }),
        );
    }
    whole &= message.lines.len() <= LINES;
    for line in message.lines.iter().take(LINES) {
        blocks.extend(labelled(line, &mut whole));
    }
    if let Some(operation) = &message.operation {
        whole &= operation.more == 0;
        blocks.push(section("*operation*"));
        let sections = code(&operation.text, &mut whole);
        blocks.extend(sections);
    }
    if !whole || blocks.len() > 47 {
        blocks.truncate(47);
        blocks.push(section("_this is not all of it: open it to see the rest and to approve_"));
        whole = false;
    }
    (blocks, whole)
}

fn labelled(line: &Line, whole: &mut bool) -> Vec<Value> {
    let claim = if line.claim { " (as the agent says)" } else { "" };
    let label = format!("*{}*{claim}", literal(&headline(&line.label, 60)));
    let text = shown(&line.text);
    if text.contains('\n') || text.chars().count() > INLINE {
        let mut blocks = vec![section(&label)];
        blocks.extend(code(&text, whole));
        return blocks;
    }
    match text.is_empty() {
        true => vec![section(&label)],
        false => vec![section(&format!("{label}: `{}`", literal(&text)))],
    }
}

/// A text as code, in as many sections as it takes.
fn code(text: &str, whole: &mut bool) -> Vec<Value> {
    let (mut sections, mut current, mut length) = (Vec::new(), String::new(), 0);
    for character in shown(text).chars() {
        let piece = literal(character.encode_utf8(&mut [0; 4]));
        let more = piece.encode_utf16().count();
        if length + more > SECTION {
            sections.push(core::mem::take(&mut current));
            length = 0;
        }
        if sections.len() == SECTIONS {
            *whole = false;
            break;
        }
        current.push_str(&piece);
        length += more;
    }
    sections.push(current);
    sections.iter().filter(|text| !text.is_empty()).map(|text| section(&format!("```{text}```"))).collect()
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
}

fn button(action: &Action) -> Value {
    let (name, style) = if action.approves { ("approve", "primary") } else { ("deny", "danger") };
    json!({ "type": "button", "action_id": name, "style": style, "text": plain(&action.label, 75), "value": action.value })
}

fn plain(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": headline(text, most), "emoji": false })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn literal(text: &str) -> String {
    escaped(text).replace('`', "⟨U+0060⟩")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moment::Moment;
    use crate::notice::{Excerpt, NoticeId, Recipient, Topic, Urgency};
    use crate::risk::Level;
    use proptest::prelude::*;

    fn about(headline: &str, operation: &str, more: usize) -> Message {
        Message {
            notice: NoticeId::of(&[b"x"], &Recipient::Place("slack:#x".into())),
            topic: Topic::Asked,
            urgency: Urgency::High,
            headline: headline.to_owned(),
            lines: vec![Line { label: "reason".to_owned(), text: operation.to_owned(), claim: true }],
            operation: Some(Excerpt { text: operation.to_owned(), more }),
            level: Some(Level::High),
            link: Some("https://approve.example/e/1".to_owned()),
            actions: [(true, "Approve"), (false, "Deny")]
                .map(|(approves, label)| Action {
                    label: label.to_owned(),
                    approves,
                    value: "opaque".to_owned(),
                    link: "https://approve.example/l/1".to_owned(),
                })
                .to_vec(),
            until: Moment::default(),
        }
    }

    fn buttons(body: &Value) -> Vec<String> {
        let blocks = body["blocks"].as_array().unwrap();
        let actions = blocks.iter().filter(|block| block["type"] == "actions");
        let elements = actions.flat_map(|block| block["elements"].as_array().unwrap());
        elements.map(|element| element["action_id"].as_str().unwrap().to_owned()).collect()
    }

    /// The limits of the documentation; and that every text of others is literal.
    fn check(body: &Value) {
        let blocks = body["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50, "{} blocks", blocks.len());
        for block in blocks {
            let Some(text) = block["text"]["text"].as_str() else { continue };
            let most = if block["type"] == "header" { 150 } else { 3000 };
            assert!((1..=most).contains(&text.chars().count()), "{} characters", text.chars().count());
            if block["type"] == "section" {
                assert_eq!(block["text"]["verbatim"], true);
                assert!(!text.contains(['<', '>']), "{text}");
                assert_eq!(text.matches('`').count() % 2, 0, "{text}");
                assert!(!text.trim_matches('`').contains("```"), "{text}");
            }
        }
    }

    #[test]
    fn what_fits_is_shown_whole_with_its_buttons() {
        let body = message(&about("Delete old orders", "DELETE FROM orders", 0));
        assert_eq!(buttons(&body), ["approve", "deny", "open"]);
        assert!(body.to_string().contains("```DELETE FROM orders```"));
        assert_eq!(body["unfurl_links"], false);
        check(&body);
    }

    #[test]
    fn what_does_not_fit_can_be_denied_and_opened_but_not_approved() {
        for (operation, more) in [("x".repeat(50_000), 0), ("x".to_owned(), 7), ("`".repeat(10_000), 0)] {
            let body = message(&about("Delete", &operation, more));
            assert_eq!(buttons(&body), ["deny", "open"]);
            check(&body);
        }
    }

    #[test]
    fn nothing_that_others_wrote_mentions_links_or_styles() {
        let hostile = "<!channel> <@U1> <https://evil.example|ok> *bold* ```\n_x_ :tada: & \u{202e}";
        let body = message(&about(hostile, hostile, 0));
        check(&body);
        let text = body.to_string();
        for wrong in ["<!channel>\\n", "\u{202e}"] {
            assert!(!text.contains(wrong), "{wrong}");
        }
        assert!(text.contains("```&lt;!channel&gt; &lt;@U1&gt;"), "{text}");
        assert!(text.contains("⟨U+0060⟩⟨U+0060⟩⟨U+0060⟩") && text.contains("⟨U+202E⟩"));
        // In plain text Slack reads no markup.
        assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
        assert!(!body["text"].as_str().unwrap().contains('<'));
    }

    #[test]
    fn a_dialog_shows_what_the_card_shows_and_asks_why() {
        let dialog = Dialog {
            message: about("Delete", "DELETE FROM orders", 0),
            approves: true,
            metadata: "m".to_owned(),
        };
        let view = super::dialog(&dialog);
        check(&view);
        assert!(view.to_string().contains("```DELETE FROM orders```"));
        assert_eq!(view["private_metadata"], "m");
        assert_eq!(view["blocks"].as_array().unwrap().last().unwrap()["element"]["action_id"], "reason");
    }

    proptest! {
        #[test]
        fn every_card_keeps_to_the_limits(headline in ".{0,400}", operation in "(.|\n){0,4000}", more in 0_usize..2) {
            check(&message(&about(&headline, &operation, more)));
        }
    }
}
