//! Floors: rules that lift a risk level whatever the sum says (R4), and the situations they look for.

use super::facts::{Environment, Facts, Kind, Scope, Sensitivity};
use super::pattern::{Glob, Named};
use super::score::Level;
use crate::classify::Why;
use crate::names::names;

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
    /// It costs more than this, together with what the agent did like it lately.
    pub cost_over: Option<u64>,
    /// It touches more rows than this, together with what the agent did like it lately.
    pub rows_over: Option<u64>,
    /// It touches more objects than this, together with what the agent did like it lately.
    pub objects_over: Option<u64>,
    /// Whether others depend on the resource.
    pub critical: Option<bool>,
    /// Whether everything in the payload was understood.
    pub understood: Option<bool>,
    /// Something in the payload is in doubt for one of these reasons.
    pub doubt: Vec<Why>,
    /// Whether the agent never did this before.
    pub new_action: Option<bool>,
    /// Whether the agent never did anything to this family of resources before.
    pub new_resource: Option<bool>,
    /// Whether the agent never did anything in this environment before.
    pub new_environment: Option<bool>,
}

impl Situation {
    /// Whether the operation is as described.
    #[must_use]
    pub fn describes(&self, subject: &Subject<'_>, facts: &Facts, case: Case) -> bool {
        self.differs(subject, facts, case).is_none()
    }

    /// The first part in which the operation is not as described.
    #[must_use]
    pub fn differs(&self, subject: &Subject<'_>, facts: &Facts, case: Case) -> Option<Part> {
        let doubted = |why: &[Why]| facts.doubts.iter().any(|doubt| why.contains(&doubt.why));
        let parts = [
            (Part::Kind, among(&self.kind, facts.kind.value)),
            (Part::Environment, among(&self.environment, facts.environment.value)),
            (Part::Sensitivity, among(&self.sensitivity, facts.sensitivity.value)),
            (Part::Scope, among(&self.scope, facts.scope.value)),
            (Part::Irreversible, is(self.irreversible, facts.irreversible.value)),
            (Part::CostOver, over(self.cost_over, facts.cost.value.unwrap_or_default(), facts.recent.cost)),
            (Part::RowsOver, over(self.rows_over, facts.touched.rows, facts.recent.rows)),
            (Part::ObjectsOver, over(self.objects_over, facts.touched.objects, facts.recent.objects)),
            (Part::Critical, is(self.critical, facts.critical.is_some())),
            (Part::Understood, is(self.understood, facts.doubts.is_empty())),
            (Part::Doubt, self.doubt.is_empty() || doubted(&self.doubt)),
            (Part::NewAction, is(self.new_action, facts.new.action)),
            (Part::NewResource, is(self.new_resource, facts.new.resource)),
            (Part::NewEnvironment, is(self.new_environment, facts.new.environment)),
        ];
        let unlike = parts.into_iter().find(|(_, alike)| !alike).map(|(part, _)| part);
        // Patterns cost most, so they come last.
        unlike
            .or_else(|| (!named(&self.action, &subject.action, case)).then_some(Part::Action))
            .or_else(|| (!named(&self.resource, &subject.resource, case)).then_some(Part::Resource))
    }
}

names! {
    /// A part of a description, by the key that it has in a policy.
    Part {
        /// The action.
        Action = "action",
        /// The resource.
        Resource = "resource",
        /// The kind.
        Kind = "kind",
        /// The environment.
        Environment = "environment",
        /// The sensitivity.
        Sensitivity = "sensitivity",
        /// The scope.
        Scope = "scope",
        /// Whether it can be undone.
        Irreversible = "irreversible",
        /// The cost.
        CostOver = "cost_over",
        /// The rows.
        RowsOver = "rows_over",
        /// The objects.
        ObjectsOver = "objects_over",
        /// Whether others depend on the resource.
        Critical = "critical",
        /// Whether the payload was understood.
        Understood = "understood",
        /// Why it was not.
        Doubt = "doubt",
        /// Whether the action is new.
        NewAction = "new_action",
        /// Whether the family of resources is.
        NewResource = "new_resource",
        /// Whether the environment is.
        NewEnvironment = "new_environment",
    }
}

/// Whether an amount is beyond what is wanted, by itself or together with what was like it lately.
fn over(wanted: Option<u64>, own: u64, together: u64) -> bool {
    wanted.is_none_or(|over| own.max(together) > over)
}

fn is(wanted: Option<bool>, value: bool) -> bool {
    wanted.is_none_or(|wanted| wanted == value)
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
            floor(
                "payload-not-understood",
                Level::Medium,
                Situation { understood: Some(false), ..Situation::default() },
            ),
            floor(
                "payload-disguised",
                Level::High,
                Situation { doubt: vec![Why::Disguised, Why::Encoded], ..Situation::default() },
            ),
        ]
    }
}
