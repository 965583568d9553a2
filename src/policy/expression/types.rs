//! Types: what is known of a value before there is one, and which of them go together.

use crate::risk::calendar::WEEKDAYS;
use crate::risk::{Environment, Kind, Level, Scope, Sensitivity};
use core::fmt;

/// The type of a value, as far as it is known before there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Bool,
    Int,
    Double,
    Text(Words),
    List(&'static Self),
    Act,
    /// Whatever the parameters hold.
    Dyn,
}

/// What texts a text can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    Any,
    Kind,
    Environment,
    Sensitivity,
    Scope,
    Level,
    Weekday,
}

impl Words {
    /// The texts, if there is an end to them.
    pub(super) fn known(self) -> Option<Vec<&'static str>> {
        Some(match self {
            Self::Any => return None,
            Self::Kind => Kind::ALL.iter().map(|one| one.as_str()).collect(),
            Self::Environment => Environment::ALL.iter().map(|one| one.as_str()).collect(),
            Self::Sensitivity => Sensitivity::ALL.iter().map(|one| one.as_str()).collect(),
            Self::Scope => Scope::ALL.iter().map(|one| one.as_str()).collect(),
            Self::Level => Level::ALL.iter().map(|one| one.as_str()).collect(),
            Self::Weekday => WEEKDAYS.to_vec(),
        })
    }
}

impl Type {
    /// What a reader should know of it.
    pub(super) fn described(self) -> String {
        match self {
            Self::Text(words) => words.known().map_or_else(|| "string".to_owned(), |known| known.join(", ")),
            Self::Null | Self::Bool | Self::Int | Self::Double | Self::List(_) | Self::Act | Self::Dyn => {
                self.to_string()
            }
        }
    }
}

/// As CEL calls it; a closed set of words has a name of its own.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Double => f.write_str("double"),
            Self::Text(Words::Any) => f.write_str("string"),
            Self::Text(Words::Kind) => f.write_str("kind of operation"),
            Self::Text(Words::Environment) => f.write_str("environment"),
            Self::Text(Words::Sensitivity) => f.write_str("sensitivity"),
            Self::Text(Words::Scope) => f.write_str("scope"),
            Self::Text(Words::Level) => f.write_str("level"),
            Self::Text(Words::Weekday) => f.write_str("day of the week"),
            Self::List(element) => write!(f, "list of {element}"),
            Self::Act => f.write_str("act"),
            Self::Dyn => f.write_str("dyn"),
        }
    }
}

pub(super) fn closed(kind: Type) -> bool {
    matches!(kind, Type::Text(words) if words != Words::Any)
}

/// The type of what is one or the other.
pub(super) fn joined(one: Type, other: Type) -> Type {
    match (one, other) {
        (one, other) if one == other => one,
        (Type::Text(_), Type::Text(_)) => Type::Text(Words::Any),
        _ => Type::Dyn,
    }
}

/// Whether the two can be equal.
pub(super) fn comparable(one: Type, other: Type) -> bool {
    match (one, other) {
        (Type::Dyn, _) | (_, Type::Dyn) => true,
        (Type::Int | Type::Double, Type::Int | Type::Double) => true,
        (Type::Text(one), Type::Text(other)) => one == other || one == Words::Any || other == Words::Any,
        (Type::List(one), Type::List(other)) => comparable(*one, *other),
        (Type::Bool, Type::Bool) | (Type::Null, Type::Null) => true,
        _ => false,
    }
}

pub(super) fn ordered(one: Type, other: Type) -> Option<Type> {
    match (one, other) {
        (Type::Int | Type::Double | Type::Dyn, Type::Int | Type::Double | Type::Dyn)
        | (Type::Text(_) | Type::Dyn, Type::Text(_) | Type::Dyn) => Some(Type::Bool),
        _ => None,
    }
}

pub(super) fn calculated(one: Type, other: Type, texts: bool) -> Option<Type> {
    match (one, other) {
        (Type::Int, Type::Int) => Some(Type::Int),
        (Type::Double, Type::Int | Type::Double | Type::Dyn) | (Type::Int | Type::Dyn, Type::Double) => {
            Some(Type::Double)
        }
        (Type::Int | Type::Dyn, Type::Dyn) | (Type::Dyn, Type::Int) => Some(Type::Dyn),
        (Type::Text(_), Type::Text(_) | Type::Dyn) | (Type::Dyn, Type::Text(_)) if texts => {
            Some(Type::Text(Words::Any))
        }
        _ => None,
    }
}
