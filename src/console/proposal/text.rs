//! A text on a page: with nothing hidden in it, and where it is long its beginning and how much more there is.

use crate::operation::render::visible_lines;

/// A text, or its beginning.
#[derive(Clone, Debug, Default)]
pub(in crate::console) struct Text {
    /// What is shown of it.
    pub(in crate::console) shown: String,
    /// How many characters more there are.
    pub(in crate::console) more: usize,
}

impl Text {
    /// What somebody else wrote, made visible. All of it, or about `most` characters.
    pub(in crate::console) fn of(text: &str, most: Option<usize>) -> Self {
        Self::visible(visible_lines(text), most)
    }

    /// What is visible already.
    pub(in crate::console) fn visible(text: String, most: Option<usize>) -> Self {
        let characters = text.chars().count();
        let Some(most) = most.filter(|most| characters > *most) else { return Self { shown: text, more: 0 } };
        let mut shown: String = text.chars().take(most).collect();
        // At the end of a line, where there is one not far before.
        if let Some((lines, last)) = shown.rsplit_once('\n')
            && last.len() < most / 2
        {
            shown = lines.to_owned();
        }
        let more = characters - shown.chars().count();
        Self { shown, more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_cut_without_saying_how_much() {
        for (text, most, shown, more) in [
            ("", Some(3), "", 0),
            ("abc", Some(3), "abc", 0),
            ("abcd", Some(3), "abc", 1),
            ("äöüß", Some(2), "äö", 2),
            ("abcdef\ngh\nij", Some(8), "abcdef", 6),
            ("a\u{202e}b", Some(100), "a⟨U+202E⟩b", 0),
            ("abcd", None, "abcd", 0),
        ] {
            let text = Text::of(text, most);
            assert_eq!((text.shown.as_str(), text.more), (shown, more));
        }
    }
}
