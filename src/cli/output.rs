//! What a command prints: words and colours for a person, one JSON document for a script.

use crate::moment::Moment;
use core::fmt::Display;
use core::time::Duration;
use std::io::{IsTerminal as _, Write as _};

/// Where a command prints, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    json: bool,
    colours: bool,
}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// It went well, or it is allowed.
    Good,
    /// It was refused.
    Bad,
    /// People must look.
    Wait,
    /// A heading.
    Strong,
    /// Of less weight.
    Faint,
}

impl Output {
    /// Words, coloured only if standard output is a terminal and `NO_COLOR` is not set; or JSON.
    #[must_use]
    pub(super) fn new(json: bool) -> Self {
        Self { json, colours: colours_wanted() && !json && std::io::stdout().is_terminal() }
    }

    /// Whether JSON was asked for.
    #[must_use]
    pub(super) const fn json(self) -> bool {
        self.json
    }

    /// Prints one JSON document, or else the words.
    pub(super) fn print(
        self,
        document: impl FnOnce() -> serde_json::Value,
        words: impl FnOnce(Self) -> String,
    ) {
        let text = if self.json { format!("{:#}", document()) } else { words(self) };
        self.line(text);
    }

    /// Prints one line, or several.
    pub(super) fn line(self, text: impl Display) {
        // A reader that went away is no reason to fail: what was done is done.
        drop(writeln!(std::io::stdout().lock(), "{text}"));
    }

    /// The text in the tone's colour.
    #[must_use]
    pub(super) fn paint(self, tone: Tone, text: impl Display) -> String {
        if !self.colours {
            return text.to_string();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Wait => "33",
            Tone::Strong => "1",
            Tone::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Whether whoever runs this lets terminals have colours (no-color.org).
#[must_use]
pub(super) fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Makes text from elsewhere safe for a terminal: control and bidirectional characters become visible escapes.
#[must_use]
pub(super) fn visible(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if hidden || (c.is_control() && c != '\n') {
            safe.push_str(&format!("⟨U+{:04X}⟩", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// A length of time for people: `14 min 58 s`, `2 h 5 min`, `3 d 4 h`.
#[must_use]
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// How far away a moment is: `in 14 min 58 s`, `3 s ago`.
#[must_use]
pub(super) fn relative(moment: Moment, now: Moment) -> String {
    match moment >= now {
        true => format!("in {}", span(moment.since(now))),
        false => format!("{} ago", span(now.since(moment))),
    }
}

/// A score of thousandths as people write it: `0.525`.
#[must_use]
pub(super) fn thousandths(value: u32) -> String {
    format!("{}.{:03}", value / 1000, value % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_reaches_the_terminal() {
        assert_eq!(visible("a\u{1b}[31mb\u{202e}c"), "a⟨U+001B⟩[31mb⟨U+202E⟩c");
        assert_eq!(visible("plain\nlines"), "plain\nlines");
    }

    #[test]
    fn spans_read_well() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (898, "14 min 58 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
