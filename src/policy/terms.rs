//! The terms of an escalation as a policy writes them: who must agree, who is asked later, and how long it takes.

use super::blocks::{assurance, name};
use super::keys::{DEFAULTS, ESCALATION, FURTHER, PARTY, STAGE};
use super::parse::{Node, Yaml};
use super::read::{Fields, expected, list, malformed, one_or_more, out_of_range, span, text, whole, word};
use super::source::{At, Fault, Problem};
use crate::escalation::requirement::{
    MAX_PEOPLE, Pool, Requirement, RequirementError, RoleName, Seat, TeamName,
};
use crate::escalation::{Channel, OnTimeout, Stage, Terms};
use crate::party::PersonId;
use crate::token::Assurance;
use core::time::Duration;

/// What an escalation has where it does not say otherwise.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pool: Option<Pool>,
    min_role: Option<RoleName>,
    assurance: Assurance,
    decide_within: Duration,
    min_review: Duration,
    claim_within: Duration,
    execute_within: Duration,
    on_timeout: OnTimeout,
    channels: Vec<Channel>,
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
            min_review: Duration::ZERO,
            claim_within: Duration::from_secs(10 * 60),
            execute_within: Duration::from_secs(5 * 60),
            on_timeout: OnTimeout::Deny,
            channels: Vec::new(),
        }
    }
}

/// `defaults:`
pub(super) fn defaults(node: &Node, roles: &[(RoleName, At)]) -> Result<Defaults, Fault> {
    let mut defaults = Defaults::default();
    defaults.read(&Fields::of(node, &DEFAULTS)?, roles)?;
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
        let nothing = Node { at, value: Yaml::Map(Vec::new()) };
        let node = node.unwrap_or(&nothing);
        let fields = Fields::of(node, &ESCALATION)?;
        let mut own = self.clone();
        own.read(&fields, roles)?;
        let requirement = own.party(&fields, node.at, approvals, roles, 1)?;
        check_type(&fields, &requirement)?;
        let mut decide_within = own.decide_within;
        let mut ladder = own.delegation(&fields, roles)?;
        // Escalating further is a last stage, which begins when the time of the others is over.
        if let Some(node) = fields.get("escalate_to") {
            let further = Fields::of(node, &FURTHER)?;
            let requirement = own.clone_without_pool().party(&further, node.at, 1, roles, 1)?;
            ladder.push(Stage { after: decide_within, requirement });
            decide_within += within(further.required("timeout")?, THIRTY_DAYS, "at most `30d`")?;
        }
        self.check_ladder(node, &requirement, &ladder)?;
        if own.min_review >= decide_within {
            let at = fields.get("min_review").map_or(node.at, |node| node.at);
            return Err(Fault::new(
                at,
                Problem::StageAfterTimeout(shown(own.min_review), shown(decide_within)),
            ));
        }
        Ok(Terms {
            ladder,
            on_timeout: own.on_timeout,
            channels: own.channels,
            decide_within,
            min_review: own.min_review,
            claim_within: own.claim_within,
            execute_within: own.execute_within,
            ..Terms::new(requirement)
        })
    }

    fn clone_without_pool(&self) -> Self {
        Self { pool: None, min_role: None, ..self.clone() }
    }

    /// One requirement: a pool with a number, `all_of`, or `any_of`.
    fn party(
        &self,
        fields: &Fields<'_>,
        at: At,
        approvals: usize,
        roles: &[(RoleName, At)],
        depth: usize,
    ) -> Result<Requirement, Fault> {
        let mut own = self.clone();
        own.seat_fields(fields, roles)?;
        let (all, any) = (fields.get("all_of"), fields.get("any_of"));
        if let Some(node) = fields.get("min_approvals")
            && any.is_none()
        {
            return Err(Fault::new(node.at, Problem::NeedsBeside("min_approvals", "any_of")));
        }
        let parties = all.or(any);
        if let Some(parties) = parties {
            for key in ["approvals", "reviewers", "min_role"] {
                if let Some(node) = fields.key(key) {
                    return Err(Fault::new(node.at, Problem::NotBeside(key, "all_of` or `any_of")));
                }
            }
            if let (Some(_), Some(node)) = (all, fields.key("any_of")) {
                return Err(Fault::new(node.at, Problem::NotBeside("any_of", "all_of")));
            }
            let wrong = |error| Fault::new(parties.at, Problem::Requirement(error));
            if depth >= crate::escalation::requirement::MAX_DEPTH {
                return Err(wrong(RequirementError::TooLarge));
            }
            // Each part says itself who may fill it.
            let parts = own.clone_without_pool();
            let parts: Result<Vec<_>, Fault> =
                list(parties)?.iter().map(|node| parts.part(node, roles, depth + 1)).collect();
            let least = fields.read("min_approvals", whole::<usize>)?.unwrap_or(1);
            let joined = match all {
                Some(_) => Requirement::all(parts?),
                None => Requirement::any(least, parts?),
            };
            return joined.map_err(wrong);
        }
        let (people, at) = match fields.get("approvals") {
            None => (approvals, at),
            Some(node) => {
                let people = whole::<usize>(node)?;
                if !(1..=MAX_PEOPLE).contains(&people) {
                    return Err(out_of_range(node, "from 1 to 32 approvals"));
                }
                (people, node.at)
            }
        };
        let pool = own.pool.ok_or_else(|| Fault::new(at, Problem::NoReviewers))?;
        let too_small = Problem::PoolTooSmall { approvals: people, people: pool.people().len() };
        let seat = Seat::new(pool, people, own.assurance).map_err(|_| Fault::new(at, too_small))?;
        Ok(Requirement::seat(match own.min_role {
            Some(role) => seat.at_least(role),
            None => seat,
        }))
    }

    /// A part of `all_of` or `any_of`: `role:dba`, or a mapping.
    fn part(&self, node: &Node, roles: &[(RoleName, At)], depth: usize) -> Result<Requirement, Fault> {
        match &node.value {
            Yaml::Map(entries) if !is_member(entries) => {
                self.party(&Fields::of(node, &PARTY)?, node.at, 1, roles, depth)
            }
            Yaml::Map(_) | Yaml::Text(_) => {
                let seat = Seat::new(pool(node, roles)?, 1, self.assurance);
                let seat = seat.map_err(|error| Fault::new(node.at, Problem::Requirement(error)))?;
                Ok(Requirement::seat(seat))
            }
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) => {
                Err(expected(node, "`role:…`, `user:…`, `team:…`, or a mapping"))
            }
        }
    }

    /// `delegation:`, who may agree instead after a while.
    fn delegation(&self, fields: &Fields<'_>, roles: &[(RoleName, At)]) -> Result<Vec<Stage>, Fault> {
        let Some(node) = fields.get("delegation") else { return Ok(Vec::new()) };
        let mut stages: Vec<Stage> = Vec::new();
        for node in list(node)? {
            let stage = Fields::of(node, &STAGE)?;
            let begins = stage.required("after")?;
            let after = within(begins, THIRTY_DAYS, "at most `30d`")?;
            if stages.last().is_some_and(|before| before.after >= after) {
                return Err(Fault::new(begins.at, Problem::NotRising("after", "the stage before it")));
            }
            if after >= self.decide_within {
                return Err(Fault::new(
                    begins.at,
                    Problem::StageAfterTimeout(shown(after), shown(self.decide_within)),
                ));
            }
            let requirement = self.clone_without_pool().party(&stage, node.at, 1, roles, 1)?;
            stages.push(Stage { after, requirement });
        }
        Ok(stages)
    }

    /// All stages together are one requirement, and that has its bounds.
    fn check_ladder(&self, node: &Node, requirement: &Requirement, ladder: &[Stage]) -> Result<(), Fault> {
        let all = core::iter::once(requirement).chain(ladder.iter().map(|stage| &stage.requirement));
        let wrong = |error| Fault::new(node.at, Problem::Requirement(error));
        Requirement::any(1, all.cloned().collect()).map(drop).map_err(wrong)
    }

    /// What a seat has: reviewers, a least role, an assurance.
    fn seat_fields(&mut self, fields: &Fields<'_>, roles: &[(RoleName, At)]) -> Result<(), Fault> {
        if let Some(node) = fields.get("reviewers") {
            self.pool = Some(pool(node, roles)?);
        }
        if let Some(node) = fields.get("min_role") {
            let role = name(node, text(node)?)?;
            declared(node, &role, roles)?;
            self.min_role = Some(role);
        }
        fields.set("assurance", &mut self.assurance, assurance)
    }

    fn read(&mut self, fields: &Fields<'_>, roles: &[(RoleName, At)]) -> Result<(), Fault> {
        self.seat_fields(fields, roles)?;
        fields.set("timeout", &mut self.decide_within, |node| within(node, THIRTY_DAYS, "at most `30d`"))?;
        fields.set("min_review", &mut self.min_review, |node| within(node, A_DAY, "at most `1d`"))?;
        fields.set("claim_within", &mut self.claim_within, |node| within(node, A_DAY, "at most `1d`"))?;
        fields
            .set("execute_within", &mut self.execute_within, |node| within(node, AN_HOUR, "at most `1h`"))?;
        fields.set("channels", &mut self.channels, |node| one_or_more(node, channel))?;
        let Some(node) = fields.get("timeout_action") else {
            return match fields.key("escalate_to") {
                Some(key) => {
                    Err(Fault::new(key.at, Problem::NeedsBeside("escalate_to", "timeout_action: escalate")))
                }
                None => Ok(()),
            };
        };
        let words = || ["deny", "escalate", "allow"].map(str::to_owned).to_vec();
        match (word(node, TimeoutAction::parse, words)?, fields.key("escalate_to")) {
            (TimeoutAction::Escalate, None) => {
                Err(Fault::new(node.at, Problem::NeedsBeside("timeout_action: escalate", "escalate_to")))
            }
            (TimeoutAction::Deny | TimeoutAction::Allow, Some(key)) => {
                Err(Fault::new(key.at, Problem::NeedsBeside("escalate_to", "timeout_action: escalate")))
            }
            (TimeoutAction::Deny, None) | (TimeoutAction::Escalate, Some(_)) => {
                self.on_timeout = OnTimeout::Deny;
                Ok(())
            }
            (TimeoutAction::Allow, None) => {
                self.on_timeout = OnTimeout::Allow;
                Ok(())
            }
        }
    }
}

#[derive(Clone, Copy)]
enum TimeoutAction {
    Deny,
    Escalate,
    Allow,
}

impl TimeoutAction {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "deny" => Some(Self::Deny),
            "escalate" => Some(Self::Escalate),
            "allow" => Some(Self::Allow),
            _ => None,
        }
    }
}

/// `type:`, which says again what the rest says, so that a slip is noticed: a `multi_party` of one is none.
fn check_type(fields: &Fields<'_>, requirement: &Requirement) -> Result<(), Fault> {
    let Some(node) = fields.get("type") else { return Ok(()) };
    const NAMES: [&str; 5] = ["single", "multi_party", "all_of", "any_of", "min_role"];
    let name = word(
        node,
        |text| NAMES.into_iter().find(|name| *name == text.replace('-', "_")),
        || NAMES.map(str::to_owned).to_vec(),
    )?;
    let holds = match name {
        "single" => requirement.people() == 1 && fields.get("all_of").is_none(),
        "multi_party" => requirement.people() > 1,
        key => fields.get(key).is_some(),
    };
    if holds { Ok(()) } else { Err(Fault::new(node.at, Problem::OtherType(name))) }
}

/// Where people are told.
pub(crate) fn channel(node: &Node) -> Result<Channel, Fault> {
    let text = text(node)?;
    const FORM: &str =
        "`slack`, `email`, `sms`, `push`, `webhook` or `console`, with or without `:` and which one";
    Channel::parse(text).ok_or_else(|| malformed(node, text, FORM))
}

fn shown(span: Duration) -> String {
    crate::risk::span::Span::of(span).to_string()
}

/// Whether a mapping is what YAML makes of `role: oncall`.
fn is_member(entries: &[(Node, Node)]) -> bool {
    matches!(entries, [(Node { value: Yaml::Text(key), .. }, _)] if ["user", "role", "team"].contains(&key.as_str()))
}

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
