//! Text with every character that hides, reorders or imitates others written as its code point.

use super::characters::{alone, beside_ascii, combining, imitates, imitates_alone, right_to_left};
use super::{Hazard, HazardKind};
use core::fmt::Write as _;
use std::collections::BTreeMap;

/// More spaces than this in a row are counted, not shown: they would push what follows out of sight.
const MOST_SPACES: usize = 64;

/// More empty lines than this in a row are counted, not shown.
pub(super) const MOST_EMPTY_LINES: usize = 16;

/// From how many equal marks in a row on they are counted.
const COUNTED: usize = 4;

/// Writes lines visibly, and remembers what had to be made so.
#[derive(Default)]
pub(super) struct Visible {
    found: BTreeMap<(HazardKind, char), usize>,
}

impl Visible {
    /// What had to be made visible so far.
    pub(super) fn hazards(&self) -> Vec<Hazard> {
        self.found.iter().map(|(&(kind, character), &count)| Hazard { kind, character, count }).collect()
    }

    /// Appends a line.
    pub(super) fn line(&mut self, line: &str, out: &mut String) {
        if line.bytes().all(|b| b.is_ascii_graphic()) {
            out.push_str(line);
        } else {
            self.judged_line(line, None, out);
        }
    }

    /// Appends a line in which a quote is written as its code point.
    pub(super) fn quoted_line(&mut self, line: &str, out: &mut String) {
        self.judged_line(line, Some('"'), out);
    }

    /// Appends the mark for a repeated character.
    pub(super) fn padding(&mut self, character: char, count: usize, out: &mut String) {
        *self.found.entry((HazardKind::Padding, character)).or_default() += count;
        mark(character, count, out);
    }

    fn judged_line(&mut self, line: &str, escaped: Option<char>, out: &mut String) {
        let judged = judge(line);
        let mut at = 0;
        for run in judged.chunk_by(|a, b| a == b) {
            let Some(&(character, hazard)) = run.first() else { continue };
            at += run.len();
            match hazard {
                _ if character == '\t' => run.iter().for_each(|_| out.push_str("⟨tab⟩")),
                Some(kind) => {
                    *self.found.entry((kind, character)).or_default() += run.len();
                    mark(character, run.len(), out);
                }
                None if character == ' ' && run.len() > MOST_SPACES => self.padding(' ', run.len(), out),
                // A space that ends a line is not to be seen, but common: it is marked, and no hazard.
                None if character == ' ' && at == judged.len() => {
                    out.extend(core::iter::repeat_n(' ', run.len() - 1));
                    mark(' ', 1, out);
                }
                None if Some(character) == escaped => mark(character, run.len(), out),
                None => out.extend(core::iter::repeat_n(character, run.len())),
            }
        }
    }
}

fn mark(character: char, count: usize, out: &mut String) {
    let code = u32::from(character);
    // Cannot fail: writing to a string.
    if count < COUNTED {
        for _ in 0..count {
            let _ = write!(out, "⟨U+{code:04X}⟩");
        }
    } else {
        let _ = write!(out, "⟨U+{code:04X} ×{count}⟩");
    }
}

/// Each character of a line, and what it does there that it must be made visible for.
fn judge(line: &str) -> Vec<(char, Option<HazardKind>)> {
    let mut judged: Vec<_> = line.chars().map(|character| (character, alone(character))).collect();
    if line.is_ascii() {
        return judged;
    }
    let line = Line::of(line);
    for word in judged.chunk_by_mut(|a, b| in_word(a.0) == in_word(b.0)) {
        let imitating = word_imitates(word, &line);
        for (character, hazard) in word {
            if hazard.is_none() && imitating && imitates(*character) {
                *hazard = Some(HazardKind::Confusable);
            }
            if hazard.is_none() && line.has_left_to_right && right_to_left(*character) {
                *hazard = Some(HazardKind::RightToLeft);
            }
        }
    }
    // What depends on the neighbours: once forwards, once backwards. Marks beside such marks count with them.
    let mut before = Neighbour::Start;
    for (character, hazard) in &mut judged {
        let over_ascii = matches!(before, Neighbour::Start | Neighbour::Ascii | Neighbour::Space);
        if combining(*character) {
            if over_ascii {
                hazard.get_or_insert(HazardKind::Combining);
            }
            // One mark on one letter: heaps of them cover what is around.
            before = Neighbour::Start;
        } else {
            before = before.then(*character, hazard);
        }
    }
    let mut after = Neighbour::Start;
    for (character, hazard) in judged.iter_mut().rev() {
        after = after.then(*character, hazard);
    }
    judged
}

/// What a mark stands beside; what is written as a code point counts as the start of the line.
#[derive(Clone, Copy, PartialEq)]
enum Neighbour {
    Start,
    Space,
    Ascii,
    Other,
}

impl Neighbour {
    /// Judges a mark beside this neighbour, and gives what is beside the next character.
    fn then(self, character: char, hazard: &mut Option<HazardKind>) -> Self {
        if beside_ascii(character) {
            if self == Self::Ascii {
                hazard.get_or_insert(HazardKind::Confusable);
            }
            return self;
        }
        match character {
            _ if hazard.is_some() => Self::Start,
            ' ' => Self::Space,
            _ if character.is_ascii_graphic() => Self::Ascii,
            _ => Self::Other,
        }
    }
}

fn in_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || combining(character)
}

/// Whether the letters of this word that can pass for Latin ones are meant to: they stand among Latin ones, or
/// the whole word can be read as one, in a line that doesn't show that its script is another.
fn word_imitates(word: &[(char, Option<HazardKind>)], line: &Line) -> bool {
    let mut letters = word.iter().map(|(character, _)| character).filter(|c| c.is_alphabetic()).peekable();
    if word.iter().any(|(character, _)| character.is_ascii_alphabetic()) {
        return true;
    }
    letters.peek().is_some()
        && letters.all(|&c| imitates_alone(c))
        && (line.has_ascii_letter || line.all_imitate)
}

/// What the whole line says about its characters.
struct Line {
    has_left_to_right: bool,
    has_ascii_letter: bool,
    all_imitate: bool,
}

impl Line {
    fn of(line: &str) -> Self {
        Self {
            has_left_to_right: line.contains(|c: char| c.is_alphanumeric() && !right_to_left(c)),
            has_ascii_letter: line.contains(|c: char| c.is_ascii_alphabetic()),
            all_imitate: line.chars().filter(|c| c.is_alphabetic() && !c.is_ascii()).all(imitates_alone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let mut out = String::new();
        Visible::default().line(line, &mut out);
        out
    }

    #[test]
    fn plain_text_of_any_language_stays_as_it_is() {
        for line in [
            "",
            "rm -rf \"/tmp/x\" && echo \\n 'a'",
            "café, naïve, Ångström, Straße, Łódź",
            "удалить старые заказы из базы",
            "с утра сохо о ней и привет",
            "διαγραφή παλιών παραγγελιών",
            "删除旧订单 GPU服务器 数据，好。",
            "古い注文を削除する",
            "주문 삭제",
            "מחק הזמנות ישנות",
            "ลบคำสั่งซื้อเก่า",
            "done 😀 → ok ✓ 5 € — next",
            "e\u{301} is shown as its mark alone",
        ] {
            let expected = line.replace("e\u{301}", "e⟨U+0301⟩");
            assert_eq!(shown(line), expected);
        }
    }

    #[test]
    fn what_misleads_is_written_as_its_code_point() {
        for (line, expected) in [
            ("a\u{202e}b\u{2066}", "a⟨U+202E⟩b⟨U+2066⟩"),
            ("ad\u{200b}min\u{feff}", "ad⟨U+200B⟩min⟨U+FEFF⟩"),
            ("\u{1b}[2K\u{8}\r", "⟨U+001B⟩[2K⟨U+0008⟩⟨U+000D⟩"),
            ("\u{9b}31m\u{85}\0", "⟨U+009B⟩31m⟨U+0085⟩⟨U+0000⟩"),
            ("prod\u{a0}db\u{3000}", "prod⟨U+00A0⟩db⟨U+3000⟩"),
            ("p\u{430}ypal", "p⟨U+0430⟩ypal"),
            (
                "\u{440}\u{430}\u{443}\u{440}\u{430}\u{4cf}",
                "⟨U+0440⟩⟨U+0430⟩⟨U+0443⟩⟨U+0440⟩⟨U+0430⟩⟨U+04CF⟩",
            ),
            ("cp \u{441}\u{43e}\u{440}\u{443} x", "cp ⟨U+0441⟩⟨U+043E⟩⟨U+0440⟩⟨U+0443⟩ x"),
            ("\u{391}dmin", "⟨U+0391⟩dmin"),
            ("\u{ff41}dmin \u{1d5ba}", "⟨U+FF41⟩dmin ⟨U+1D5BA⟩"),
            ("admın", "adm⟨U+0131⟩n"),
            (
                "prod\u{2215}db a\u{ff0f}b \u{2013}\u{2013}force",
                "prod⟨U+2215⟩db a⟨U+FF0F⟩b ⟨U+2013⟩⟨U+2013⟩force",
            ),
            ("x\u{336}y", "x⟨U+0336⟩y"),
            ("\u{e0061}\u{e0062}", "⟨U+E0061⟩⟨U+E0062⟩"),
            ("א a", "⟨U+05D0⟩ a"),
            ("да א", "да ⟨U+05D0⟩"),
            ("ж\u{300}\u{301}\u{302}", "ж\u{300}⟨U+0301⟩⟨U+0302⟩"),
            ("\u{200b}\u{300}", "⟨U+200B⟩⟨U+0300⟩"),
            ("“word” — 好…", "⟨U+201C⟩word⟨U+201D⟩ — 好…"),
            ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟩"),
            ("a\tb", "a⟨tab⟩b"),
            ("end  ", "end ⟨U+0020⟩"),
        ] {
            assert_eq!(shown(line), expected);
        }
        let (few, many) = (" ".repeat(64), " ".repeat(65));
        assert_eq!(shown(&format!("ls{few};rm")), format!("ls{few};rm"));
        assert_eq!(shown(&format!("ls{many};rm")), "ls⟨U+0020 ×65⟩;rm");
        assert_eq!(shown(&"\0".repeat(1000)), "⟨U+0000 ×1000⟩");
    }
}
