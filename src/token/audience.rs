//! Whom a token is for: this executor, for this one operation (TOKEN §4).

use crate::condition::{Condition, ConditionKind};
use crate::digest::OperationDigest;
use crate::party::ExecutorId;
use core::fmt;

/// An executor as the configuration registers it: its name and the conditions that it enforces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executor {
    id: ExecutorId,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// Builds the audience from the operation; takes these conditions.
    Bound(Vec<ConditionKind>),
    /// Takes a fixed audience only, so no conditions.
    Plain,
}

/// An executor's name has a `#`, so its audience could be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmbiguousName;

impl fmt::Display for AmbiguousName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an executor's name has no `#`, which begins the operation's digest in an audience")
    }
}

impl std::error::Error for AmbiguousName {}

impl Executor {
    /// An executor that computes the operation's digest and enforces these conditions.
    ///
    /// # Errors
    /// [`AmbiguousName`] if the name has a `#`.
    pub fn new(
        id: ExecutorId,
        enforces: impl IntoIterator<Item = ConditionKind>,
    ) -> Result<Self, AmbiguousName> {
        let mut enforces: Vec<_> = enforces.into_iter().collect();
        enforces.sort_unstable();
        enforces.dedup();
        Self { id, form: Form::Bound(enforces) }.checked()
    }

    /// A gateway that takes only a fixed audience: for unconditional tokens only.
    ///
    /// # Errors
    /// [`AmbiguousName`] if the name has a `#`.
    pub fn plain(id: ExecutorId) -> Result<Self, AmbiguousName> {
        Self { id, form: Form::Plain }.checked()
    }

    fn checked(self) -> Result<Self, AmbiguousName> {
        if self.id.as_str().contains('#') { Err(AmbiguousName) } else { Ok(self) }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &ExecutorId {
        &self.id
    }

    /// Whether it takes only a fixed audience.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        matches!(self.form, Form::Plain)
    }

    /// Whether it registered that it enforces this condition.
    #[must_use]
    pub fn enforces(&self, kind: ConditionKind) -> bool {
        match &self.form {
            Form::Bound(kinds) => kinds.contains(&kind),
            Form::Plain => false,
        }
    }

    /// The first of these conditions that the executor did not register.
    #[must_use]
    pub fn unenforced(&self, conditions: &[Condition]) -> Option<ConditionKind> {
        conditions.iter().map(Condition::kind).find(|kind| !self.enforces(*kind))
    }

    /// The audience of a token for this executor and operation; `None` for a conditional one where it is plain.
    #[must_use]
    pub fn audience(&self, operation: &OperationDigest, conditional: bool) -> Option<Audience> {
        let text = match (&self.form, conditional) {
            (Form::Bound(_), true) => format!("{}{DIGEST}{operation}{CONDITIONAL}", self.id),
            (Form::Bound(_), false) => format!("{}{DIGEST}{operation}", self.id),
            (Form::Plain, false) => self.id.to_string(),
            (Form::Plain, true) => return None,
        };
        Some(Audience(text.into()))
    }
}

const DIGEST: &str = "#op=";
const CONDITIONAL: &str = ";cond";

/// A token's `aud`, as it was received or as an executor builds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(Box<str>);

impl Audience {
    /// What a token says, whatever it is.
    pub(super) fn received(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that names the executor.
    #[must_use]
    pub fn executor(&self) -> &str {
        self.0.split_once('#').map_or(&self.0, |(executor, _)| executor)
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_names_the_operation_and_whether_there_are_conditions() {
        let id = ExecutorId::new("https://exec.example/k8s").unwrap();
        let digest = OperationDigest::from_bytes([0; 32]);
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let bound = Executor::new(id.clone(), [ConditionKind::Canary]).unwrap();
        let audience = |e: &Executor, c| e.audience(&digest, c).map(|a| a.as_str().to_owned());
        assert_eq!(audience(&bound, false), Some(format!("https://exec.example/k8s#op={zeros}")));
        assert_eq!(audience(&bound, true), Some(format!("https://exec.example/k8s#op={zeros};cond")));
        let plain = Executor::plain(id).unwrap();
        assert_eq!(audience(&plain, false), Some("https://exec.example/k8s".to_owned()));
        assert_eq!(audience(&plain, true), None);
        assert_eq!(bound.audience(&digest, true).unwrap().executor(), "https://exec.example/k8s");
    }

    #[test]
    fn a_name_that_could_hold_a_digest_is_refused() {
        let id = ExecutorId::new("https://exec.example/#op=x").unwrap();
        assert_eq!(Executor::plain(id), Err(AmbiguousName));
    }
}
