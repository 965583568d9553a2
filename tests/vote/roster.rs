//! People for the tests: who holds which role, in which team.

use crate::people::person;
use countersign::escalation::requirement::{Membership, RoleName, TeamName};
use countersign::party::PersonId;
use countersign::token::Assurance;
use std::collections::{BTreeMap, BTreeSet};

/// Roles, lowest first; `min_role` goes by this order.
pub(crate) const ROLES: [&str; 4] = ["dev", "dba", "security", "security-lead"];

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Roster {
    pub(crate) roles: BTreeMap<PersonId, BTreeSet<String>>,
    pub(crate) teams: BTreeMap<PersonId, BTreeSet<String>>,
    pub(crate) accounts: BTreeMap<String, PersonId>,
    /// Who manages whom: the managed first.
    pub(crate) managers: BTreeMap<PersonId, PersonId>,
    /// Who is away, and who stands in for them.
    pub(crate) delegates: BTreeMap<PersonId, PersonId>,
    /// Who of them was known by no more than a session when they said so.
    pub(crate) unsure: BTreeSet<PersonId>,
}

impl Roster {
    /// A roster of these people and roles: `of(&[("ada", "dba security")])`.
    pub(crate) fn of(people: &[(&str, &str)]) -> Self {
        let mut roster = Self::default();
        for (name, roles) in people {
            roster.roles.insert(person(name), roles.split_whitespace().map(ToOwned::to_owned).collect());
        }
        roster
    }

    pub(crate) fn without(&self, name: &str) -> Self {
        let mut roster = self.clone();
        roster.roles.remove(&person(name));
        roster
    }
}

impl Membership for Roster {
    fn people(&self) -> Vec<PersonId> {
        self.roles.keys().cloned().collect()
    }

    fn holds(&self, person: &PersonId, role: &RoleName) -> bool {
        self.roles.get(person).is_some_and(|roles| roles.contains(role.as_str()))
    }

    fn belongs(&self, person: &PersonId, team: &TeamName) -> bool {
        self.teams.get(person).is_some_and(|teams| teams.contains(team.as_str()))
    }

    fn teams(&self, person: &PersonId) -> Vec<TeamName> {
        self.teams.get(person).into_iter().flatten().filter_map(|team| team.parse().ok()).collect()
    }

    fn manager(&self, person: &PersonId) -> Option<PersonId> {
        self.managers.get(person).cloned()
    }

    fn stood_in_for(&self, person: &PersonId, least: Assurance) -> Vec<PersonId> {
        let sure = |absent| least <= Assurance::Session || !self.unsure.contains(absent);
        let lent = self.delegates.iter().filter(|(absent, to)| *to == person && sure(*absent));
        lent.map(|(absent, _)| absent.clone()).collect()
    }

    fn knows(&self, person: &PersonId) -> bool {
        self.roles.contains_key(person)
    }

    fn known_as(&self, name: &str) -> Option<PersonId> {
        let account = self.accounts.get(name).cloned();
        account.or_else(|| self.roles.keys().find(|person| person.as_str() == name).cloned())
    }

    fn reaches(&self, person: &PersonId, least: &RoleName) -> bool {
        let rank = |role: &str| ROLES.iter().position(|known| *known == role);
        let Some(least) = rank(least.as_str()) else { return false };
        self.roles.get(person).is_some_and(|roles| roles.iter().any(|role| rank(role) >= Some(least)))
    }
}
