//! The people that a seat may be filled from: named one by one, by role and by team.

use crate::party::PersonId;
use crate::token::Assurance;
use core::fmt;
use core::str::FromStr;
use std::collections::BTreeSet;

use super::RequirementError;

/// Why a text is not the name of a role or team: as for a person's name.
pub type NotAGroup = crate::party::NotAName;

/// A role or a team: something that people belong to.
pub trait Group: Ord {
    /// Its name.
    fn as_str(&self) -> &str;
}

macro_rules! group {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// It is written as a person's name is: printable ASCII without space, quote, backslash and comma.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Group for $name {
            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAGroup;

            fn from_str(text: &str) -> Result<Self, NotAGroup> {
                PersonId::new(text).map(|name| Self(name.as_str().into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAGroup;

            fn try_from(text: String) -> Result<Self, NotAGroup> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

group! {
    /// A role that people hold, such as `security-lead`.
    RoleName
}
group! {
    /// A team that people belong to, such as `platform`.
    TeamName
}

/// What a requirement has to know about people; the directory of reviewers tells it.
pub trait Membership {
    /// Everyone who may review at all, each person once.
    fn people(&self) -> Vec<PersonId>;
    /// Whether this person holds this very role.
    fn holds(&self, person: &PersonId, role: &RoleName) -> bool;
    /// Whether this person belongs to this team.
    fn belongs(&self, person: &PersonId, team: &TeamName) -> bool;
    /// Whether a role of this person is `least` or above it in the declared order of roles.
    fn reaches(&self, person: &PersonId, least: &RoleName) -> bool;
    /// Who goes by this name: their id, or any account or address of theirs. So nobody votes on what they asked for
    /// under another name (E2).
    fn known_as(&self, name: &str) -> Option<PersonId>;

    /// The teams that this person belongs to.
    fn teams(&self, person: &PersonId) -> Vec<TeamName>;
    /// Who manages this person, where that is known.
    fn manager(&self, person: &PersonId) -> Option<PersonId>;
    /// Those who are away now and for whom this person stands in: one step, never a chain of them. Each absent person
    /// has one who stands in; where two claim to, neither does.
    /// Of those who said so themselves only those count who were known as surely as `least` when they did: what a seat
    /// asks of a vote it asks of whoever lends it as well.
    fn stood_in_for(&self, person: &PersonId, least: Assurance) -> Vec<PersonId>;

    /// Whether this person may review at all.
    fn knows(&self, person: &PersonId) -> bool {
        self.people().contains(person)
    }
}

/// The people that a seat may be filled from. It always names someone, or everyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    pub(super) everyone: bool,
    pub(super) people: BTreeSet<PersonId>,
    pub(super) roles: BTreeSet<RoleName>,
    pub(super) teams: BTreeSet<TeamName>,
}

impl Pool {
    /// The people who are named, hold one of the roles or belong to one of the teams.
    ///
    /// # Errors
    /// [`RequirementError::EmptyPool`] where nothing is named.
    pub fn new(
        people: impl IntoIterator<Item = PersonId>,
        roles: impl IntoIterator<Item = RoleName>,
        teams: impl IntoIterator<Item = TeamName>,
    ) -> Result<Self, RequirementError> {
        let pool = Self {
            everyone: false,
            people: people.into_iter().collect(),
            roles: roles.into_iter().collect(),
            teams: teams.into_iter().collect(),
        };
        let empty = pool.people.is_empty() && pool.roles.is_empty() && pool.teams.is_empty();
        if empty { Err(RequirementError::EmptyPool) } else { Ok(pool) }
    }

    /// Everyone who may review at all.
    #[must_use]
    pub const fn everyone() -> Self {
        Self { everyone: true, people: BTreeSet::new(), roles: BTreeSet::new(), teams: BTreeSet::new() }
    }

    /// The people who are named one by one.
    #[must_use]
    pub const fn people(&self) -> &BTreeSet<PersonId> {
        &self.people
    }

    /// The roles.
    #[must_use]
    pub const fn roles(&self) -> &BTreeSet<RoleName> {
        &self.roles
    }

    /// The teams.
    #[must_use]
    pub const fn teams(&self) -> &BTreeSet<TeamName> {
        &self.teams
    }

    /// Whether this person is in the pool. Whoever may not review at all is in none.
    #[must_use]
    pub fn admits(&self, person: &PersonId, membership: &dyn Membership) -> bool {
        membership.knows(person)
            && (self.everyone
                || self.names(person, membership)
                || self.roles.iter().any(|role| membership.holds(person, role)))
    }

    /// Whether it names this person or a team of theirs.
    pub(super) fn names(&self, person: &PersonId, membership: &dyn Membership) -> bool {
        self.people.contains(person) || self.teams.iter().any(|team| membership.belongs(person, team))
    }

    /// The most people that it can hold by what it says, where it says so.
    pub(super) fn most(&self) -> Option<usize> {
        let closed = !self.everyone && self.roles.is_empty() && self.teams.is_empty();
        closed.then_some(self.people.len())
    }

    /// The one role or team that makes up the whole pool.
    pub(super) fn only_group(&self) -> Option<&str> {
        let mut groups =
            self.roles.iter().map(RoleName::as_str).chain(self.teams.iter().map(TeamName::as_str));
        match (groups.next(), groups.next(), self.people.is_empty()) {
            (Some(only), None, true) => Some(only),
            _ => None,
        }
    }
}

/// In words: `ada, bob, role dba or team platform`.
impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.everyone {
            return f.write_str("all reviewers");
        }
        let mut names: Vec<String> = self.people.iter().map(ToString::to_string).collect();
        names.extend(self.roles.iter().map(|role| format!("role {role}")));
        names.extend(self.teams.iter().map(|team| format!("team {team}")));
        match names.split_last() {
            Some((last, [])) => f.write_str(last),
            Some((last, others)) => write!(f, "{} or {last}", others.join(", ")),
            None => Ok(()),
        }
    }
}
