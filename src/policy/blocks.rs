//! The blocks of a policy: risk, classify, resources, floors, defaults and escalation.

use super::document::level;
use super::outcome::Terms;
use super::parse::{Node, Yaml};
use super::read::{
    Fields, expected, list, malformed, one_or_more, out_of_range, sentence, span, text, truth, whole, word,
};
use super::source::{At, Fault, Problem};
use crate::escalation::requirement::{Pool, Requirement, RoleName, Seat, TeamName};
use crate::party::PersonId;
use crate::risk::catalog::{Class, Declaration};
use crate::risk::pattern::Glob;
use crate::risk::{Environment, Floor, Kind, Scope, Sensitivity, Situation};
use crate::token::Assurance;
use core::str::FromStr;
use core::time::Duration;

const CLASS: &[&str] = &["action", "kind", "irreversible"];
const DECLARATION: &[&str] = &["resource", "environment", "sensitivity"];
const FLOOR: &[&str] = &["name", "match", "level"];
const SITUATION: &[&str] =
    &["action", "resource", "environment", "kind", "sensitivity", "scope", "irreversible", "cost_over"];
const DEFAULTS: &[&str] =
    &["reviewers", "min_role", "assurance", "timeout", "timeout_action", "claim_within", "execute_within"];
const ESCALATION: &[&str] = &[
    "approvals",
    "reviewers",
    "min_role",
    "assurance",
    "timeout",
    "timeout_action",
    "claim_within",
    "execute_within",
];

/// A pattern.
pub(super) fn glob(node: &Node) -> Result<Glob, Fault> {
    let text = text(node)?;
    Glob::new(text).ok_or_else(|| malformed(node, text, "a pattern of 1 to 512 bytes"))
}

/// The name of a person, role or team.
pub(super) fn name<T: FromStr>(node: &Node, text: &str) -> Result<T, Fault> {
    const FORM: &str = "a name: printable ASCII without space, quote, backslash and comma";
    text.parse().map_err(|_| malformed(node, text, FORM))
}

/// The words of a closed set, for hints.
macro_rules! one_of {
    ($name:ident, $type:ident) => {
        fn $name(node: &Node) -> Result<$type, Fault> {
            word(node, $type::parse, || $type::ALL.iter().map(ToString::to_string).collect())
        }
    };
}

one_of!(kind, Kind);
one_of!(sensitivity, Sensitivity);
one_of!(scope, Scope);
one_of!(assurance, Assurance);

/// An environment.
pub(super) fn environment(node: &Node) -> Result<Environment, Fault> {
    word(node, Environment::parse, || Environment::ALL.iter().map(ToString::to_string).collect())
}

/// The part of a match that floors and rules share.
pub(super) fn situation(fields: &Fields<'_>) -> Result<Situation, Fault> {
    Ok(Situation {
        action: fields.read("action", |node| one_or_more(node, glob))?.unwrap_or_default(),
        resource: fields.read("resource", |node| one_or_more(node, glob))?.unwrap_or_default(),
        kind: fields.read("kind", |node| one_or_more(node, kind))?.unwrap_or_default(),
        environment: fields.read("environment", |node| one_or_more(node, environment))?.unwrap_or_default(),
        sensitivity: fields.read("sensitivity", |node| one_or_more(node, sensitivity))?.unwrap_or_default(),
        scope: fields.read("scope", |node| one_or_more(node, scope))?.unwrap_or_default(),
        irreversible: fields.read("irreversible", truth)?,
        cost_over: fields.read("cost_over", whole)?,
    })
}

/// `classify:`
pub(super) fn classes(node: &Node) -> Result<Vec<Class>, Fault> {
    let mut classes = Vec::new();
    for node in list(node)? {
        let fields = Fields::of(node, CLASS)?;
        let kind = kind(fields.required("kind")?)?;
        let irreversible = fields.read("irreversible", truth)?.unwrap_or_default();
        for action in one_or_more(fields.required("action")?, glob)? {
            classes.push(Class { action, kind, irreversible });
        }
    }
    Ok(classes)
}

/// `resources:`
pub(super) fn declarations(node: &Node) -> Result<Vec<Declaration>, Fault> {
    let mut declarations = Vec::new();
    for node in list(node)? {
        let fields = Fields::of(node, DECLARATION)?;
        let environment = fields.read("environment", environment)?;
        let sensitivity = fields.read("sensitivity", sensitivity)?;
        if environment.is_none() && sensitivity.is_none() {
            return Err(Fault::new(node.at, Problem::MissingEither("environment", "sensitivity")));
        }
        for resource in one_or_more(fields.required("resource")?, glob)? {
            declarations.push(Declaration { resource, environment, sensitivity });
        }
    }
    Ok(declarations)
}

/// `floors:`
pub(super) fn floors(node: &Node) -> Result<Vec<Floor>, Fault> {
    let read = |node| {
        let fields = Fields::of(node, FLOOR)?;
        Ok(Floor {
            name: sentence(fields.required("name")?)?.into(),
            situation: situation(&Fields::of(fields.required("match")?, SITUATION)?)?,
            level: level(fields.required("level")?)?,
        })
    };
    list(node)?.iter().map(read).collect()
}

/// What an escalation has where it does not say otherwise.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pool: Option<Pool>,
    min_role: Option<RoleName>,
    assurance: Assurance,
    decide_within: Duration,
    claim_within: Duration,
    execute_within: Duration,
}

impl Default for Defaults {
    /// No reviewers; votes signed by the reviewer's own key; half an hour to decide, ten minutes to collect, five
    /// to execute.
    fn default() -> Self {
        Self {
            pool: None,
            min_role: None,
            assurance: Assurance::Signed,
            decide_within: Duration::from_secs(30 * 60),
            claim_within: Duration::from_secs(10 * 60),
            execute_within: Duration::from_secs(5 * 60),
        }
    }
}

/// `defaults:`
pub(super) fn defaults(node: &Node, roles: &[(RoleName, At)]) -> Result<Defaults, Fault> {
    let mut defaults = Defaults::default();
    defaults.read(&Fields::of(node, DEFAULTS)?, roles)?;
    Ok(defaults)
}

impl Defaults {
    /// The terms of an `escalation:` block, or of none.
    pub(super) fn terms(
        &self,
        node: Option<&Node>,
        approvals: usize,
        at: At,
        roles: &[(RoleName, At)],
    ) -> Result<Terms, Fault> {
        let mut own = self.clone();
        let (mut people, mut at) = (approvals, at);
        if let Some(node) = node {
            let fields = Fields::of(node, ESCALATION)?;
            own.read(&fields, roles)?;
            if let Some(node) = fields.get("approvals") {
                people = whole::<usize>(node)?;
                at = node.at;
                if !(1..=MAX_APPROVALS).contains(&people) {
                    return Err(out_of_range(node, "from 1 to 32 approvals"));
                }
            } else {
                at = node.at;
            }
        }
        let pool = own.pool.ok_or_else(|| Fault::new(at, Problem::NoReviewers))?;
        let too_small = Problem::PoolTooSmall { approvals: people, people: pool.people().len() };
        let seat = Seat::new(pool, people, own.assurance).map_err(|_| Fault::new(at, too_small))?;
        let seat = match own.min_role {
            Some(role) => seat.at_least(role),
            None => seat,
        };
        Ok(Terms {
            requirement: Requirement::seat(seat),
            conditions: Vec::new(),
            decide_within: own.decide_within,
            claim_within: own.claim_within,
            execute_within: own.execute_within,
        })
    }

    fn read(&mut self, fields: &Fields<'_>, roles: &[(RoleName, At)]) -> Result<(), Fault> {
        if let Some(node) = fields.get("reviewers") {
            self.pool = Some(pool(node, roles)?);
        }
        if let Some(node) = fields.get("min_role") {
            let role = name(node, text(node)?)?;
            declared(node, &role, roles)?;
            self.min_role = Some(role);
        }
        fields.set("assurance", &mut self.assurance, assurance)?;
        fields.set("timeout", &mut self.decide_within, |node| within(node, THIRTY_DAYS, "at most `30d`"))?;
        fields.set("claim_within", &mut self.claim_within, |node| within(node, A_DAY, "at most `1d`"))?;
        fields
            .set("execute_within", &mut self.execute_within, |node| within(node, AN_HOUR, "at most `1h`"))?;
        // There is one way to time out so far. It can be written down, so that readers need not know that.
        fields.read("timeout_action", |node| {
            word(node, |text| (text == "deny").then_some(()), || vec!["deny".to_owned()])
        })?;
        Ok(())
    }
}

/// As many as a requirement can ask for.
const MAX_APPROVALS: usize = crate::escalation::requirement::MAX_PEOPLE;
const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60;
const A_DAY: u64 = 24 * 60 * 60;
/// TOKEN §3: a token lives an hour at most.
const AN_HOUR: u64 = 60 * 60;

fn within(node: &Node, longest: u64, range: &'static str) -> Result<Duration, Fault> {
    let span = span(node)?;
    if span.as_seconds() > longest { Err(out_of_range(node, range)) } else { Ok(span.duration()) }
}

/// `reviewers:`, a list of `user:…`, `role:…` and `team:…`, with or without a space after the colon.
fn pool(node: &Node, roles: &[(RoleName, At)]) -> Result<Pool, Fault> {
    let (mut people, mut held, mut teams) = (Vec::new(), Vec::new(), Vec::new());
    for (node, group, member) in one_or_more(node, member)? {
        match group {
            "user" => people.push(PersonId::new(member).map_err(|_| malformed(node, member, MEMBER))?),
            "role" => {
                let role = name(node, member)?;
                declared(node, &role, roles)?;
                held.push(role);
            }
            "team" => teams.push(name::<TeamName>(node, member)?),
            other => return Err(malformed(node, &format!("{other}:{member}"), MEMBER)),
        }
    }
    Pool::new(people, held, teams).map_err(|_| Fault::new(node.at, Problem::EmptyList))
}

const MEMBER: &str = "`user:…`, `role:…` or `team:…`";

/// `role:oncall`, or with a space the mapping that YAML makes of it.
fn member(node: &Node) -> Result<(&Node, &str, &str), Fault> {
    if let Yaml::Map(entries) = &node.value {
        return match entries.as_slice() {
            [(group, member)] => Ok((member, text(group)?, text(member)?)),
            _ => Err(expected(node, MEMBER)),
        };
    }
    let text = text(node)?;
    let (group, member) = text.split_once(':').ok_or_else(|| malformed(node, text, MEMBER))?;
    Ok((node, group, member))
}

/// Where the policy lists its roles, it uses no other.
fn declared(node: &Node, role: &RoleName, roles: &[(RoleName, At)]) -> Result<(), Fault> {
    if roles.is_empty() || roles.iter().any(|(declared, _)| declared == role) {
        return Ok(());
    }
    let known = roles.iter().map(|(role, _)| role.to_string()).collect();
    Err(Fault::new(node.at, Problem::Undeclared("role", role.to_string(), known)))
}
