//! Floors: rules that lift a risk level whatever the sum says (R4), and the situations they look for.

use super::facts::{Environment, Facts, Kind, Scope, Sensitivity};
use super::pattern::{Glob, Named};
use super::score::Level;

/// What is done, to what: the two names that patterns look at.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The action.
    pub action: Named<'a>,
    /// The resource.
    pub resource: Named<'a>,
}

impl<'a> Subject<'a> {
    /// Prepares the two names.
    #[must_use]
    pub fn new(action: &'a str, resource: &'a str) -> Self {
        Self { action: Named::new(action), resource: Named::new(resource) }
    }
}

/// How strictly names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// As written: for what widens authority.
    Exact,
    /// Whatever the case: for what narrows it, so that `Vault/x` is no way around a rule about `vault/*`.
    Any,
}

/// A description of operations. An empty list, and `None`, is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// Patterns of the action.
    pub action: Vec<Glob>,
    /// Patterns of the resource.
    pub resource: Vec<Glob>,
    /// Kinds.
    pub kind: Vec<Kind>,
    /// Environments.
    pub environment: Vec<Environment>,
    /// Sensitivities.
    pub sensitivity: Vec<Sensitivity>,
    /// Scopes.
    pub scope: Vec<Scope>,
    /// Whether it can be undone.
    pub irreversible: Option<bool>,
    /// It costs more than this.
    pub cost_over: Option<u64>,
}

impl Situation {
    /// Whether the operation is as described.
    #[must_use]
    pub fn describes(&self, subject: &Subject<'_>, facts: &Facts, case: Case) -> bool {
        among(&self.kind, facts.kind.value)
            && among(&self.environment, facts.environment.value)
            && among(&self.sensitivity, facts.sensitivity.value)
            && among(&self.scope, facts.scope.value)
            && self.irreversible.is_none_or(|wanted| wanted == facts.irreversible.value)
            && self.cost_over.is_none_or(|over| facts.cost.value.is_some_and(|cost| cost > over))
            && named(&self.action, &subject.action, case)
            && named(&self.resource, &subject.resource, case)
    }
}

fn among<T: PartialEq + Copy>(wanted: &[T], value: T) -> bool {
    wanted.is_empty() || wanted.contains(&value)
}

/// Whether one of the patterns, if there are any, matches.
pub(crate) fn named(patterns: &[Glob], name: &Named<'_>, case: Case) -> bool {
    let matches = |glob: &Glob| match case {
        Case::Exact => glob.matches(name.exact),
        Case::Any => glob.matches_any_case(&name.lower),
    };
    patterns.is_empty() || patterns.iter().any(matches)
}

/// A rule that lifts the level of what it describes to at least `level`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Its name, for reasons.
    pub name: Box<str>,
    /// What it applies to.
    pub situation: Situation,
    /// The least level of such an operation.
    pub level: Level,
}

impl Floor {
    /// The floors that hold unless a policy switches them off in so many words.
    ///
    /// Without them a bulk delete of production customer data scores as medium, nothing ever reaches critical,
    /// and an action that the policy does not know could score as low (R4, D6).
    #[must_use]
    pub fn standard() -> Vec<Self> {
        let floor = |name: &str, level, situation| Self { name: name.into(), situation, level };
        let production = || Situation { environment: vec![Environment::Production], ..Situation::default() };
        vec![
            floor(
                "wildcard-delete-in-production",
                Level::Critical,
                Situation { kind: vec![Kind::Delete], scope: vec![Scope::Everything], ..production() },
            ),
            floor(
                "destructive-on-sensitive-production-data",
                Level::High,
                Situation {
                    kind: vec![Kind::Delete, Kind::Admin],
                    sensitivity: vec![Sensitivity::Sensitive],
                    ..production()
                },
            ),
            floor(
                "irreversible-on-sensitive-production-data",
                Level::High,
                Situation {
                    irreversible: Some(true),
                    sensitivity: vec![Sensitivity::Sensitive],
                    ..production()
                },
            ),
            floor(
                "unreadable-delete-in-production",
                Level::High,
                Situation { kind: vec![Kind::Delete], scope: vec![Scope::Unknown], ..production() },
            ),
            floor(
                "action-unknown-to-the-policy",
                Level::Medium,
                Situation { kind: vec![Kind::Unknown], ..Situation::default() },
            ),
        ]
    }
}
