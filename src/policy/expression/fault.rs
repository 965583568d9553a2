//! Faults of a source: what is wrong with an expression, where, and what was probably meant.

use super::schema::{FUNCTIONS, NAMES};
use crate::policy::source::{At, suggestion};
use core::fmt;

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionFault {
    /// The place in bytes from the beginning of the source.
    pub offset: usize,
    /// The same as line and column of the source.
    pub at: At,
    /// What is wrong.
    pub problem: ExpressionProblem,
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpressionProblem {
    /// The source is longer than the limit in bytes.
    TooLong(usize),
    /// The source is nested deeper than the limit.
    TooDeep(usize),
    /// The source has more parts than the limit.
    TooManyParts(usize),
    /// There is nothing.
    Empty,
    /// A character that begins nothing.
    Character(char),
    /// A text that has no end in its line.
    UnfinishedText,
    /// A backslash followed by something that means nothing.
    Escape,
    /// A number that is out of range or malformed.
    Number(String),
    /// Something stands where something else was expected: what was expected, and what is found.
    Unexpected(&'static str, String),
    /// A word that CEL keeps for itself.
    Reserved(String),
    /// Something of CEL that conditions do not have.
    NotInConditions(&'static str),
    /// A name that is not known.
    UnknownName(String),
    /// A field that a name does not have: the name, the field.
    UnknownField(&'static str, String),
    /// A field that an act does not have; those that it has.
    UnknownActField(String, Vec<String>),
    /// Something of this type has no fields.
    NoFields(String),
    /// A name that stands for a group of names.
    Group(String),
    /// A variable that has the name of something else.
    Shadow(String),
    /// A function that is not known.
    UnknownFunction(String),
    /// A function that is called in another way: how.
    Called(&'static str),
    /// What a function or operator takes, and what it is given.
    WrongType(String, &'static str, String),
    /// An operator between two types that it does not take.
    Operands(&'static str, String, String),
    /// Words of a closed set have no order.
    NoOrder,
    /// A word that is not in the closed set; the set.
    UnknownWord(String, Vec<String>),
    /// What this function is given must be written as a text.
    NotLiteral(&'static str),
    /// A pattern that is none; why.
    Pattern(String),
    /// The whole is not a truth value but this.
    NotACondition(String),
    /// A quantifier within a quantifier within a quantifier.
    Quantifiers,
}

impl ExpressionProblem {
    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownName(name) => Some(name_hint(name)),
            Self::UnknownField(group, field) => Some(field_hint(group, field)),
            Self::Group(group) => Some(format!("name a field of it, such as `{}`", example(group))),
            Self::UnknownActField(word, known) | Self::UnknownWord(word, known) => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                Some(suggestion(word, &known))
            }
            Self::UnknownFunction(name) => {
                let known: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
                Some(suggestion(name, &known))
            }
            Self::NoOrder => Some("a level can be asked for: `risk.level.at_least(\"high\")`".to_owned()),
            Self::NotACondition(_) => Some("compare it with something".to_owned()),
            Self::Escape => Some("in a raw text, r\"…\", a backslash is itself".to_owned()),
            Self::Unexpected(_, found) if found == "`=`" => Some("did you mean `==`?".to_owned()),
            Self::Unexpected(_, found) if found == "`&`" => Some("did you mean `&&`?".to_owned()),
            Self::Unexpected(_, found) if found == "`|`" => Some("did you mean `||`?".to_owned()),
            Self::Unexpected(_, found) if found == "`and`" => Some("did you mean `&&`?".to_owned()),
            Self::Unexpected(_, found) if found == "`or`" => Some("did you mean `||`?".to_owned()),
            Self::Unexpected(..)
            | Self::TooLong(_)
            | Self::TooDeep(_)
            | Self::TooManyParts(_)
            | Self::Empty
            | Self::Character(_)
            | Self::UnfinishedText
            | Self::Number(_)
            | Self::Reserved(_)
            | Self::NotInConditions(_)
            | Self::NoFields(_)
            | Self::Shadow(_)
            | Self::Called(_)
            | Self::WrongType(..)
            | Self::Operands(..)
            | Self::NotLiteral(_)
            | Self::Pattern(_)
            | Self::Quantifiers => None,
        }
    }
}

/// `environment` is a field of `facts`; `fact` is `facts` misspelt.
fn name_hint(name: &str) -> String {
    let of_a_group = NAMES.iter().find(|known| known.path.rsplit('.').next() == Some(name));
    if let Some(known) = of_a_group {
        return format!("did you mean `{}`?", known.path);
    }
    let mut roots: Vec<&str> = NAMES.iter().filter_map(|known| known.path.split('.').next()).collect();
    roots.dedup();
    suggestion(name, &roots)
}

fn field_hint(group: &str, field: &str) -> String {
    let wanted = format!("{group}.{field}");
    // The same field of another group, before a misspelt one of this.
    let elsewhere = NAMES.iter().find(|known| known.path.rsplit('.').next() == Some(field));
    if let Some(known) = elsewhere {
        return format!("did you mean `{}`?", known.path);
    }
    let within = |path: &&str| path.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'));
    let known: Vec<&str> = NAMES.iter().map(|known| known.path).filter(within).collect();
    suggestion(&wanted, &known)
}

fn example(group: &str) -> &'static str {
    let within = |path: &&str| path.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'));
    NAMES.iter().map(|known| known.path).find(within).unwrap_or_default()
}

impl fmt::Display for ExpressionProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(limit) => write!(f, "the condition is longer than {limit} bytes"),
            Self::TooDeep(limit) => write!(f, "the condition is nested deeper than {limit}"),
            Self::TooManyParts(limit) => write!(f, "the condition has more than {limit} parts"),
            Self::Empty => f.write_str("a condition that says nothing"),
            Self::Character(c) => write!(f, "`{}` means nothing here", c.escape_debug()),
            Self::UnfinishedText => f.write_str("a text without its closing quote"),
            Self::Escape => f.write_str("a backslash before something that it does not change"),
            Self::Number(text) => write!(f, "`{}` is not a number in range", text.escape_debug()),
            Self::Unexpected(wanted, found) => write!(f, "expected {wanted}, found {}", short(found)),
            Self::Reserved(word) => write!(f, "`{word}` is a reserved word"),
            Self::NotInConditions(what) => write!(f, "conditions have no {what}"),
            Self::UnknownName(name) => write!(f, "unknown name `{}`", short(name)),
            Self::UnknownField(group, field) => write!(f, "`{group}` has no field `{}`", short(field)),
            Self::UnknownActField(field, _) => write!(f, "an act has no field `{}`", short(field)),
            Self::NoFields(kind) => write!(f, "{} has no fields", a(kind)),
            Self::Group(group) => write!(f, "`{group}` is no value by itself"),
            Self::Shadow(name) => write!(f, "`{}` is the name of something else already", short(name)),
            Self::UnknownFunction(name) => write!(f, "unknown function `{}`", short(name)),
            Self::Called(form) => write!(f, "this is called as `{form}`"),
            Self::WrongType(what, wanted, found) => write!(f, "{what} takes {}, not {}", a(wanted), a(found)),
            Self::Operands(operator, left, right) => {
                write!(f, "`{operator}` does not stand between {} and {}", a(left), a(right))
            }
            Self::NoOrder => f.write_str("these words have no order but the alphabet's"),
            Self::UnknownWord(word, _) => {
                write!(f, "this is never `{}`", short(word))
            }
            Self::NotLiteral(function) => write!(f, "what `{function}` takes must be written out as a text"),
            Self::Pattern(why) => f.write_str(why),
            Self::NotACondition(found) => write!(f, "a condition is true or false, and this is {}", a(found)),
            Self::Quantifiers => f.write_str("quantifiers are nested twice at most"),
        }
    }
}

/// As much of what somebody wrote as a message shows.
fn short(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// `an int`, `a string`
pub(super) fn a(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {kind}")
}

/// `3:14: unknown name …`
impl fmt::Display for ExpressionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.at.line, self.at.column, self.problem)
    }
}

impl std::error::Error for ExpressionFault {}

/// A problem and its offset, before line and column are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    offset: usize,
    problem: ExpressionProblem,
}

impl Wrong {
    pub(super) const fn new(offset: usize, problem: ExpressionProblem) -> Self {
        Self { offset, problem }
    }

    pub(super) fn within(self, source: &str) -> ExpressionFault {
        let Self { offset, problem } = self;
        let before = source.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        ExpressionFault { offset, at: At { line, column }, problem }
    }
}
