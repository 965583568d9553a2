//! The scanner under both readers: tokens, strings, and the limits.

use super::error::{Fault, ReadError};
use super::{Limits, number};

/// A place in a JSON text; each method takes what it names and moves on.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    deepest: usize,
    members_left: usize,
}

/// What a value begins with.
pub(super) enum Start {
    Object,
    Array,
    String,
    Number,
    Literal,
}

impl<'a> Scanner<'a> {
    /// Checks what concerns the text as a whole.
    pub(super) fn new(bytes: &'a [u8], limits: &Limits) -> Result<Self, ReadError> {
        if bytes.len() > limits.bytes {
            return Err(ReadError { fault: Fault::TooLarge, at: limits.bytes });
        }
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            return Err(ReadError { fault: Fault::ByteOrderMark, at: 0 });
        }
        let text = core::str::from_utf8(bytes)
            .map_err(|error| ReadError { fault: Fault::NotUtf8, at: error.valid_up_to() })?;
        let deepest = limits.depth.min(Limits::DEEPEST);
        Ok(Self { text, at: 0, depth: 0, deepest, members_left: limits.members })
    }

    #[inline]
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    #[inline]
    fn fail<T>(&self, fault: Fault) -> Result<T, ReadError> {
        Err(ReadError { fault, at: self.at })
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.bytes_from(self.at)
    }

    #[inline]
    fn bytes_from(&self, at: usize) -> &'a [u8] {
        self.text.as_bytes().get(at..).unwrap_or_default()
    }

    #[inline]
    fn slice(&self, from: usize, to: usize) -> Result<&'a str, ReadError> {
        self.text.get(from..to).ok_or(ReadError { fault: Fault::NotUtf8, at: from })
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// What is wrong where something else was needed.
    fn unexpected<T>(&self) -> Result<T, ReadError> {
        self.fail(if self.peek().is_none() { Fault::Truncated } else { Fault::Unexpected })
    }

    /// Finds out what value comes next, and stops at its first byte.
    #[inline]
    pub(super) fn start(&mut self) -> Result<Start, ReadError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => Ok(Start::Object),
            Some(b'[') => Ok(Start::Array),
            Some(b'"') => Ok(Start::String),
            Some(b'-' | b'0'..=b'9') => Ok(Start::Number),
            Some(b't' | b'f' | b'n') => Ok(Start::Literal),
            _ => self.unexpected(),
        }
    }

    /// Takes the bracket or brace that [`Scanner::start`] stopped at.
    #[inline]
    pub(super) fn open(&mut self) -> Result<(), ReadError> {
        if self.depth == self.deepest {
            return self.fail(Fault::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Takes the comma before the next element, or the closing bracket after the last.
    #[inline]
    pub(super) fn more_elements(&mut self, first: bool) -> Result<bool, ReadError> {
        self.more(first, b']')
    }

    /// As [`Scanner::more_elements`], and stops at the name of the next member, counting it.
    #[inline]
    pub(super) fn more_members(&mut self, first: bool) -> Result<bool, ReadError> {
        if !self.more(first, b'}')? {
            return Ok(false);
        }
        self.skip_space();
        if self.peek() != Some(b'"') {
            return self.unexpected();
        }
        match self.members_left.checked_sub(1) {
            Some(left) => self.members_left = left,
            None => return self.fail(Fault::TooManyMembers),
        }
        Ok(true)
    }

    #[inline]
    fn more(&mut self, first: bool, close: u8) -> Result<bool, ReadError> {
        self.skip_space();
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(_) if first => Ok(true),
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            _ => self.unexpected(),
        }
    }

    /// Takes the colon after a name.
    #[inline]
    pub(super) fn colon(&mut self) -> Result<(), ReadError> {
        self.skip_space();
        if self.peek() != Some(b':') {
            return self.unexpected();
        }
        self.at += 1;
        Ok(())
    }

    /// Takes `true`, `false` or `null`; `None` is null.
    pub(super) fn literal(&mut self) -> Result<Option<bool>, ReadError> {
        for (word, value) in [("true", Some(true)), ("false", Some(false)), ("null", None)] {
            if self.rest().starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        let cut = ["true", "false", "null"].iter().any(|word| word.as_bytes().starts_with(self.rest()));
        self.fail(if cut { Fault::Truncated } else { Fault::Unexpected })
    }

    /// Takes a number literal, which may still be lossy, and says whether it is its own canonical form.
    #[inline]
    pub(super) fn number(&mut self) -> Result<(&'a [u8], bool), ReadError> {
        let rest = self.rest();
        match number::literal(rest) {
            Ok((length, as_is)) => {
                self.at += length;
                Ok((rest.get(..length).unwrap_or_default(), as_is))
            }
            Err(fault) => self.fail(fault),
        }
    }

    /// Takes a string. `true`: what was read is its canonical form, with the quotes. `false`: it has escapes, and
    /// `scratch` has it without them.
    #[inline]
    pub(super) fn string(&mut self, scratch: &mut String) -> Result<bool, ReadError> {
        let start = self.at + 1;
        self.at = start + plain_run(self.bytes_from(start));
        if self.peek() != Some(b'"') {
            self.skip_plain()?;
            if self.peek() != Some(b'"') {
                return self.escaped_string(start, scratch);
            }
        }
        self.at += 1;
        Ok(true)
    }

    /// Goes on with the string whose characters begin at `run`, at its first backslash.
    fn escaped_string(&mut self, mut run: usize, scratch: &mut String) -> Result<bool, ReadError> {
        scratch.clear();
        loop {
            scratch.push_str(self.slice(run, self.at)?);
            if self.peek() == Some(b'"') {
                self.at += 1;
                return Ok(false);
            }
            scratch.push(self.escape()?);
            run = self.at;
            self.skip_plain()?;
        }
    }

    /// The text from `start` to here.
    #[inline]
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.text.as_bytes().get(start..self.at).unwrap_or_default()
    }

    /// The characters of the string that begins with the quote at `start` and ends here.
    #[inline]
    pub(super) fn string_since(&self, start: usize) -> &'a str {
        self.text.get(start + 1..self.at.saturating_sub(1)).unwrap_or_default()
    }

    /// Moves to the next quote or backslash and refuses what may not stand in a string.
    fn skip_plain(&mut self) -> Result<(), ReadError> {
        loop {
            self.at += plain_run(self.rest());
            match self.peek() {
                Some(b'"' | b'\\') => return Ok(()),
                None => return self.fail(Fault::Truncated),
                Some(0..0x20) => return self.fail(Fault::ControlCharacter),
                Some(_) => self.skip_non_ascii()?,
            }
        }
    }

    /// Moves over a run of characters beyond ASCII.
    fn skip_non_ascii(&mut self) -> Result<(), ReadError> {
        let rest = self.rest();
        let mut at = 0;
        loop {
            at += match rest.get(at) {
                Some(0x80..=0xDF) => 2,
                Some(0xE0..=0xEE) => 3,
                Some(&lead @ 0xEF..) => {
                    let length = if lead == 0xEF { 3 } else { 4 };
                    if rest.get(at..at + length).is_some_and(is_noncharacter) {
                        self.at += at;
                        return self.fail(Fault::Noncharacter);
                    }
                    length
                }
                Some(..0x80) | None => break,
            };
        }
        self.at += at;
        Ok(())
    }

    /// Takes an escape.
    fn escape(&mut self) -> Result<char, ReadError> {
        let kind = self.text.as_bytes().get(self.at + 1).copied();
        let character = match kind {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            Some(_) => return self.fail(Fault::BadEscape),
            None => return self.fail(Fault::Truncated),
        };
        self.at += 2;
        Ok(character)
    }

    fn unicode_escape(&mut self) -> Result<char, ReadError> {
        let unit = self.code_unit(self.at)?;
        let (code, length) = match unit {
            0xD800..=0xDBFF => match self.rest().get(6..8) {
                Some(b"\\u") => match self.code_unit(self.at + 6)? {
                    low @ 0xDC00..=0xDFFF => (0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 12),
                    _ => return self.fail(Fault::LoneSurrogate),
                },
                _ => return self.fail(Fault::LoneSurrogate),
            },
            _ => (unit, 6),
        };
        let Some(character) = char::from_u32(code) else { return self.fail(Fault::LoneSurrogate) };
        if noncharacter(character) {
            return self.fail(Fault::Noncharacter);
        }
        self.at += length;
        Ok(character)
    }

    /// The code unit of the escape `\u` with four digits that begins at `at`.
    fn code_unit(&self, at: usize) -> Result<u32, ReadError> {
        let digits = self.text.as_bytes().get(at + 2..).unwrap_or_default();
        let mut unit = 0;
        for place in 0..4 {
            match digits.get(place).map(|&digit| (digit as char).to_digit(16)) {
                Some(Some(digit)) => unit = unit * 16 + digit,
                Some(None) => return Err(ReadError { fault: Fault::BadEscape, at }),
                None => return Err(ReadError { fault: Fault::Truncated, at }),
            }
        }
        Ok(unit)
    }

    /// Makes sure that only space is left.
    pub(super) fn end(&mut self) -> Result<(), ReadError> {
        self.skip_space();
        if self.peek().is_some() { self.fail(Fault::Trailing) } else { Ok(()) }
    }
}

/// Eight times the byte 1.
const ONES: u64 = 0x0101_0101_0101_0101;

/// How many bytes come before the first control character, quote, backslash or byte that is not ASCII.
#[inline]
fn plain_run(bytes: &[u8]) -> usize {
    let mut run = 0;
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return run + (special.trailing_zeros() / 8) as usize;
        }
        run += 8;
        rest = after;
    }
    run + rest.iter().take_while(|&&b| !matches!(b, 0..0x20 | b'"' | b'\\' | 0x80..)).count()
}

/// The high bit of each byte that is a control character, a quote, a backslash or not ASCII; bits above the
/// lowest may be too many (a borrow runs upward), never too few.
#[inline]
pub(super) const fn special_bytes(word: u64) -> u64 {
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    let control = word.wrapping_sub(ONES * 0x20);
    (quote | backslash | control | word) & (ONES * 0x80)
}

/// Whether three or four bytes of UTF-8 are a noncharacter.
fn is_noncharacter(character: &[u8]) -> bool {
    match character {
        [0xEF, 0xB7, 0x90..=0xAF] | [0xEF, 0xBF, 0xBE | 0xBF] => true,
        [0xF0..=0xF4, second, 0xBF, 0xBE | 0xBF] => second & 0x0F == 0x0F,
        _ => false,
    }
}

/// Whether a character is one of the 66 noncharacters, which I-JSON forbids (RFC 7493 §2.1).
pub(in crate::operation) const fn noncharacter(character: char) -> bool {
    matches!(character as u32, 0xFDD0..=0xFDEF) || character as u32 & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_66_noncharacters_are_known_in_both_forms() {
        let mut known = 0;
        for character in '\u{80}'..=char::MAX {
            let bytes = character.to_string();
            assert_eq!(noncharacter(character), is_noncharacter(bytes.as_bytes()), "{character:?}");
            known += usize::from(noncharacter(character));
        }
        assert_eq!(known, 66);
    }

    #[test]
    fn the_first_special_byte_of_a_word_is_found_wherever_it_is() {
        for byte in 0..=255_u8 {
            let special = matches!(byte, 0..0x20 | b'"' | b'\\' | 0x80..);
            for place in 0..8 {
                let mut word = *b"aZ ~!#[]";
                word[place] = byte;
                let found = special_bytes(u64::from_le_bytes(word));
                assert_eq!(found != 0, special, "{byte:#x}");
                if special {
                    assert_eq!(found.trailing_zeros() as usize / 8, place, "{byte:#x}");
                }
            }
        }
    }
}
