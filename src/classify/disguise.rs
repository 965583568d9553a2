//! Disguise: characters that hide in a payload or pass for others, and the payload as it would be without them.

use crate::operation::render::{HazardKind, hazards};
use std::borrow::Cow;

/// A text without its disguise.
pub(super) struct Undisguised<'a> {
    /// The text with hidden characters left out and look-alikes written as the ASCII letters that they pass for.
    pub(super) text: Cow<'a, str>,
    /// The hidden and imitating characters, as code points; `None` if there are none.
    pub(super) marks: Option<String>,
}

/// Takes the disguise off `text`. Letters of other languages in words of their own are none.
pub(super) fn undisguise(text: &str) -> Undisguised<'_> {
    let marks: Vec<char> = hazards(text)
        .into_iter()
        .filter(|hazard| match hazard.kind {
            HazardKind::Control => !matches!(hazard.character, '\u{b}' | '\u{c}' | '\r'),
            HazardKind::Bidirectional | HazardKind::Space | HazardKind::Confusable => true,
            // What chooses between two looks of a symbol hides nothing.
            HazardKind::Invisible => hazard.character != '\u{fe0f}',
            HazardKind::RightToLeft
            | HazardKind::Combining
            | HazardKind::PrivateUse
            | HazardKind::Padding => false,
        })
        .map(|hazard| hazard.character)
        .collect();
    if marks.is_empty() {
        return Undisguised { text: Cow::Borrowed(text), marks: None };
    }
    let shown: Vec<String> = marks.iter().map(|mark| format!("U+{:04X}", u32::from(*mark))).collect();
    let plain = text.chars().filter_map(|c| if marks.contains(&c) { plain(c) } else { Some(c) }).collect();
    Undisguised { text: Cow::Owned(plain), marks: Some(shown.join(" ")) }
}

/// The ASCII character that `character` passes for; `None` if it is not to be seen.
fn plain(character: char) -> Option<char> {
    let code = u32::from(character);
    match character {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\u{2028}' | '\u{2029}' | '\u{85}' => Some('\n'),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(code - 0xfee0),
        // Mathematical letters and digits, in runs of 26 capitals and 26 small ones, and of ten digits.
        '\u{1d400}'..='\u{1d6a3}' => {
            let at = (code - 0x1d400) % 52;
            char::from_u32(if at < 26 { 0x41 + at } else { 0x61 + at - 26 })
        }
        '\u{1d7ce}'..='\u{1d7ff}' => char::from_u32(0x30 + (code - 0x1d7ce) % 10),
        _ => match LOOKALIKES.iter().find(|(_, like)| like.contains(character)) {
            Some((letter, _)) => Some(*letter),
            None if character.is_alphanumeric() => Some(character),
            None if character.is_control() || character.is_whitespace() => Some(' '),
            None => PUNCTUATION.iter().find(|(_, like)| like.contains(character)).map(|(mark, _)| *mark),
        },
    }
}

/// Letters of Cyrillic and Greek that look like ASCII ones.
const LOOKALIKES: &[(char, &str)] = &[
    ('A', "АΑ"),
    ('B', "ВΒ"),
    ('C', "СϹ"),
    ('E', "ЕΕ"),
    ('H', "НΗ"),
    ('I', "ІΙӀ"),
    ('J', "Ј"),
    ('K', "КΚ"),
    ('M', "МΜ"),
    ('N', "Ν"),
    ('O', "ОΟ"),
    ('P', "РΡ"),
    ('S', "Ѕ"),
    ('T', "ТΤ"),
    ('U', "Ս"),
    ('V', "Ѵ"),
    ('W', "Ԝ"),
    ('X', "ХΧ"),
    ('Y', "ҮΥ"),
    ('Z', "Ζ"),
    ('a', "аɑα"),
    ('c', "сϲ"),
    ('d', "ԁ"),
    ('e', "еҽ"),
    ('g', "ɡ"),
    ('h', "һ"),
    ('i', "іıι"),
    ('j', "ј"),
    ('l', "ӏ"),
    ('n', "ո"),
    ('o', "оοօ"),
    ('p', "рρ"),
    ('q', "ԛ"),
    ('s', "ѕ"),
    ('u', "υս"),
    ('v', "ѵν"),
    ('w', "ԝ"),
    ('x', "хχ"),
    ('y', "уγ"),
];

/// Punctuation that looks like what separates the parts of statements and command lines.
const PUNCTUATION: &[(char, &str)] = &[
    (';', "\u{37e}\u{61b}"),
    ('\'', "\u{2018}\u{2019}\u{2bc}\u{2032}"),
    ('"', "\u{201c}\u{201d}\u{2033}"),
    ('-', "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2212}"),
    ('/', "\u{2044}\u{2215}"),
    ('=', "\u{a78a}"),
    ('*', "\u{2217}\u{204e}"),
];

#[cfg(test)]
mod tests {
    use super::undisguise;

    #[test]
    fn what_hides_is_taken_off_and_told() {
        for (text, plain, marks) in [
            ("DR\u{200b}OP TABLE users", "DROP TABLE users", "U+200B"),
            ("DROP\u{a0}TABLE users", "DROP TABLE users", "U+00A0"),
            ("ＤＲＯＰ TABLE users", "DROP TABLE users", "U+FF24 U+FF2F U+FF30 U+FF32"),
            ("D\u{420}OP TABLE", "DPOP TABLE", "U+0420"),
            ("\u{202e}DROP", "DROP", "U+202E"),
            ("𝐃𝐑𝐎𝐏", "DROP", "U+1D403 U+1D40E U+1D40F U+1D411"),
        ] {
            let found = undisguise(text);
            assert_eq!(found.text, plain, "{text}");
            assert_eq!(found.marks.as_deref(), Some(marks), "{text}");
        }
    }

    #[test]
    fn other_languages_are_no_disguise() {
        for text in ["SELECT 1", "a\r\n\tb", "'Müller'", "'Привет, мир'", "'日本語' ❤\u{fe0f}", "שלום"]
        {
            let found = undisguise(text);
            assert_eq!((found.text.as_ref(), found.marks), (text, None));
        }
    }
}
