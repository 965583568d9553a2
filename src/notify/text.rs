//! Text that a channel is given, before the channel puts it into its own form.
//!
//! What a message says has its hidden characters visible already. These functions see to it again, in a way that leaves
//! alone what is visible, so that no channel depends on who wrote the message.

use core::fmt::Write as _;

/// The text with what is not to be seen, or moves what is around it, written as its code point. Line feeds stay.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match hides(character) {
            // Cannot fail: writing to a string.
            true => drop(write!(out, "⟨U+{:04X}⟩", u32::from(character))),
            false => out.push(character),
        }
    }
    out
}

/// … in one line.
pub(super) fn line(text: &str) -> String {
    shown(text).split('\n').map(str::trim_end).collect::<Vec<_>>().join(" ")
}

/// … of so many characters at most, with `…` where it goes on.
pub(super) fn headline(text: &str, most: usize) -> String {
    let text = line(text);
    match text.char_indices().nth(most) {
        None => text,
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn hides(character: char) -> bool {
    let format = matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    (character.is_control() && character != '\n') || format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_to_be_seen_becomes_visible_and_stays_so() {
        for (text, expected) in [
            ("plain — 日本語\nnext", "plain — 日本語\nnext"),
            ("a\u{202e}b\u{200b}", "a⟨U+202E⟩b⟨U+200B⟩"),
            ("\u{1b}[31m\r\0", "⟨U+001B⟩[31m⟨U+000D⟩⟨U+0000⟩"),
            ("a\u{2028}b", "a⟨U+2028⟩b"),
        ] {
            assert_eq!(shown(text), expected);
            assert_eq!(shown(expected), expected);
        }
    }

    #[test]
    fn a_headline_is_one_bounded_line() {
        assert_eq!(headline("delete\nit \r now", 80), "delete it ⟨U+000D⟩ now");
        assert_eq!(headline("abcdef", 6), "abcdef");
        assert_eq!(headline("abcdefg", 6), "abcde…");
        assert_eq!(headline("", 6), "");
    }
}
