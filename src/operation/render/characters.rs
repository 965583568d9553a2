//! Which characters hide, reorder or imitate others, by tables.

use super::HazardKind;

/// What a character does wherever it stands; `None` for what is shown as it is, as far as the character alone
/// can tell.
pub(super) fn alone(character: char) -> Option<HazardKind> {
    if character.is_control() {
        return Some(HazardKind::Control);
    }
    in_table(ALWAYS, character)
}

/// What a punctuation mark next to ASCII does: it passes for the ASCII one.
pub(super) fn beside_ascii(character: char) -> bool {
    PUNCTUATION.contains(character) || ('\u{FF01}'..='\u{FF5E}').contains(&character)
}

/// Whether this mark is drawn over the character before it.
pub(super) fn combining(character: char) -> bool {
    in_table(COMBINING, character).is_some()
}

/// Whether this is a letter of a script, or a variant of a letter, that can pass for Latin.
pub(super) fn imitates(character: char) -> bool {
    in_table(IMITATING, character).is_some() || imitates_alone(character)
}

/// Whether this letter alone can pass for a Latin one.
pub(super) fn imitates_alone(character: char) -> bool {
    LOOKALIKES.contains(character)
}

/// Whether text runs from right to left from here.
pub(super) fn right_to_left(character: char) -> bool {
    in_table(RIGHT_TO_LEFT, character).is_some()
}

type Table = &'static [(char, char, HazardKind)];

fn in_table(table: Table, character: char) -> Option<HazardKind> {
    let at = table.partition_point(|&(_, last, _)| last < character);
    table.get(at).filter(|(first, ..)| *first <= character).map(|&(.., kind)| kind)
}

/// Unicode's format characters (Cf), default ignorable code points, spaces other than U+0020, line and paragraph
/// separators, blank symbols, private use, noncharacters; and the letters that exist only as another look of an
/// ASCII letter or digit. Ours too: U+27E8 opens the escapes of a rendering.
const ALWAYS: Table = {
    use HazardKind::{Bidirectional, Confusable, Invisible, PrivateUse, Space};
    &[
        ('\u{A0}', '\u{A0}', Space),
        ('\u{AD}', '\u{AD}', Invisible),
        ('\u{34F}', '\u{34F}', Invisible),
        ('\u{600}', '\u{605}', Invisible),
        ('\u{61C}', '\u{61C}', Bidirectional),
        ('\u{6DD}', '\u{6DD}', Invisible),
        ('\u{70F}', '\u{70F}', Invisible),
        ('\u{890}', '\u{891}', Invisible),
        ('\u{8E2}', '\u{8E2}', Invisible),
        ('\u{115F}', '\u{1160}', Invisible),
        ('\u{1680}', '\u{1680}', Space),
        ('\u{17B4}', '\u{17B5}', Invisible),
        ('\u{180B}', '\u{180F}', Invisible),
        ('\u{2000}', '\u{200A}', Space),
        ('\u{200B}', '\u{200D}', Invisible),
        ('\u{200E}', '\u{200F}', Bidirectional),
        ('\u{2028}', '\u{2029}', Space),
        ('\u{202A}', '\u{202E}', Bidirectional),
        ('\u{202F}', '\u{202F}', Space),
        ('\u{205F}', '\u{205F}', Space),
        ('\u{2060}', '\u{2065}', Invisible),
        ('\u{2066}', '\u{2069}', Bidirectional),
        ('\u{206A}', '\u{206F}', Invisible),
        ('\u{27E8}', '\u{27E8}', Confusable),
        ('\u{2800}', '\u{2800}', Space),
        ('\u{3000}', '\u{3000}', Space),
        ('\u{3164}', '\u{3164}', Invisible),
        ('\u{E000}', '\u{F8FF}', PrivateUse),
        ('\u{FDD0}', '\u{FDEF}', Invisible),
        ('\u{FE00}', '\u{FE0F}', Invisible),
        ('\u{FEFF}', '\u{FEFF}', Invisible),
        ('\u{FF10}', '\u{FF19}', Confusable),
        ('\u{FF21}', '\u{FF3A}', Confusable),
        ('\u{FF41}', '\u{FF5A}', Confusable),
        ('\u{FFA0}', '\u{FFA0}', Invisible),
        ('\u{FFF0}', '\u{FFFB}', Invisible),
        ('\u{FFFE}', '\u{FFFF}', Invisible),
        ('\u{110BD}', '\u{110BD}', Invisible),
        ('\u{110CD}', '\u{110CD}', Invisible),
        ('\u{13430}', '\u{1343F}', Invisible),
        ('\u{1BCA0}', '\u{1BCA3}', Invisible),
        ('\u{1D159}', '\u{1D159}', Invisible),
        ('\u{1D173}', '\u{1D17A}', Invisible),
        ('\u{1D400}', '\u{1D7FF}', Confusable),
        ('\u{1FFFE}', '\u{1FFFF}', Invisible),
        ('\u{2FFFE}', '\u{2FFFF}', Invisible),
        // Planes 4 to 13 have no characters; 14 has tags and variation selectors; 15 and 16 are private.
        ('\u{3FFFE}', '\u{EFFFF}', Invisible),
        ('\u{F0000}', '\u{10FFFF}', PrivateUse),
    ]
};

/// Combining marks that Latin letters take; other scripts need theirs to be read at all.
const COMBINING: Table = {
    use HazardKind::Combining;
    &[
        ('\u{300}', '\u{36F}', Combining),
        ('\u{483}', '\u{489}', Combining),
        ('\u{1AB0}', '\u{1AFF}', Combining),
        ('\u{1DC0}', '\u{1DFF}', Combining),
        ('\u{20D0}', '\u{20FF}', Combining),
        ('\u{302A}', '\u{302F}', Combining),
        ('\u{3099}', '\u{309A}', Combining),
        ('\u{FE20}', '\u{FE2F}', Combining),
    ]
};

/// Scripts with letters like Latin ones, and blocks of variants of Latin letters.
const IMITATING: Table = {
    use HazardKind::Confusable;
    &[
        ('\u{250}', '\u{2FF}', Confusable),     // IPA, modifier letters
        ('\u{370}', '\u{3FF}', Confusable),     // Greek
        ('\u{400}', '\u{52F}', Confusable),     // Cyrillic
        ('\u{530}', '\u{58F}', Confusable),     // Armenian
        ('\u{10A0}', '\u{10FF}', Confusable),   // Georgian
        ('\u{13A0}', '\u{13FF}', Confusable),   // Cherokee
        ('\u{1C80}', '\u{1C8F}', Confusable),   // Cyrillic
        ('\u{1D00}', '\u{1DBF}', Confusable),   // phonetic extensions
        ('\u{1F00}', '\u{1FFF}', Confusable),   // Greek
        ('\u{2070}', '\u{209F}', Confusable),   // superscripts and subscripts
        ('\u{2100}', '\u{218F}', Confusable),   // letterlike symbols, Roman numerals
        ('\u{2460}', '\u{24FF}', Confusable),   // enclosed
        ('\u{2C60}', '\u{2C7F}', Confusable),   // Latin extended C
        ('\u{2C80}', '\u{2CFF}', Confusable),   // Coptic
        ('\u{2DE0}', '\u{2DFF}', Confusable),   // Cyrillic
        ('\u{A4D0}', '\u{A4FF}', Confusable),   // Lisu
        ('\u{A640}', '\u{A69F}', Confusable),   // Cyrillic
        ('\u{A720}', '\u{A7FF}', Confusable),   // Latin extended D
        ('\u{AB30}', '\u{ABBF}', Confusable),   // Latin extended E, Cherokee
        ('\u{FF00}', '\u{FF65}', Confusable),   // fullwidth forms
        ('\u{10280}', '\u{1029F}', Confusable), // Lycian
        ('\u{102A0}', '\u{102DF}', Confusable), // Carian
        ('\u{10300}', '\u{1032F}', Confusable), // Old Italic
        ('\u{10400}', '\u{1044F}', Confusable), // Deseret
        ('\u{1F100}', '\u{1F1FF}', Confusable), // enclosed, regional indicators
    ]
};

/// Scripts that run from right to left.
const RIGHT_TO_LEFT: Table = {
    use HazardKind::RightToLeft;
    &[
        ('\u{590}', '\u{8FF}', RightToLeft),
        ('\u{FB1D}', '\u{FDFF}', RightToLeft),
        ('\u{FE70}', '\u{FEFF}', RightToLeft),
        ('\u{10800}', '\u{10FFF}', RightToLeft),
        ('\u{1E800}', '\u{1EFFF}', RightToLeft),
    ]
};

/// Letters that one cannot tell from a Latin one: Latin, Greek, Cyrillic, Armenian, letterlike, Cherokee.
const LOOKALIKES: &str = "\
    \u{131}\u{237}\u{17F}\u{196}\u{1BD}\u{1C0}\u{251}\u{261}\u{269}\u{28B}\u{28F}\u{391}\u{392}\u{395}\
    \u{396}\u{397}\u{399}\u{39A}\u{39C}\u{39D}\u{39F}\u{3A1}\u{3A4}\u{3A5}\u{3A7}\u{3DC}\u{3F9}\u{3FA}\
    \u{3B1}\u{3BD}\u{3B9}\u{3BA}\u{3BF}\u{3C1}\u{3C5}\u{3C7}\u{3F2}\u{3F3}\u{410}\u{412}\u{415}\u{405}\
    \u{406}\u{408}\u{41A}\u{41C}\u{41D}\u{41E}\u{420}\u{421}\u{422}\u{425}\u{423}\u{4AE}\u{4BA}\u{4C0}\
    \u{50C}\u{51A}\u{51C}\u{430}\u{435}\u{455}\u{456}\u{458}\u{43E}\u{440}\u{441}\u{443}\u{445}\u{4AF}\
    \u{4BB}\u{4CF}\u{501}\u{51B}\u{51D}\u{475}\u{A645}\u{54D}\u{54F}\u{555}\u{53C}\u{578}\u{57D}\
    \u{581}\u{584}\u{585}\u{570}\u{575}\u{2110}\u{2111}\u{2112}\u{2113}\u{2115}\u{2119}\u{211A}\
    \u{211B}\u{211C}\u{211D}\u{2124}\u{2128}\u{212A}\u{212C}\u{212D}\u{212F}\u{2130}\u{2131}\u{2133}\
    \u{2134}\u{2160}\u{2164}\u{2169}\u{216C}\u{216D}\u{216E}\u{216F}\u{2170}\u{2174}\u{2179}\u{217C}\
    \u{217D}\u{217E}\u{217F}\u{13A0}\u{13A1}\u{13A2}\u{13A5}\u{13A9}\u{13AA}\u{13AB}\u{13AC}\u{13B3}\
    \u{13B7}\u{13BB}\u{13C0}\u{13C2}\u{13C3}\u{13CF}\u{13D2}\u{13DA}\u{13DE}\u{13DF}\u{13E2}\u{13E6}\
    \u{13F4}";

/// Marks that one cannot tell from ASCII punctuation.
const PUNCTUATION: &str = "\
    \u{B4}\u{B7}\u{2B9}\u{2BA}\u{2BB}\u{2BC}\u{2BD}\u{2C6}\u{2C8}\u{2CB}\u{2D0}\u{2D7}\u{2DC}\u{37E}\
    \u{387}\u{55A}\u{55D}\u{589}\u{5BE}\u{5C0}\u{5C3}\u{5F3}\u{5F4}\u{609}\u{60C}\u{66A}\u{66B}\u{66C}\
    \u{66D}\u{6D4}\u{701}\u{702}\u{1806}\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2016}\
    \u{2018}\u{2019}\u{201A}\u{201B}\u{201C}\u{201D}\u{201E}\u{201F}\u{2024}\u{2025}\u{2026}\u{2027}\
    \u{2032}\u{2033}\u{2035}\u{2036}\u{2039}\u{203A}\u{203C}\u{203D}\u{2041}\u{2043}\u{2044}\u{204E}\
    \u{2052}\u{2053}\u{2212}\u{2215}\u{2216}\u{2217}\u{2219}\u{2223}\u{2225}\u{2236}\u{223C}\u{22C5}\
    \u{2329}\u{232A}\u{2500}\u{2502}\u{2571}\u{2572}\u{2758}\u{2768}\u{2769}\u{276E}\u{276F}\u{2774}\
    \u{2775}\u{27CB}\u{27CD}\u{2980}\u{29F5}\u{29F8}\u{29F9}\u{2A74}\u{2A75}\u{2CF9}\u{2E3A}\u{2E3B}\
    \u{3001}\u{3002}\u{3003}\u{3008}\u{3009}\u{3014}\u{3015}\u{A4FA}\u{A4FD}\u{A4FF}\u{A789}\u{A78C}\
    \u{FE30}\u{FE4D}\u{FE50}\u{FE52}\u{FE54}\u{FE55}\u{FE58}\u{FE63}\u{FE68}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order_and_do_not_overlap() {
        for table in [ALWAYS, COMBINING, IMITATING, RIGHT_TO_LEFT] {
            assert!(table.iter().all(|(first, last, _)| first <= last));
            assert!(table.windows(2).all(|pair| pair[0].1 < pair[1].0), "{:?}", table);
        }
        assert!((LOOKALIKES.chars().chain(PUNCTUATION.chars())).all(|c| !c.is_ascii()));
    }

    #[test]
    fn no_character_that_hides_or_reorders_is_shown() {
        for hidden in "\u{202a}\u{202e}\u{2066}\u{2069}\u{200b}\u{200d}\u{200f}\u{61c}\u{feff}\u{ad}\u{e0041}\u{e0100}\u{fe0f}\u{2028}\u{a0}\u{3000}\u{115f}\u{7f}\u{85}\u{9b}\u{1b}\0\u{fffe}\u{10ffff}\u{f8ff}\u{50000}".chars() {
            assert!(alone(hidden).is_some(), "{hidden:?}");
        }
        for shown in " az09~éüñ中文あ한ไทยपшλ€→✓😀".chars() {
            assert_eq!(alone(shown), None, "{shown:?}");
        }
    }
}
