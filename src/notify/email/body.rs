//! What a mail says, as text and as HTML: the same, in the same order.

use crate::notice::Message;
use crate::notify::text::{line, shown};
use core::fmt::Write as _;

/// Said under every button, because mails are forwarded.
const FOOT: &str = "These links are for you alone: whoever else follows them is asked who they are. Opening one decides nothing. \
                    This mail was sent by Countersign; answers to it are not read.";
/// Said where the whole doesn't fit.
const REST: &str = "This is not all of it: open it to see the rest.";

/// The text.
pub(super) fn text(message: &Message) -> String {
    let mut out = line(&message.headline);
    out.push_str("\n\n");
    if let Some(level) = message.level {
        let _ = writeln!(out, "risk: {}", level.as_str());
    }
    for part in &message.lines {
        let claim = if part.claim { " (as the agent says)" } else { "" };
        let _ = writeln!(out, "{}{claim}: {}", line(&part.label), indented(&part.text));
    }
    if let Some(operation) = &message.operation {
        let _ = write!(out, "\noperation:\n    {}\n", indented(&operation.text));
        if operation.more > 0 {
            let _ = writeln!(out, "{REST}");
        }
    }
    out.push('\n');
    for action in &message.actions {
        let _ = writeln!(out, "{}: {}", line(&action.label), line(&action.link));
    }
    if let Some(link) = &message.link {
        let _ = writeln!(out, "Open: {}", line(link));
    }
    let _ = writeln!(out, "\n-- \n{FOOT}");
    out
}

/// So that no text of several lines can look like a line of ours.
fn indented(text: &str) -> String {
    shown(text).replace('\n', "\n    ")
}

/// The HTML. Styles stand in it: mail programs read nothing else.
pub(super) fn html(message: &Message) -> String {
    let mut out = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Countersign</title></head>\
         <body style=\"margin:0;padding:16px;font:16px/1.45 system-ui,sans-serif;color:#1a1a1a;background:#ffffff\">\
         <div style=\"max-width:640px;margin:0 auto\">",
    );
    let _ = write!(
        out,
        "<h1 style=\"font-size:20px;margin:0 0 12px\">{}</h1>",
        escaped(&line(&message.headline))
    );
    if let Some(level) = message.level {
        let _ = write!(out, "<p style=\"margin:0 0 12px\">risk: <strong>{}</strong></p>", level.as_str());
    }
    if !message.lines.is_empty() {
        out.push_str("<table role=\"presentation\" style=\"border-collapse:collapse;margin:0 0 12px\">");
        for part in &message.lines {
            let claim = if part.claim { " <em>(as the agent says)</em>" } else { "" };
            let _ = write!(
                out,
                "<tr><th scope=\"row\" style=\"text-align:left;vertical-align:top;padding:2px 12px 2px 0;\
                 font-weight:600\">{}{claim}</th><td style=\"padding:2px 0;white-space:pre-wrap;\
                 overflow-wrap:anywhere\">{}</td></tr>",
                escaped(&line(&part.label)),
                escaped(&shown(&part.text))
            );
        }
        out.push_str("</table>");
    }
    if let Some(operation) = &message.operation {
        let _ = write!(
            out,
            "<h2 style=\"font-size:16px;margin:0 0 4px\">operation</h2><pre style=\"white-space:pre-wrap;\
             overflow-wrap:anywhere;background:#f2f2f2;padding:12px;margin:0 0 12px;border-radius:6px\">{}</pre>",
            escaped(&shown(&operation.text))
        );
        if operation.more > 0 {
            let _ = write!(out, "<p><strong>{REST}</strong></p>");
        }
    }
    out.push_str("<p style=\"margin:16px 0\">");
    for action in &message.actions {
        let color = if action.approves { "#0b6b2e" } else { "#a31515" };
        button(&mut out, &action.link, &action.label, color);
    }
    if let Some(link) = &message.link {
        button(&mut out, link, "Open", "#1f4fa3");
    }
    let _ = write!(out, "</p><p style=\"font-size:13px;color:#555555\">{FOOT}</p></div></body></html>");
    out
}

fn button(out: &mut String, link: &str, label: &str, color: &str) {
    let _ = write!(
        out,
        "<a href=\"{}\" style=\"display:inline-block;padding:12px 20px;margin:0 8px 8px 0;border-radius:6px;\
         background:{color};color:#ffffff;text-decoration:none;font-weight:600\">{}</a>",
        escaped(&line(link)),
        escaped(&line(label))
    );
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
