//! The RFC 8785 writer: from a text while it is being read, or from a value.

use super::error::{Fault, ReadError};
use super::scan::{Scanner, Start, special_bytes};
use super::{Limits, Value, number, utf16_key, utf16_order, utf16_rank};
use core::cmp::Ordering;

/// Reads a JSON text strictly and appends its RFC 8785 form to `out`, in one walk and without a tree. On an error
/// `out` is as it was.
///
/// # Errors
/// The first fault and where it is; see [`Fault`]. A name that is there twice may be noticed only when its object
/// ends.
pub fn canonicalize(bytes: &[u8], limits: &Limits, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let before = out.len();
    let mut scanner = Scanner::new(bytes, limits)?;
    out.reserve(bytes.len());
    let members = Vec::with_capacity(24);
    let mut writer = Writer { out, members, scratch: String::new(), unsorted: Vec::new() };
    let done = writer.value(&mut scanner).and_then(|()| scanner.end());
    if done.is_err() {
        out.truncate(before);
    }
    done
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// The members written so far of all open objects, those of inner ones last.
    members: Vec<Member>,
    /// Space to unescape a string in.
    scratch: String,
    /// Space to keep an object in while its members are sorted.
    unsorted: Vec<u8>,
}

/// Where in `out` a member was written.
struct Member {
    /// How the name begins; settles most comparisons.
    key: u64,
    start: usize,
    /// After the name and its closing quote.
    name_end: usize,
    end: usize,
    /// Where in the text that was read the name is.
    at: usize,
}

impl Writer<'_> {
    fn value(&mut self, scanner: &mut Scanner<'_>) -> Result<(), ReadError> {
        match scanner.start()? {
            Start::Object => self.object(scanner),
            Start::Array => self.array(scanner),
            Start::String => {
                let at = scanner.at();
                if scanner.string(&mut self.scratch)? {
                    self.out.extend_from_slice(scanner.since(at));
                } else {
                    write_string(&self.scratch, self.out);
                }
                Ok(())
            }
            Start::Number => {
                let at = scanner.at();
                let (literal, as_is) = scanner.number()?;
                if as_is {
                    self.out.extend_from_slice(literal);
                    return Ok(());
                }
                let mut buffer = ryu_js::Buffer::new();
                let form =
                    number::exact_form(literal, &mut buffer).map_err(|fault| ReadError { fault, at })?;
                self.out.extend_from_slice(form.as_bytes());
                Ok(())
            }
            Start::Literal => {
                self.out.extend_from_slice(word(scanner.literal()?));
                Ok(())
            }
        }
    }

    fn array(&mut self, scanner: &mut Scanner<'_>) -> Result<(), ReadError> {
        scanner.open()?;
        self.out.push(b'[');
        let mut first = true;
        while scanner.more_elements(first)? {
            if !first {
                self.out.push(b',');
            }
            first = false;
            self.value(scanner)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, scanner: &mut Scanner<'_>) -> Result<(), ReadError> {
        scanner.open()?;
        self.out.push(b'{');
        let (base, body) = (self.members.len(), self.out.len());
        let mut sorted = true;
        while scanner.more_members(self.members.len() == base)? {
            if self.members.len() > base {
                self.out.push(b',');
            }
            let mut member = self.name(scanner)?;
            if let Some(previous) = self.members.get(base..).and_then(<[Member]>::last) {
                match order(previous, &member, self.out) {
                    Ordering::Less => {}
                    Ordering::Equal => {
                        return Err(ReadError { fault: Fault::DuplicateName, at: member.at });
                    }
                    Ordering::Greater => sorted = false,
                }
            }
            scanner.colon()?;
            self.out.push(b':');
            self.value(scanner)?;
            member.end = self.out.len();
            self.members.push(member);
        }
        if !sorted {
            self.sort(base, body)?;
        }
        self.members.truncate(base);
        self.out.push(b'}');
        Ok(())
    }

    fn name(&mut self, scanner: &mut Scanner<'_>) -> Result<Member, ReadError> {
        let (at, start) = (scanner.at(), self.out.len());
        let key = if scanner.string(&mut self.scratch)? {
            self.out.extend_from_slice(scanner.since(at));
            utf16_key(scanner.string_since(at).as_bytes())
        } else {
            write_string(&self.scratch, self.out);
            utf16_key(self.scratch.as_bytes())
        };
        let end = self.out.len();
        Ok(Member { key, start, name_end: end, end, at })
    }

    /// Puts the members from `base` on, whose text begins at `body`, into canonical order.
    fn sort(&mut self, base: usize, body: usize) -> Result<(), ReadError> {
        let out = self.out.as_slice();
        let members = self.members.get_mut(base..).unwrap_or_default();
        members.sort_by(|a, b| order(a, b, out));
        for (a, b) in members.iter().zip(members.iter().skip(1)) {
            if order(a, b, out).is_eq() {
                return Err(ReadError { fault: Fault::DuplicateName, at: b.at });
            }
        }
        self.unsorted.clear();
        self.unsorted.extend_from_slice(self.out.get(body..).unwrap_or_default());
        self.out.truncate(body);
        for (place, member) in members.iter().enumerate() {
            if place > 0 {
                self.out.push(b',');
            }
            let written = self.unsorted.get(member.start - body..member.end - body);
            self.out.extend_from_slice(written.unwrap_or_default());
        }
        Ok(())
    }
}

#[inline]
fn order(a: &Member, b: &Member, out: &[u8]) -> Ordering {
    let name = |member: &Member| out.get(member.start + 1..member.name_end - 1).unwrap_or_default();
    a.key.cmp(&b.key).then_with(|| written_order(name(a), name(b)))
}

/// Orders two names that are written in canonical form, without their quotes.
fn written_order(a: &[u8], b: &[u8]) -> Ordering {
    if a.contains(&b'\\') || b.contains(&b'\\') {
        unescaped(a).map(utf16_rank).cmp(unescaped(b).map(utf16_rank))
    } else {
        utf16_order(a, b)
    }
}

/// The bytes of a string that [`write_string`] wrote, without its quotes.
fn unescaped(canonical: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = canonical.iter().copied();
    core::iter::from_fn(move || match rest.next()? {
        b'\\' => Some(match rest.next()? {
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 0x0C,
            b'r' => b'\r',
            b'u' => {
                let hex = |digit: u8| if digit < b'a' { digit - b'0' } else { digit - b'a' + 10 };
                rest.by_ref().nth(1)?;
                hex(rest.next()?) << 4 | hex(rest.next()?)
            }
            itself => itself,
        }),
        byte => Some(byte),
    })
}

const fn word(literal: Option<bool>) -> &'static [u8] {
    match literal {
        Some(true) => b"true",
        Some(false) => b"false",
        None => b"null",
    }
}

/// Appends a string between quotes, escaped as RFC 8785 §3.2.2.2 says: only what must be, and as short as can be.
pub(in crate::operation) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let plain = plain_length(rest);
        let (run, after) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        out.extend_from_slice(run);
        let Some((&special, after)) = after.split_first() else { break };
        rest = after;
        match special {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', special]),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0C => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            control => {
                let hex = |digit: u8| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(control >> 4), hex(control & 0x0F)]);
            }
        }
    }
    out.push(b'"');
}

/// How many bytes need no escape.
fn plain_length(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut length = 0;
    let needs_escape = |b: &&u8| matches!(b, 0..0x20 | b'"' | b'\\');
    for word in words {
        if special_bytes(u64::from_le_bytes(*word)) != 0 {
            let plain = word.iter().take_while(|b| !needs_escape(b)).count();
            length += plain;
            if plain < 8 {
                return length;
            }
        } else {
            length += 8;
        }
    }
    length + tail.iter().take_while(|b| !needs_escape(b)).count()
}

pub(super) fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(word(None)),
        Value::Bool(truth) => out.extend_from_slice(word(Some(*truth))),
        Value::Number(number) => out.extend_from_slice(number.as_str().as_bytes()),
        Value::String(text) => write_string(text, out),
        Value::Array(elements) => {
            out.push(b'[');
            for (place, element) in elements.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_value(element, out);
            }
            out.push(b']');
        }
        Value::Object(object) => {
            out.push(b'{');
            for (place, (name, member)) in object.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_string(name, out);
                out.push(b':');
                write_value(member, out);
            }
            out.push(b'}');
        }
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "the texts shown in messages are cut at ASCII")]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Result<String, (&'static str, usize)> {
        let mut out = b"before".to_vec();
        match canonicalize(text.as_bytes(), &Limits::OPERATION, &mut out) {
            Ok(()) => Ok(String::from_utf8(out).unwrap()["before".len()..].to_owned()),
            Err(error) => {
                assert_eq!(out, b"before");
                Err((error.fault.code(), error.at))
            }
        }
    }

    #[test]
    fn members_are_sorted_at_every_depth_and_space_goes() {
        for (text, expected) in [
            (" { } ", "{}"),
            ("[ ]", "[]"),
            (
                r#"{"b":{"d":1,"c":[{"z":1,"y":2}]},"a":[2,1]}"#,
                r#"{"a":[2,1],"b":{"c":[{"y":2,"z":1}],"d":1}}"#,
            ),
            (
                "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"\\ud83d\\ude02\":4}",
                "{\"\\r\":2,\"€\":1,\"😂\":4,\"\u{fb33}\":3}",
            ),
            (r#"{"a\\b":1,"a\"":2,"a\u0061":3,"a":4}"#, r#"{"a":4,"a\"":2,"a\\b":1,"aa":3}"#),
            (r#""\u00e9\/\u001F\u007f\b\f\n\r\t\"\\""#, "\"é/\\u001f\u{7f}\\b\\f\\n\\r\\t\\\"\\\\\""),
            (
                r#"{"same 8 b\u001fa":1,"same 8 b\u0008a":2,"same 8 b\nZ":3,"same 8 b!":4,"same 8 b\\":5,"same 8 b[":6,"same 8 b":7}"#,
                r#"{"same 8 b":7,"same 8 b\ba":2,"same 8 b\nZ":3,"same 8 b\u001fa":1,"same 8 b!":4,"same 8 b[":6,"same 8 b\\":5}"#,
            ),
            ("[1.0,-2e1,true,false,null,\"\"]", "[1,-20,true,false,null,\"\"]"),
        ] {
            assert_eq!(canonical(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn the_first_fault_is_named_with_its_place() {
        let many = format!("{{{}\"z\":1}}", (0..4096).map(|n| format!("\"{n}\":1,")).collect::<String>());
        for (text, code, at) in [
            ("", "json.truncated", 0),
            ("\u{feff}{}", "json.byte_order_mark", 0),
            ("{}x", "json.trailing", 2),
            ("[1,]", "json.unexpected", 3),
            ("{\"a\":1,}", "json.unexpected", 7),
            ("{\"a\" 1}", "json.unexpected", 5),
            ("[1 2]", "json.unexpected", 3),
            ("tru", "json.truncated", 0),
            ("trux", "json.unexpected", 0),
            ("[\"a", "json.truncated", 3),
            ("\"\\x\"", "json.bad_escape", 1),
            ("\"\\u00g0\"", "json.bad_escape", 1),
            ("\"a\nb\"", "json.control_character", 2),
            ("\"\\ud800\"", "json.lone_surrogate", 1),
            ("\"\\ud800\\u0041\"", "json.lone_surrogate", 1),
            ("\"\\udc00\\ud800\"", "json.lone_surrogate", 1),
            ("\"x\u{fdd0}\"", "json.noncharacter", 2),
            ("\"é\u{1ffff}\"", "json.noncharacter", 3),
            ("\"\\uffff\"", "json.noncharacter", 1),
            ("\"\\ud83f\\udffe\"", "json.noncharacter", 1),
            ("{\"a\":1,\"a\":2}", "json.duplicate_name", 7),
            ("{\"b\":1,\"a\":2,\"\\u0062\":3}", "json.duplicate_name", 13),
            ("{\"\":{\"x\":0,\"\\u0078\":0}}", "json.duplicate_name", 11),
            ("[01]", "json.bad_number", 1),
            ("[1.]", "json.bad_number", 1),
            ("[-]", "json.bad_number", 1),
            ("[1,-0]", "json.negative_zero", 3),
            ("[1e400]", "json.number_out_of_range", 1),
            ("[9007199254740993]", "json.lossy_number", 1),
            (&"[".repeat(33), "json.too_deep", 32),
            (&many, "json.too_many_members", many.len() - 6),
        ] {
            assert_eq!(canonical(text), Err((code, at)), "{}", &text[..text.len().min(60)]);
        }
        assert_eq!(canonical(&format!("{}{}", "[".repeat(32), "]".repeat(32))).map(|c| c.len()), Ok(64));
        let large = format!("\"{}\"", "x".repeat(262_143));
        assert_eq!(canonical(&large), Err(("json.too_large", 262_144)));
        assert!(canonical(&large.replacen('x', "", 1)).is_ok());
    }
}
