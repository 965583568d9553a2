//! Attendance: who of the directory is there at a moment, and who stands in for whom.

use super::Directory;
use super::absence::{Absence, AbsenceError, Absences, LONGEST};
use super::person::Person;
use crate::escalation::requirement::{Membership, RoleName, TeamName};
use crate::moment::Moment;
use crate::party::PersonId;
use crate::token::Assurance;
use core::fmt;
use std::collections::BTreeMap;

/// The directory at a moment. As [`Membership`] it knows who stands in for whom.
#[derive(Clone, Debug)]
pub struct Attendance<'a> {
    directory: &'a Directory,
    absences: &'a Absences,
    at: Moment,
    /// Those who are away and named somebody, by whom they named.
    stood_in_for: BTreeMap<&'a PersonId, Vec<(&'a PersonId, Assurance)>>,
}

/// Whether a person is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// They are there.
    There {
        /// Until when, if that ends.
        until: Option<Moment>,
    },
    /// They are away.
    Away {
        /// Until when, if that ends.
        until: Option<Moment>,
        /// Who stands in.
        delegate: Option<PersonId>,
    },
    /// It is outside of their working hours.
    OffHours {
        /// Until when, if that ends.
        until: Option<Moment>,
    },
}

impl Presence {
    /// Whether they are there.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        matches!(self, Self::There { .. })
    }

    /// When that changes, if it does.
    #[must_use]
    pub const fn until(&self) -> Option<Moment> {
        match self {
            Self::There { until } | Self::Away { until, .. } | Self::OffHours { until } => *until,
        }
    }
}

/// In words: `away until 2026-12-25T00:00:00Z, ada stands in`.
impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::There { .. } => "there",
            Self::Away { .. } => "away",
            Self::OffHours { .. } => "outside working hours",
        })?;
        if let Some(until) = self.until() {
            write!(f, " until {until}")?;
        }
        match self {
            Self::Away { delegate: Some(delegate), .. } => write!(f, ", {delegate} stands in"),
            Self::There { .. } | Self::Away { .. } | Self::OffHours { .. } => Ok(()),
        }
    }
}

impl<'a> Attendance<'a> {
    /// The directory at this moment, with the absences that the record has.
    #[must_use]
    pub fn new(directory: &'a Directory, absences: &'a Absences, at: Moment) -> Self {
        let mut stood_in_for: BTreeMap<&PersonId, Vec<(&PersonId, Assurance)>> = BTreeMap::new();
        for person in directory.people() {
            let absence = absences.at(&person.id, &person.away, at);
            let lent = absence.and_then(|absence| Some((absence.delegate.as_ref()?, absence.known)));
            if let Some((delegate, known)) = lent {
                // The roster may have changed since the absence was announced.
                if *delegate != person.id && directory.person(delegate).is_some() {
                    stood_in_for.entry(delegate).or_default().push((&person.id, known));
                }
            }
        }
        Self { directory, absences, at, stood_in_for }
    }

    /// The moment.
    #[must_use]
    pub const fn at(&self) -> Moment {
        self.at
    }

    /// The directory.
    #[must_use]
    pub const fn directory(&self) -> &'a Directory {
        self.directory
    }

    /// Whether this person is there; `None` if the roster does not have them.
    #[must_use]
    pub fn presence(&self, person: &PersonId) -> Option<Presence> {
        let person = self.directory.person(person)?;
        let change = self.absences.change_after(&person.id, &person.away, self.at);
        // While somebody is away their hours do not matter.
        if let Some(absence) = self.absence(person) {
            return Some(Presence::Away { until: change, delegate: absence.delegate.clone() });
        }
        let (works, hours) = person.hours.as_ref().map_or((true, None), |hours| hours.look(self.at, true));
        let until = [change, hours].into_iter().flatten().min();
        Some(if works { Presence::There { until } } else { Presence::OffHours { until } })
    }

    /// Whether this person is there.
    #[must_use]
    pub fn is_there(&self, person: &PersonId) -> bool {
        let person = self.directory.person(person);
        person.is_some_and(|person| self.absence(person).is_none() && works(person, self.at))
    }

    /// Those who are away, with who stands in for them.
    pub fn stand_ins(&self) -> impl Iterator<Item = (&'a PersonId, &'a PersonId)> {
        self.stood_in_for.iter().flat_map(|(to, absent)| absent.iter().map(move |(absent, _)| (*absent, *to)))
    }

    /// Whether this person may announce this absence at this moment.
    ///
    /// # Errors
    /// [`AbsenceError`]: why not.
    pub fn may_announce(&self, person: &PersonId, absence: &Absence) -> Result<(), AbsenceError> {
        let knows = |person| self.directory.person(person).is_some();
        match &absence.delegate {
            _ if !knows(person) => Err(AbsenceError::UnknownPerson),
            Some(delegate) if delegate == person => Err(AbsenceError::OwnDelegate),
            Some(delegate) if !knows(delegate) => Err(AbsenceError::UnknownDelegate),
            _ if absence.until <= absence.from.max(self.at) => Err(AbsenceError::Over),
            _ if absence.until.since(absence.from) > LONGEST => Err(AbsenceError::TooLong),
            Some(_) | None => Ok(()),
        }
    }

    fn absence(&self, person: &'a Person) -> Option<&'a Absence> {
        self.absences.at(&person.id, &person.away, self.at)
    }
}

fn works(person: &Person, now: Moment) -> bool {
    person.hours.as_ref().is_none_or(|hours| hours.contain(now))
}

impl Membership for Attendance<'_> {
    fn people(&self) -> Vec<PersonId> {
        Membership::people(self.directory)
    }

    fn holds(&self, person: &PersonId, role: &RoleName) -> bool {
        Membership::holds(self.directory, person, role)
    }

    fn belongs(&self, person: &PersonId, team: &TeamName) -> bool {
        self.directory.belongs(person, team)
    }

    fn reaches(&self, person: &PersonId, least: &RoleName) -> bool {
        self.directory.reaches(person, least)
    }

    fn known_as(&self, name: &str) -> Option<PersonId> {
        self.directory.known_as(name)
    }

    fn teams(&self, person: &PersonId) -> Vec<TeamName> {
        Membership::teams(self.directory, person)
    }

    fn manager(&self, person: &PersonId) -> Option<PersonId> {
        self.directory.manager(person)
    }

    fn stood_in_for(&self, person: &PersonId, least: Assurance) -> Vec<PersonId> {
        let absent = self.stood_in_for.get(person).into_iter().flatten();
        absent.filter(|(_, known)| *known >= least).map(|(absent, _)| (*absent).clone()).collect()
    }

    fn knows(&self, person: &PersonId) -> bool {
        self.directory.knows(person)
    }
}
