//! Strict I-JSON in, RFC 8785 out: the one JSON that Countersign hashes, signs and reads from strangers.
//!
//! What [`read`] and [`canonicalize`] accept is narrower than RFC 8259 (TOKEN §5): UTF-8 without a byte order
//! mark, no name twice in an object, no lone surrogate or noncharacter (RFC 7493), nothing after the value,
//! bounded size, depth and number of members, and only numbers that their RFC 8785 form repeats exactly. So two
//! texts have the same canonical form only if they say the same.
//!
//! ```
//! use countersign::operation::json::{Limits, read};
//!
//! let value = read(br#"{ "b": 1e2, "a": "\u0041" }"#, &Limits::OPERATION).unwrap();
//! assert_eq!(value.to_canonical(), br#"{"a":"A","b":100}"#);
//! let error = read(b"9007199254740993", &Limits::OPERATION).unwrap_err();
//! assert_eq!(error.fault.code(), "json.lossy_number");
//! ```

mod error;
mod number;
mod read;
mod scan;
#[cfg(feature = "engine")]
mod serde_form;
mod write;

pub use error::{Fault, ReadError};
pub use number::{NotExact, Number};
pub use read::read;
pub use write::canonicalize;
pub(super) use {scan::noncharacter, write::write_string};

use core::cmp::Ordering;

/// How much a reader takes before it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of text.
    pub bytes: usize,
    /// The most arrays and objects within each other; the outermost counts. Never more than [`Limits::DEEPEST`].
    pub depth: usize,
    /// The most members of all objects together.
    pub members: usize,
}

impl Limits {
    /// What TOKEN §5 allows for an operation's parameters: 256 KiB, depth 32, 4096 members.
    pub const OPERATION: Self = Self { bytes: 256 * 1024, depth: 32, members: 4096 };

    /// The depth that no reader goes beyond, whatever [`Limits::depth`] says: what keeps the stack bounded.
    pub const DEEPEST: usize = 128;
}

/// A JSON value that has an RFC 8785 form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number that a double repeats exactly.
    Number(Number),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Object),
}

impl Value {
    /// The RFC 8785 form.
    #[must_use]
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        write::write_value(self, &mut out);
        out
    }

    /// The string, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The object, if this is one.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// The elements, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(elements) = self { Some(elements) } else { None }
    }

    /// The number, if this is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<&Number> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The number, if this is one and a whole one from 0 to `u64::MAX`.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The number, if this is one and a whole one that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The truth value, if this is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(*truth) } else { None }
    }

    /// Whether this is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

/// A whole number that doubles cannot hold becomes the string of its digits, as RFC 8785 appendix D advises: a
/// reader that expects a number then refuses, where a rounded one would have passed.
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Number::try_from(number).map_or_else(|_| Self::String(number.to_string()), Self::Number)
    }
}

/// As from `u64`.
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Number::try_from(number).map_or_else(|_| Self::String(number.to_string()), Self::Number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(Number::from(number))
    }
}

impl From<Vec<Self>> for Value {
    fn from(elements: Vec<Self>) -> Self {
        Self::Array(elements)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

/// An object: its members in canonical order (by UTF-16 code units of the name), each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Object {
    members: Vec<(String, Value)>,
}

impl Object {
    /// An object without members.
    #[must_use]
    pub const fn new() -> Self {
        Self { members: Vec::new() }
    }

    /// This object with the member `name`; one that had this name is replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Puts in the member `name`; one that had this name is replaced.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        match self.place(name) {
            Ok(at) => {
                if let Some((_, old)) = self.members.get_mut(at) {
                    *old = value.into();
                }
            }
            Err(at) => self.members.insert(at, (name.to_owned(), value.into())),
        }
    }

    /// The value of the member `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.place(name).ok()?;
        self.members.get(at).map(|(_, value)| value)
    }

    /// The members in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names in canonical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_str())
    }

    /// How many members there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.members.binary_search_by(|(member, _)| utf16_order(member.as_bytes(), name.as_bytes()))
    }
}

/// Compares two names in UTF-8 by their UTF-16 code units (RFC 8785 §3.2.3) without converting.
///
/// UTF-8 sorts by code points, which differs in one case only: characters from U+10000 on (lead bytes F0 to F4)
/// are surrogates in UTF-16 and come before U+E000 to U+FFFF (lead bytes EE and EF).
fn utf16_order(a: &[u8], b: &[u8]) -> Ordering {
    match a.iter().zip(b).find(|(x, y)| x != y) {
        Some((&x, &y)) => utf16_rank(x).cmp(&utf16_rank(y)),
        None => a.len().cmp(&b.len()),
    }
}

/// A byte of UTF-8, such that the order of these is that of UTF-16 code units.
#[inline]
const fn utf16_rank(byte: u8) -> u8 {
    if matches!(byte, 0xEE | 0xEF) { byte + 0x10 } else { byte }
}

/// The first eight bytes of a name, such that keys that differ are ordered as [`utf16_order`] orders the names.
fn utf16_key(name: &[u8]) -> u64 {
    (0..8).fold(0, |key, place| key << 8 | u64::from(name.get(place).copied().map_or(0, utf16_rank)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_utf16_code_units() {
        let names = [
            "",
            "1",
            "10",
            "a",
            "aa",
            "\u{80}",
            "\u{d7ff}",
            "\u{10000}",
            "\u{10fffd}",
            "\u{e000}",
            "\u{fffd}",
        ];
        for a in names {
            for b in names {
                assert_eq!(
                    utf16_order(a.as_bytes(), b.as_bytes()),
                    a.encode_utf16().cmp(b.encode_utf16()),
                    "{a:?} {b:?}"
                );
            }
        }
    }

    #[test]
    fn an_object_keeps_each_name_once_and_in_order() {
        let object = Object::new().with("b", 1_u64).with("a", "x").with("b", true).with("\u{e000}", vec![]);
        let object = object.with("\u{1f600}", Value::Null);
        assert_eq!(object.names().collect::<Vec<_>>(), ["a", "b", "\u{1f600}", "\u{e000}"]);
        assert_eq!(object.get("b"), Some(&Value::Bool(true)));
        assert_eq!(object.get("c"), None);
        assert_eq!(object.len(), 4);
    }

    #[test]
    fn whole_numbers_that_doubles_cannot_hold_become_strings() {
        assert_eq!(Value::from(1_u64 << 53).as_u64(), Some(1 << 53));
        assert_eq!(Value::from((1_u64 << 53) + 1), Value::from("9007199254740993"));
        assert_eq!(Value::from(i64::MIN), Value::from("-9223372036854775808"));
        assert_eq!(Value::from(-7_i64).as_i64(), Some(-7));
    }
}
