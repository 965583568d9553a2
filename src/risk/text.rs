//! Untrusted text as it may appear inside a sentence that people read.

use core::fmt::Write as _;

/// The most characters of one untrusted text that a sentence shows.
const SHOWN: usize = 120;

/// `text` in backticks, with control, invisible and bidirectional characters escaped, and shortened visibly.
///
/// Reasons are for people; the reviewer's view of the operation itself is the whole rendering (TOKEN §5).
pub(crate) fn quoted(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(SHOWN) + 2);
    shown.push('`');
    let plain = text.len() <= SHOWN && text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'`');
    if plain {
        shown.push_str(text);
    } else {
        for (index, character) in text.chars().enumerate() {
            if index == SHOWN {
                // Writing to a String cannot fail.
                let _ = write!(shown, "… ({} characters)", text.chars().count());
                break;
            }
            match character {
                '`' => shown.push_str("\\u{60}"),
                '\'' | '"' | '\\' => shown.push(character),
                other => shown.extend(other.escape_debug()),
            }
        }
    }
    shown.push('`');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_deceive_is_escaped_and_what_is_long_is_shortened_visibly() {
        assert_eq!(quoted("db.customers"), "`db.customers`");
        assert_eq!(quoted("a`b"), "`a\\u{60}b`");
        assert_eq!(quoted("x\u{202e}y\n"), "`x\\u{202e}y\\n`");
        assert_eq!(quoted("Straße"), "`Straße`");
        assert!(quoted(&"x".repeat(500)).ends_with("… (500 characters)`"));
    }
}
