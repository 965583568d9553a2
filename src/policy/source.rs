//! Where something stands in a file, and errors that point there: file, line, column, a caret, a hint.

use super::check::Concern;
use super::expression::ExpressionFault;
use super::scalar;
use crate::escalation::requirement::RequirementError;
use core::fmt;

/// A place in a file; line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The line; 0 where the place is not known.
    pub line: usize,
    /// The column; 0 where the place is not known.
    pub column: usize,
}

/// What is wrong with a policy or a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The text is longer than the limit in bytes.
    TooLarge(usize),
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text is not YAML, or goes beyond the reader's limits.
    Yaml(String),
    /// A key that means nothing here; the keys that do.
    UnknownKey(String, Vec<&'static str>),
    /// A key that must be here is not.
    MissingKey(&'static str),
    /// One of two keys must be here.
    MissingEither(&'static str, &'static str),
    /// Something else was expected here: what, and what is found.
    Expected(&'static str, &'static str),
    /// A text that is none of the allowed ones.
    UnknownWord(String, Vec<String>),
    /// A text that is not of the form that is described.
    Malformed(String, &'static str),
    /// A list without anything in it, where leaving it out would say something.
    EmptyList,
    /// More entries than the limit.
    TooMany(usize),
    /// Something was named before; the line of the first.
    Duplicate(String, usize),
    /// The file says version … and only 1 is known.
    Version(String),
    /// A number that is out of range; the range in words.
    OutOfRange(String, &'static str),
    /// The weights add up to this and not to 1.
    WeightsSum(String),
    /// A value that must not be below another; the other's name.
    NotRising(&'static str, &'static str),
    /// A blocked level may be lowered and not raised.
    CriticalIsDenied,
    /// Something needs reviewers and names none, and there is no default.
    NoReviewers,
    /// A class is what its payload is, and says that it has none.
    NoPayload,
    /// A key that says nothing without another.
    NeedsBeside(&'static str, &'static str),
    /// A key that cannot stand beside another.
    NotBeside(&'static str, &'static str),
    /// Something is not a requirement that people could meet.
    Requirement(RequirementError),
    /// A stage begins when the time to decide is over: the two.
    StageAfterTimeout(String, String),
    /// An emergency approval by people who are not known as surely as they can be.
    EmergencyNotSigned,
    /// The escalation is of another type than it says.
    OtherType(&'static str),
    /// An escalation block where nothing is escalated.
    EscalationWithoutEscalate,
    /// Conditions on what is denied.
    ConditionsOnDeny,
    /// A condition that is not one; why.
    Condition(String),
    /// A `when` that is no condition.
    Expression {
        /// What is written.
        source: Box<str>,
        /// What is wrong with it.
        fault: Box<ExpressionFault>,
    },
    /// Two conditions that cannot both hold; their kind.
    Contradiction(String),
    /// More approvals than people.
    PoolTooSmall {
        /// How many approvals are asked for.
        approvals: usize,
        /// How many people could give one.
        people: usize,
    },
    /// A role, team or person that nobody declares; those that are.
    Undeclared(&'static str, String, Vec<String>),
    /// The roles stand in another order than in the roster.
    RoleOrder(String, String),
    /// One key, or one account, of two people.
    Shared(&'static str, String),
    /// A public key that is not one; why.
    Key(String),
    /// Somebody is named as their own …
    Oneself(&'static str),
    /// An absence that overlaps another; the line of that one.
    Overlap(usize),
    /// A time that must be later than another; the other's name.
    NotLater(&'static str, &'static str),
    /// `levels:` is not there, so that the rest may be missing too.
    NoLevels,
    /// A key stands behind `levels:`; which.
    BehindLevels(String),
    /// Something that only a check finds.
    Concern(Box<Concern>),
}

impl Problem {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "document.too_large",
            Self::NotUtf8 => "document.not_utf8",
            Self::Yaml(_) => "document.yaml",
            Self::UnknownKey(..) => "document.unknown_key",
            Self::MissingKey(_) | Self::MissingEither(..) => "document.missing_key",
            Self::Expected(..) => "document.wrong_type",
            Self::UnknownWord(..) => "document.unknown_word",
            Self::Malformed(..) => "document.malformed",
            Self::EmptyList => "document.empty_list",
            Self::TooMany(_) => "document.too_many",
            Self::Duplicate(..) => "document.duplicate",
            Self::Version(_) => "document.version",
            Self::OutOfRange(..) => "document.out_of_range",
            Self::WeightsSum(_) => "policy.weights_sum",
            Self::NotRising(..) => "policy.not_rising",
            Self::CriticalIsDenied => "policy.critical_is_denied",
            Self::NoReviewers => "policy.no_reviewers",
            Self::NoPayload => "policy.no_payload",
            Self::NeedsBeside(..) | Self::NotBeside(..) => "policy.keys_together",
            Self::Requirement(_) => "policy.requirement",
            Self::StageAfterTimeout(..) => "policy.stage_after_timeout",
            Self::EmergencyNotSigned => "policy.emergency_not_signed",
            Self::OtherType(_) => "policy.other_type",
            Self::EscalationWithoutEscalate => "policy.escalation_without_escalate",
            Self::ConditionsOnDeny => "policy.conditions_on_deny",
            Self::Condition(_) => "policy.condition",
            Self::Expression { .. } => "policy.expression",
            Self::Contradiction(_) => "policy.contradiction",
            Self::PoolTooSmall { .. } => "policy.pool_too_small",
            Self::Undeclared(..) => "document.undeclared",
            Self::RoleOrder(..) => "policy.role_order",
            Self::Shared(..) => "roster.shared",
            Self::Key(_) => "roster.key",
            Self::Oneself(_) => "roster.oneself",
            Self::Overlap(_) => "roster.overlap",
            Self::NotLater(..) => "roster.not_later",
            Self::NoLevels | Self::BehindLevels(_) => "policy.levels_last",
            Self::Concern(concern) => concern.code(),
        }
    }

    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey(key, known) => Some(suggestion(key, known)),
            Self::UnknownWord(word, known) | Self::Undeclared(_, word, known) => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                Some(suggestion(word, &known))
            }
            Self::Expression { fault, .. } => fault.problem.hint(),
            Self::EmptyList => Some("leave the key out instead".to_owned()),
            Self::CriticalIsDenied => {
                Some("lower `risk.thresholds` or the floor instead, so that it is not critical".to_owned())
            }
            Self::NoReviewers => Some("name them here, or under `defaults: reviewers:`".to_owned()),
            Self::NoLevels | Self::BehindLevels(_) => Some(
                "a policy ends with `levels:`, so that one that was cut off is noticed; `levels: {}` will do"
                    .to_owned(),
            ),
            Self::Shared("account", _) => Some(
                "case does not count, nor what follows a plus in an address: it reaches the same person"
                    .to_owned(),
            ),
            Self::Concern(concern) => concern.hint(),
            Self::PoolTooSmall { .. } => {
                Some("the requester can never vote, so leave room for one more".to_owned())
            }
            Self::TooLarge(_)
            | Self::NotUtf8
            | Self::Yaml(_)
            | Self::MissingKey(_)
            | Self::MissingEither(..)
            | Self::Expected(..)
            | Self::Malformed(..)
            | Self::TooMany(_)
            | Self::Duplicate(..)
            | Self::Version(_)
            | Self::OutOfRange(..)
            | Self::WeightsSum(_)
            | Self::NotRising(..)
            | Self::NoPayload
            | Self::NeedsBeside(..)
            | Self::NotBeside(..)
            | Self::Requirement(_)
            | Self::StageAfterTimeout(..)
            | Self::EmergencyNotSigned
            | Self::OtherType(_)
            | Self::EscalationWithoutEscalate
            | Self::ConditionsOnDeny
            | Self::Condition(_)
            | Self::Contradiction(_)
            | Self::RoleOrder(..)
            | Self::Shared(..)
            | Self::Key(_)
            | Self::Oneself(_)
            | Self::Overlap(_)
            | Self::NotLater(..) => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "the file is larger than {limit} bytes"),
            Self::NotUtf8 => f.write_str("the file is not UTF-8"),
            Self::Yaml(what) => f.write_str(what),
            Self::UnknownKey(key, _) => write!(f, "unknown key `{}`", key.escape_debug()),
            Self::MissingKey(key) => write!(f, "`{key}` is missing"),
            Self::MissingEither(one, other) => write!(f, "`{one}` or `{other}` is missing"),
            Self::Expected(wanted, found) => write!(f, "expected {wanted}, found {found}"),
            Self::UnknownWord(word, _) => write!(f, "unknown value `{}`", word.escape_debug()),
            Self::Malformed(text, form) => write!(f, "`{}` is not {form}", text.escape_debug()),
            Self::EmptyList => f.write_str("an empty list says nothing"),
            Self::TooMany(limit) => write!(f, "more than {limit} entries"),
            Self::Duplicate(name, line) => {
                write!(f, "`{}` is named a second time, first in line {line}", name.escape_debug())
            }
            Self::Version(version) => {
                write!(f, "version `{}` is not known, only 1 is", version.escape_debug())
            }
            Self::OutOfRange(number, range) => write!(f, "`{}` is not {range}", number.escape_debug()),
            Self::WeightsSum(sum) => write!(f, "the weights add up to {sum}, not to 1"),
            Self::NotRising(high, low) => write!(f, "`{high}` must not be below `{low}`"),
            Self::CriticalIsDenied => f.write_str("a critical operation is always denied"),
            Self::NoReviewers => f.write_str("nobody is named who could approve this"),
            Self::NoPayload => f.write_str("`kind: payload` needs a payload"),
            Self::NeedsBeside(key, other) => write!(f, "`{key}` says nothing without `{other}`"),
            Self::NotBeside(key, other) => write!(f, "`{key}` cannot stand beside `{other}`"),
            Self::Requirement(error) => error.fmt(f),
            Self::StageAfterTimeout(stage, timeout) => {
                write!(f, "this begins after {stage}, and the time to decide is over after {timeout}")
            }
            Self::EmergencyNotSigned => {
                f.write_str("in an emergency fewer people agree, so each has to sign: `assurance: signed`")
            }
            Self::OtherType(name) => write!(f, "the escalation is not `{name}`"),
            Self::EscalationWithoutEscalate => {
                f.write_str("an `escalation` block needs `decision: escalate`")
            }
            Self::ConditionsOnDeny => f.write_str("conditions on what is denied"),
            Self::Condition(why) => f.write_str(why),
            Self::Expression { fault, .. } => fault.problem.fmt(f),
            Self::Contradiction(kind) => write!(f, "the `{kind}` conditions cannot hold together"),
            Self::PoolTooSmall { approvals, people } => {
                let could = if *people == 1 { "person" } else { "people" };
                write!(f, "{approvals} approvals are asked for, and {people} {could} could give one")
            }
            Self::Undeclared(what, name, _) => write!(f, "unknown {what} `{}`", name.escape_debug()),
            Self::RoleOrder(lower, higher) => {
                write!(f, "`{lower}` stands below `{higher}` here, and above it in the roster")
            }
            Self::Shared(what, who) => {
                write!(f, "this {what} belongs to `{}` already", who.escape_debug())
            }
            Self::Key(why) => write!(f, "not a public key: {why}"),
            Self::Oneself(what) => write!(f, "nobody is their own {what}"),
            Self::Overlap(line) => write!(f, "this absence overlaps the one in line {line}"),
            Self::NotLater(late, early) => write!(f, "`{late}` must be later than `{early}`"),
            Self::NoLevels => f.write_str("`levels` is missing: is this the whole policy?"),
            Self::BehindLevels(key) => write!(f, "`{}` stands behind `levels`", key.escape_debug()),
            Self::Concern(concern) => concern.fmt(f),
        }
    }
}

/// A problem and its place, before the file is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: At,
    pub(crate) problem: Problem,
}

impl Fault {
    /// This problem at this place.
    pub(crate) const fn new(at: At, problem: Problem) -> Self {
        Self { at, problem }
    }

    /// This fault in the text of a file.
    pub(crate) fn within(self, text: &str, file: &str) -> SourceError {
        let Self { mut at, problem } = self;
        if let Problem::Expression { source, fault } = &problem {
            at = scalar::place(text, at, source, fault.offset);
        }
        let line = at.line.checked_sub(1).and_then(|line| text.lines().nth(line)).unwrap_or_default();
        SourceError::at_line(file, at, line, problem)
    }
}

/// The bytes of a file as text.
///
/// # Errors
/// [`Problem::NotUtf8`] at the line of the first byte that is not.
pub(crate) fn utf8<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, SourceError> {
    core::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let line = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default());
        let at =
            At { line: before.iter().filter(|b| **b == b'\n').count() + 1, column: line.chars().count() + 1 };
        SourceError { file: file.into(), at, line: Box::default(), problem: Problem::NotUtf8 }
    })
}

/// The most characters of a line that an error shows.
const SHOWN: usize = 160;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    /// The file's name, as it was given.
    pub file: Box<str>,
    /// Where in the file.
    pub at: At,
    /// The line, shortened.
    pub line: Box<str>,
    /// What is wrong.
    pub problem: Problem,
}

impl SourceError {
    /// This problem, in this line.
    pub(super) fn at_line(file: &str, at: At, line: &str, problem: Problem) -> Self {
        Self { file: file.into(), at, line: line.chars().take(SHOWN).collect(), problem }
    }
}

/// `policy.yaml:12:7: unknown key …`, then the line with a caret, then the hint.
impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, at, line, problem } = self;
        if at.line == 0 {
            write!(f, "{file}: {problem}")?;
        } else {
            write!(f, "{file}:{}:{}: {problem}", at.line, at.column)?;
        }
        if !line.is_empty() {
            let number = at.line.to_string();
            let indent = " ".repeat(number.len());
            // Tabs are kept in front of the caret, so that it stands under its character; what would move the
            // cursor otherwise is not shown.
            let shown: String = line.chars().map(|c| if c == '\t' || !hidden(c) { c } else { '?' }).collect();
            let before: String = line
                .chars()
                .take(at.column.saturating_sub(1))
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            write!(f, "\n{indent} |\n{number} | {shown}\n{indent} | {before}^")?;
        }
        match problem.hint() {
            Some(hint) => write!(f, "\n  = {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SourceError {}

/// Whether a terminal would not show the character as one that stands in its place.
fn hidden(c: char) -> bool {
    c.is_control() || c.escape_debug().len() > 1 && !matches!(c, '\'' | '"' | '\\')
}

/// `did you mean …?`, or the list of what there is.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    let close = known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4);
    match close {
        Some((_, candidate)) => format!("did you mean `{candidate}`?"),
        None if known.is_empty() => "none is declared".to_owned(),
        None => {
            let list: Vec<String> = known.iter().take(24).map(|one| format!("`{one}`")).collect();
            let more = if known.len() > 24 { ", …" } else { "" };
            format!("known: {}{more}", list.join(", "))
        }
    }
}

/// How many characters have to be put in, taken out, exchanged or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut left = None;
    for (row, from) in a.iter().enumerate() {
        let mut this = vec![row + 1];
        let mut above = None;
        for (column, to) in b.iter().enumerate() {
            let cost = |table: &[usize], at: usize| table.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut best = cost(&last, column) + usize::from(from != to);
            best = best.min(cost(&last, column + 1) + 1).min(cost(&this, column) + 1);
            if left == Some(*to) && above == Some(*from) && column > 0 {
                best = best.min(cost(&before, column - 1) + 1);
            }
            this.push(best);
            above = Some(*to);
        }
        before = core::mem::replace(&mut last, this);
        left = Some(*from);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_slips() {
        for (a, b, expected) in
            [("", "", 0), ("", "ab", 2), ("rule", "rules", 1), ("mtach", "match", 1), ("allow", "deny", 5)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn a_caret_stands_under_its_character_and_hidden_ones_are_not_shown() {
        let fault = Fault::new(At { line: 2, column: 3 }, Problem::MissingKey("name"));
        let error = fault.within("a\n\u{202e}\tbc\n", "p.yaml");
        assert_eq!(error.to_string(), "p.yaml:2:3: `name` is missing\n  |\n2 | ?\tbc\n  |  \t^");
    }
}
