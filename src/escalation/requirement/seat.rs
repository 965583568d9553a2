//! A seat: so many people of one pool, each known surely enough.

use super::pool::{Membership, Pool, RoleName};
use super::{MAX_PEOPLE, RequirementError};
use crate::party::{PersonId, SeatName};
use crate::token::Assurance;
use core::fmt;

/// So many different people of a pool. It always asks for at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    name: Option<SeatName>,
    pool: Pool,
    people: usize,
    min_role: Option<RoleName>,
    assurance: Assurance,
}

impl Seat {
    /// `people` of `pool`, each known with `assurance` or more.
    ///
    /// # Errors
    /// [`RequirementError::NoSeat`] for zero, [`RequirementError::LargerThanPool`] for more than a pool of named
    /// people has, [`RequirementError::TooLarge`] for more than [`MAX_PEOPLE`].
    pub fn new(pool: Pool, people: usize, assurance: Assurance) -> Result<Self, RequirementError> {
        match people {
            0 => Err(RequirementError::NoSeat),
            _ if people > MAX_PEOPLE => Err(RequirementError::TooLarge),
            _ if pool.most().is_some_and(|most| people > most) => Err(RequirementError::LargerThanPool),
            _ => Ok(Self { name: None, pool, people, min_role: None, assurance }),
        }
    }

    /// … each of whom has this role or one above it.
    #[must_use]
    pub fn at_least(mut self, role: RoleName) -> Self {
        self.min_role = Some(role);
        self
    }

    /// … under this name.
    #[must_use]
    pub fn named(mut self, name: SeatName) -> Self {
        self.name = Some(name);
        self
    }

    /// The same, where nobody needs to be known more surely than this.
    pub(super) fn known_at_most(mut self, most: Assurance) -> Self {
        self.assurance = self.assurance.min(most);
        self
    }

    /// How many different people it takes; never zero.
    #[must_use]
    pub const fn people(&self) -> usize {
        self.people
    }

    /// Whom they may be.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The least role of each of them.
    #[must_use]
    pub const fn min_role(&self) -> Option<&RoleName> {
        self.min_role.as_ref()
    }

    /// How surely each of them must be known.
    #[must_use]
    pub const fn assurance(&self) -> Assurance {
        self.assurance
    }

    /// The name that it was given.
    #[must_use]
    pub const fn name(&self) -> Option<&SeatName> {
        self.name.as_ref()
    }

    /// What a token's `cs_appr` calls it: its name, or the one role or team it is filled from, or `reviewer`.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the literal is a name; the test below constructs it")]
    pub fn label(&self) -> SeatName {
        let group = || self.pool.only_group().and_then(|group| SeatName::new(group).ok());
        let given = self.name.clone().or_else(group);
        given.unwrap_or_else(|| SeatName::new("reviewer").expect("`reviewer` is a name"))
    }

    /// Whether this person may fill it, if they are known surely enough: by themselves, or for somebody who is away.
    #[must_use]
    pub fn admits(&self, person: &PersonId, membership: &dyn Membership) -> bool {
        let stands_in = |absent: &PersonId| self.admits_for(person, absent, membership);
        let absent = || membership.stood_in_for(person, self.assurance);
        self.admits_personally(person, membership) || absent().iter().any(stands_in)
    }

    /// Whether this person may fill it by themselves.
    pub(super) fn admits_personally(&self, person: &PersonId, membership: &dyn Membership) -> bool {
        self.pool.admits(person, membership) && self.is_reached_by(person, membership)
    }

    /// Whether this person may fill it in place of `absent`, with what both of them have: to be named or in a team can
    /// be lent, the roles that it asks for cannot.
    pub(super) fn admits_for(
        &self,
        person: &PersonId,
        absent: &PersonId,
        membership: &dyn Membership,
    ) -> bool {
        person != absent
            && membership.knows(person)
            && membership.knows(absent)
            && self.pool.names(absent, membership)
            && self.is_reached_by(absent, membership)
            && self.is_reached_by(person, membership)
    }

    fn is_reached_by(&self, person: &PersonId, membership: &dyn Membership) -> bool {
        self.min_role.as_ref().is_none_or(|least| membership.reaches(person, least))
    }
}

/// In words: `2 of role dba or team platform, security-lead or above, signed`.
impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.people, self.pool)?;
        if let Some(least) = &self.min_role {
            write!(f, ", {least} or above")?;
        }
        write!(f, ", {}", self.assurance.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalation::requirement::TeamName;

    #[test]
    fn a_seat_is_called_by_its_name_its_one_group_or_reviewer() {
        let role: RoleName = "dba".parse().unwrap();
        let team: TeamName = "platform".parse().unwrap();
        let seat = |pool| Seat::new(pool, 1, Assurance::Signed).unwrap();
        let by_role = seat(Pool::new([], [role.clone()], []).unwrap());
        assert_eq!(by_role.label().as_str(), "dba");
        assert_eq!(by_role.named(SeatName::new("schema").unwrap()).label().as_str(), "schema");
        assert_eq!(seat(Pool::new([], [], [team.clone()]).unwrap()).label().as_str(), "platform");
        assert_eq!(seat(Pool::new([], [role], [team]).unwrap()).label().as_str(), "reviewer");
        assert_eq!(seat(Pool::everyone()).label().as_str(), "reviewer");
    }
}
