//! What a certified key may sign: for which agents, for which executors, for how long (TOKEN §8).

use super::claims::Claims;
use super::draft::MAX_LIFE;
use super::members::{ClaimFault, Members};
use crate::operation::json::{Object, Value};
use crate::party::MAX_NAME;
use core::fmt;
use core::time::Duration;

/// The limits of a key's authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `agents`: whose tokens it signs.
    pub agents: Vec<Pattern>,
    /// `audiences`: for which executors.
    pub audiences: Vec<Pattern>,
    /// `max_ttl`: how long its tokens live at most; whole seconds, at most [`MAX_LIFE`].
    pub max_life: Duration,
}

/// A name, or the beginning of names: `spiffe://acme.example/*`.
///
/// A `*` stands alone or after `/` or `:`, so that `https://acme.example*` can't also mean
/// `https://acme.example.evil.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Everything: `*`.
    #[must_use]
    pub fn any() -> Self {
        Self("*".into())
    }

    /// Reads a name of printable ASCII, or a beginning of one with a `*` as its last character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let beginning = text.strip_suffix('*').unwrap_or(text);
        let ends_well =
            beginning.len() == text.len() || beginning.is_empty() || beginning.ends_with(['/', ':']);
        let plain =
            beginning.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b',' | b'*'));
        let fits = (1..=MAX_NAME).contains(&text.len());
        (ends_well && plain && fits).then(|| Self(text.into()))
    }

    /// A pattern that only this name matches; `None` for a name that can't be one.
    #[must_use]
    pub fn exactly(name: &str) -> Option<Self> {
        Self::parse(name).filter(Self::is_exact)
    }

    fn is_exact(&self) -> bool {
        !self.0.ends_with('*')
    }

    /// Whether a name is this one, or begins like this.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.strip_suffix('*').map_or(*self.0 == *name, |beginning| name.starts_with(beginning))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a token goes beyond a key's scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeyondScope {
    /// The agent is not one that the key signs for.
    Agent,
    /// The executor is not one that the key signs for.
    Audience,
    /// The token lives longer than the key may grant.
    Life,
}

impl fmt::Display for BeyondScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "the key that signed may not sign for this agent",
            Self::Audience => "the key that signed may not sign for this executor",
            Self::Life => "the key that signed may not sign tokens that live this long",
        })
    }
}

impl std::error::Error for BeyondScope {}

impl Scope {
    /// The scope of a key that speaks for one log or one executor; `None` for a name that can't be in a scope.
    #[must_use]
    pub fn of_one(name: &str) -> Option<Self> {
        let audiences = vec![Pattern::exactly(name)?];
        Some(Self { agents: vec![Pattern::any()], audiences, max_life: MAX_LIFE })
    }

    /// Whether it is for whatever agent, and for exactly one name.
    pub(super) fn is_of_one_name(&self) -> bool {
        self.agents == [Pattern::any()] && matches!(&*self.audiences, [name] if name.is_exact())
    }

    /// Whether it is for this log or executor.
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        self.names(name)
    }

    pub(super) fn names(&self, name: &str) -> bool {
        self.audiences.iter().any(|audience| audience.matches(name))
    }

    pub(crate) fn permits(&self, claims: &Claims) -> Result<(), BeyondScope> {
        if !self.agents.iter().any(|agent| agent.matches(claims.subject.as_str())) {
            return Err(BeyondScope::Agent);
        }
        if !self.names(claims.audience.executor()) {
            return Err(BeyondScope::Audience);
        }
        let life = claims.times.expires_at.since(claims.times.issued_at);
        if life > self.max_life { Err(BeyondScope::Life) } else { Ok(()) }
    }

    pub(super) fn read(value: &Value) -> Result<Self, ClaimFault> {
        let members = Members::inner(value, "cs_scope", &["agents", "audiences", "max_ttl"])?;
        let list = |name| members.list(name, Pattern::parse);
        let scope = Self {
            agents: list("agents")?,
            audiences: list("audiences")?,
            max_life: Duration::from_secs(members.number("max_ttl")?),
        };
        if scope.is_sound() { Ok(scope) } else { Err(ClaimFault::Wrong("cs_scope")) }
    }

    /// Whether it permits anything, and no longer life than any token may have.
    pub(super) fn is_sound(&self) -> bool {
        let whole = self.max_life.subsec_nanos() == 0 && !self.max_life.is_zero();
        whole && self.max_life <= MAX_LIFE && !self.agents.is_empty() && !self.audiences.is_empty()
    }

    pub(super) fn to_value(&self) -> Value {
        let list =
            |patterns: &[Pattern]| patterns.iter().map(|p| Value::from(p.as_str())).collect::<Vec<_>>();
        let object = Object::new()
            .with("agents", list(&self.agents))
            .with("audiences", list(&self.audiences))
            .with("max_ttl", self.max_life.as_secs());
        Value::from(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_its_beginning_up_to_a_separator() {
        let pattern = |text| Pattern::parse(text).unwrap();
        assert!(pattern("https://acme.example/*").matches("https://acme.example/k8s"));
        assert!(!pattern("https://acme.example/*").matches("https://acme.example.evil/k8s"));
        assert!(pattern("spiffe://a/7").matches("spiffe://a/7"));
        assert!(!pattern("spiffe://a/7").matches("spiffe://a/77"));
        assert!(Pattern::any().matches("anything"));
        for wrong in ["", "https://acme.example*", "a*b", "**", "a/**", "a b", "a,b", "ä"] {
            assert_eq!(Pattern::parse(wrong), None, "{wrong}");
        }
        assert!(Pattern::exactly("acme.example/sidecar").is_some());
        assert_eq!([Pattern::exactly("*"), Pattern::exactly("acme.example/*")], [None, None]);
    }
}
