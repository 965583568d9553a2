//! Reading the members of a closed JSON object: every name is known, every value has its type.

use crate::moment::Moment;
use crate::operation::json::{Fault, Limits, Object, Value, read};
use core::fmt;

/// The largest integer in a claim: the largest one that every JSON library reads exactly.
pub(super) const MAX_INTEGER: u64 = (1 << 53) - 1;
/// The last second that a [`Moment`] can hold.
pub(super) const LAST_SECOND: u64 = 253_402_300_799;

/// Why claims are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimFault {
    /// They are not strict JSON.
    Json(Fault),
    /// They are JSON but no object.
    NotAnObject,
    /// There is a claim that the closed set does not have.
    Unexpected,
    /// This claim is missing.
    Missing(&'static str),
    /// This claim has a value of the wrong type, out of range, or with unexpected or missing members.
    Wrong(&'static str),
}

impl fmt::Display for ClaimFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(fault) => write!(f, "the claims are not strict JSON: {fault}"),
            Self::NotAnObject => f.write_str("the claims are not a JSON object"),
            Self::Unexpected => f.write_str("there is a claim that does not belong there"),
            Self::Missing(name) => write!(f, "the claim `{name}` is missing"),
            Self::Wrong(name) => write!(f, "the claim `{name}` has a wrong value"),
        }
    }
}

impl std::error::Error for ClaimFault {}

/// A closed object and the claim that it is, or is part of.
#[derive(Clone, Copy)]
pub(super) struct Members<'a> {
    object: &'a Object,
    /// The claim to name in a fault; the members' own names at the top.
    within: Option<&'static str>,
}

impl<'a> Members<'a> {
    pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, ClaimFault> {
        read(bytes, limits).map_err(|error| ClaimFault::Json(error.fault))
    }

    /// The top-level claims, which are among `names`.
    pub(super) fn of(value: &'a Value, names: &[&str]) -> Result<Self, ClaimFault> {
        let object = value.as_object().ok_or(ClaimFault::NotAnObject)?;
        if object.names().any(|name| !names.contains(&name)) {
            return Err(ClaimFault::Unexpected);
        }
        Ok(Self { object, within: None })
    }

    /// The members of the object in the claim `within`, which are among `names`.
    pub(super) fn inner(value: &'a Value, within: &'static str, names: &[&str]) -> Result<Self, ClaimFault> {
        let object = value.as_object().ok_or(ClaimFault::Wrong(within))?;
        if object.names().any(|name| !names.contains(&name)) {
            return Err(ClaimFault::Wrong(within));
        }
        Ok(Self { object, within: Some(within) })
    }

    /// The members of an object in the claim `within`, whose names were checked already.
    pub(super) const fn inner_unchecked(object: &'a Object, within: &'static str) -> Self {
        Self { object, within: Some(within) }
    }

    fn wrong(&self, name: &'static str) -> ClaimFault {
        ClaimFault::Wrong(self.within.unwrap_or(name))
    }

    pub(super) fn value(&self, name: &'static str) -> Result<&'a Value, ClaimFault> {
        let missing = self.within.map_or(ClaimFault::Missing(name), ClaimFault::Wrong);
        self.object.get(name).ok_or(missing)
    }

    /// A member that may be absent; if it is there it must be right.
    pub(super) fn optional<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&'a Value) -> Result<T, ClaimFault>,
    ) -> Result<Option<T>, ClaimFault> {
        self.object.get(name).map(parse).transpose()
    }

    pub(super) fn text(&self, name: &'static str) -> Result<&'a str, ClaimFault> {
        self.value(name)?.as_str().ok_or(self.wrong(name))
    }

    pub(super) fn parsed<T, E>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ClaimFault> {
        parse(self.text(name)?).map_err(|_| self.wrong(name))
    }

    pub(super) fn matching<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ClaimFault> {
        parse(self.text(name)?).ok_or(self.wrong(name))
    }

    pub(super) fn number(&self, name: &'static str) -> Result<u64, ClaimFault> {
        self.value(name)?.as_u64().filter(|n| *n <= MAX_INTEGER).ok_or(self.wrong(name))
    }

    pub(super) fn second(&self, name: &'static str) -> Result<Moment, ClaimFault> {
        let second = self.number(name)?;
        if second <= LAST_SECOND { Ok(Moment::from_unix_seconds(second)) } else { Err(self.wrong(name)) }
    }

    /// A list of texts, each parsed.
    pub(super) fn list<T>(
        &self,
        name: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, ClaimFault> {
        let list = self.value(name)?.as_array().ok_or(self.wrong(name))?;
        list.iter().map(|item| item.as_str().and_then(&parse).ok_or(self.wrong(name))).collect()
    }
}
