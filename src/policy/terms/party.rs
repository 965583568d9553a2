//! A party: who must agree, as a pool with a number, or as parts of which all or some must be fulfilled.

use super::Defaults;
use crate::escalation::requirement::{
    MAX_DEPTH, MAX_PEOPLE, Pool, Requirement, RequirementError, RoleName, Seat, TeamName,
};
use crate::party::PersonId;
use crate::policy::blocks::{assurance, name};
use crate::policy::keys::PARTY;
use crate::policy::parse::{Node, Yaml};
use crate::policy::read::{Fields, expected, list, malformed, one_or_more, out_of_range, text, whole};
use crate::policy::source::{At, Fault, Problem};

impl Defaults {
    /// The party of a block that says itself who is in it.
    pub(super) fn other_party(
        &self,
        fields: &Fields<'_>,
        at: At,
        roles: &[(RoleName, At)],
    ) -> Result<Requirement, Fault> {
        self.clone_without_pool().party(fields, at, 1, roles, 1)
    }

    fn clone_without_pool(&self) -> Self {
        Self { pool: None, min_role: None, ..self.clone() }
    }

    /// One requirement: a pool with a number, `all_of`, or `any_of`.
    pub(super) fn party(
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
            if depth >= MAX_DEPTH {
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

    /// What a seat has: reviewers, a least role, an assurance.
    pub(super) fn seat_fields(&mut self, fields: &Fields<'_>, roles: &[(RoleName, At)]) -> Result<(), Fault> {
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
}

/// Whether a mapping is what YAML makes of `role: oncall`.
fn is_member(entries: &[(Node, Node)]) -> bool {
    matches!(entries, [(Node { value: Yaml::Text(key), .. }, _)] if ["user", "role", "team"].contains(&key.as_str()))
}

/// `reviewers:`, a list of `user:…`, `role:…` and `team:…`, with or without a space after the colon.
pub(super) fn pool(node: &Node, roles: &[(RoleName, At)]) -> Result<Pool, Fault> {
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
