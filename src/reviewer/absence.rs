//! Absences: when a person is away, and who stands in for them; by the roster, and as people announce it themselves.

use crate::moment::Moment;
use crate::party::PersonId;
use crate::token::Assurance;
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A span of time in which a person is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// Its first moment.
    pub from: Moment,
    /// The first moment after it.
    pub until: Moment,
    /// Who stands in meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegate: Option<PersonId>,
    /// How surely whoever is away was known when they said so. What the roster says is as sure as a signature.
    pub known: Assurance,
}

impl Absence {
    /// Whether this moment is in it.
    #[must_use]
    pub fn covers(&self, now: Moment) -> bool {
        self.from <= now && now < self.until
    }
}

/// The longest absence that a person can announce.
pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The most absences of a person that are kept; announcing another forgets the one that was announced first.
pub const MAX_ANNOUNCED: usize = 32;

/// Why an absence cannot be announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsenceError {
    /// The person is not in the roster.
    UnknownPerson,
    /// The delegate is not in the roster.
    UnknownDelegate,
    /// Nobody stands in for themselves.
    OwnDelegate,
    /// It ends before it begins, or is over.
    Over,
    /// It is longer than [`LONGEST`].
    TooLong,
}

impl fmt::Display for AbsenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPerson => f.write_str("this person is not in the roster"),
            Self::UnknownDelegate => f.write_str("the delegate is not in the roster"),
            Self::OwnDelegate => f.write_str("nobody stands in for themselves"),
            Self::Over => f.write_str("the absence ends before it begins, or is over already"),
            Self::TooLong => write!(f, "an absence lasts {} days at most", LONGEST.as_secs() / 86_400),
        }
    }
}

impl std::error::Error for AbsenceError {}

/// What people announced of their absences: a fold over the record, in its order.
///
/// What is announced later counts: an absence ends where one that was announced after it begins, and whoever says that
/// they are back is back, whatever they or the roster said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absences {
    people: BTreeMap<PersonId, Announced>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Announced {
    /// In the order in which they were announced; none overlaps another.
    away: Vec<Absence>,
    /// When they came back before their time, latest last.
    back: Vec<Moment>,
}

impl Absences {
    /// Takes an absence that was recorded at `set_at`; it replaces what it overlaps.
    pub fn announce(&mut self, person: &PersonId, absence: Absence, set_at: Moment) {
        let announced = self.people.entry(person.clone()).or_default();
        announced.forget_before(set_at);
        for other in &mut announced.away {
            if other.from < absence.until && absence.from < other.until {
                other.until = absence.from.max(other.from);
            }
        }
        announced.away.retain(|other| other.from < other.until);
        if announced.away.len() >= MAX_ANNOUNCED {
            announced.away.remove(0);
        }
        announced.away.push(absence);
    }

    /// Ends whatever absence this person is in: they are back.
    pub fn end(&mut self, person: &PersonId, at: Moment) {
        let announced = self.people.entry(person.clone()).or_default();
        announced.forget_before(at);
        for other in announced.away.iter_mut().filter(|other| other.covers(at)) {
            other.until = at;
        }
        announced.away.retain(|other| other.from < other.until);
        if announced.back.len() >= MAX_ANNOUNCED {
            announced.back.remove(0);
        }
        announced.back.push(at);
    }

    /// What this person announced and what is not over, in the order of time.
    #[must_use]
    pub fn of(&self, person: &PersonId, now: Moment) -> Vec<&Absence> {
        let announced = self.people.get(person).map(|one| one.away.as_slice()).unwrap_or_default();
        let mut ahead: Vec<&Absence> = announced.iter().filter(|absence| absence.until > now).collect();
        ahead.sort_by_key(|absence| absence.from);
        ahead
    }

    /// The absence that this person is in at this moment, where the roster says `planned`: what they announced, or the
    /// part of a planned one until they came back.
    pub(super) fn at<'a>(
        &'a self,
        person: &PersonId,
        planned: &'a [Absence],
        now: Moment,
    ) -> Option<&'a Absence> {
        let announced = self.people.get(person);
        let of_record =
            announced.and_then(|announced| announced.away.iter().find(|absence| absence.covers(now)));
        of_record.or_else(|| {
            let came_back = |absence: &Absence| {
                let back = announced.map(|announced| announced.back.as_slice()).unwrap_or_default();
                back.iter().any(|at| absence.covers(*at) && *at <= now)
            };
            planned.iter().find(|absence| absence.covers(now) && !came_back(absence))
        })
    }

    /// The next moment after `now` at which an absence of this person begins or ends.
    pub(super) fn change_after(&self, person: &PersonId, planned: &[Absence], now: Moment) -> Option<Moment> {
        let announced = self.people.get(person);
        let (away, back) =
            announced.map(|one| (one.away.as_slice(), one.back.as_slice())).unwrap_or_default();
        let edges = away.iter().chain(planned).flat_map(|absence| [absence.from, absence.until]);
        let edges = edges.chain(back.iter().copied());
        let was = self.at(person, planned, now).is_some();
        let mut edges: Vec<Moment> = edges.filter(|edge| *edge > now).collect();
        edges.sort_unstable();
        // Where one absence follows upon another nothing changes.
        edges.into_iter().find(|edge| self.at(person, planned, *edge).is_some() != was)
    }
}

impl Announced {
    /// What is over changes nothing any more; so that the fold stays small. A return is kept for as long as an absence
    /// may last.
    fn forget_before(&mut self, now: Moment) {
        self.away.retain(|absence| absence.until > now);
        self.back.retain(|at| now.since(*at) <= LONGEST);
    }
}
