//! Why a text was not taken as JSON, and where.

use core::fmt;

/// What is wrong with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// More bytes than [`super::Limits::bytes`].
    TooLarge,
    /// A byte order mark in front.
    ByteOrderMark,
    /// Not UTF-8: also overlong forms, encoded surrogates, UTF-16.
    NotUtf8,
    /// More nesting than [`super::Limits::depth`].
    TooDeep,
    /// More members than [`super::Limits::members`].
    TooManyMembers,
    /// It stops before the value is complete.
    Truncated,
    /// A byte that cannot stand there.
    Unexpected,
    /// Something after the value.
    Trailing,
    /// A raw control character in a string.
    ControlCharacter,
    /// A backslash that begins no escape of JSON.
    BadEscape,
    /// An escaped surrogate that is not part of a pair.
    LoneSurrogate,
    /// A noncharacter: U+FDD0 to U+FDEF, or the last two of a plane.
    Noncharacter,
    /// A name for the second time in one object.
    DuplicateName,
    /// A number that JSON does not write so: `01`, `1.`, `.5`, `+1`.
    BadNumber,
    /// Zero with a minus sign, in any spelling.
    NegativeZero,
    /// A number larger than any double.
    NumberOutOfRange,
    /// A number that a double would change.
    LossyNumber,
}

impl Fault {
    /// The stable name of this fault.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "json.too_large",
            Self::ByteOrderMark => "json.byte_order_mark",
            Self::NotUtf8 => "json.not_utf8",
            Self::TooDeep => "json.too_deep",
            Self::TooManyMembers => "json.too_many_members",
            Self::Truncated => "json.truncated",
            Self::Unexpected => "json.unexpected",
            Self::Trailing => "json.trailing",
            Self::ControlCharacter => "json.control_character",
            Self::BadEscape => "json.bad_escape",
            Self::LoneSurrogate => "json.lone_surrogate",
            Self::Noncharacter => "json.noncharacter",
            Self::DuplicateName => "json.duplicate_name",
            Self::BadNumber => "json.bad_number",
            Self::NegativeZero => "json.negative_zero",
            Self::NumberOutOfRange => "json.number_out_of_range",
            Self::LossyNumber => "json.lossy_number",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the JSON text is too large",
            Self::ByteOrderMark => "a byte order mark stands before the JSON text: remove it",
            Self::NotUtf8 => "the JSON text is not UTF-8",
            Self::TooDeep => "arrays and objects are nested too deep",
            Self::TooManyMembers => "the objects have too many members",
            Self::Truncated => "the JSON text stops before the value is complete",
            Self::Unexpected => "a character that JSON does not have there",
            Self::Trailing => "something follows the JSON value",
            Self::ControlCharacter => "a raw control character in a string: escape it",
            Self::BadEscape => "an escape that JSON does not have",
            Self::LoneSurrogate => "a surrogate that is not half of a pair",
            Self::Noncharacter => "a Unicode noncharacter",
            Self::DuplicateName => "a name that the object already has",
            Self::BadNumber => "a number that is not written as JSON writes numbers",
            Self::NegativeZero => "a negative zero: send 0, or a string",
            Self::NumberOutOfRange => "a number too large for a double: send it as a string",
            Self::LossyNumber => "a number that a double would change: send it as a string",
        })
    }
}

/// A fault and the byte at which it was found, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReadError {
    /// What is wrong.
    pub fault: Fault,
    /// Where it was found.
    pub at: usize,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.fault, self.at)
    }
}

impl std::error::Error for ReadError {}
