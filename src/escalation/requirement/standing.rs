//! How far a requirement is met by the people who agreed, and who could still complete it.

use super::Requirement;
use super::matching::Seating;
use super::pool::Membership;
use super::seat::Seat;
use crate::party::{PersonId, SeatName};
use crate::token::Assurance;
use std::collections::{BTreeMap, BTreeSet};

/// A person who agreed, and how surely they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Who.
    pub person: PersonId,
    /// How surely.
    pub assurance: Assurance,
}

/// A person in a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled {
    /// Who.
    pub person: PersonId,
    /// The label of the seat.
    pub seat: SeatName,
}

/// How far a requirement is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is met, and this is who fills which seat; each person once.
    Met(Vec<Filled>),
    /// The fewest people that are still missing; there are enough who could.
    Missing(usize),
    /// Nobody can complete it any more.
    Impossible,
}

/// People by number, and which seats each may fill.
struct Table<'a> {
    people: Vec<&'a PersonId>,
    may_fill: Vec<Vec<bool>>,
}

impl<'a> Table<'a> {
    fn row(&self, person: usize, seat: usize) -> bool {
        self.may_fill.get(person).and_then(|seats| seats.get(seat)).copied().unwrap_or(false)
    }

    fn push(&mut self, person: &'a PersonId, may_fill: Vec<bool>) {
        self.people.push(person);
        self.may_fill.push(may_fill);
    }
}

impl Requirement {
    /// Whether this person could fill any seat, if they were known surely enough.
    #[must_use]
    pub fn admits(&self, person: &PersonId, membership: &dyn Membership) -> bool {
        self.assurance_for(person, membership).is_some()
    }

    /// The least assurance with which this person could fill any seat; `None` if they can fill none.
    #[must_use]
    pub fn assurance_for(&self, person: &PersonId, membership: &dyn Membership) -> Option<Assurance> {
        self.seats().iter().filter(|seat| seat.admits(person, membership)).map(Seat::assurance).min()
    }

    /// How far `agreed` meets it, where of all others only `others` could still agree.
    ///
    /// A person who is named twice counts once, with the surer of the two.
    #[must_use]
    pub fn standing(
        &self,
        agreed: &[Agreement],
        others: &[PersonId],
        membership: &dyn Membership,
    ) -> Standing {
        let (table, present) = self.table(agreed, others, membership);
        let mut fewest: Option<usize> = None;
        for way in &self.ways {
            let places = self.places(way);
            let seating = seat_all(&table, &places, 0..present);
            if seating.free() == 0 {
                return Standing::Met(self.filled(&table, &places, &seating));
            }
            let missing = seating.free();
            if seat_more(seating, &table, &places, present..table.people.len()).free() == 0 {
                fewest = Some(fewest.map_or(missing, |least| least.min(missing)));
            }
        }
        fewest.map_or(Standing::Impossible, Standing::Missing)
    }

    /// The smallest sets of `others` who could complete it together, at most `limit` of them.
    ///
    /// Nobody can be left out of any of them. Empty if it is met already, or if nobody can complete it. It is meant
    /// to be read by people: where a requirement is so entangled that the search takes too many steps, sets are left
    /// out; whether it can be completed at all is what [`standing`](Self::standing) says.
    #[must_use]
    pub fn completions(
        &self,
        agreed: &[Agreement],
        others: &[PersonId],
        membership: &dyn Membership,
        limit: usize,
    ) -> Vec<BTreeSet<PersonId>> {
        let (table, present) = self.table(agreed, others, membership);
        let met_by = |chosen: &[usize]| {
            self.ways.iter().any(|way| {
                let places = self.places(way);
                let people = (0..present).chain(chosen.iter().copied());
                seat_all(&table, &places, people).free() == 0
            })
        };
        let mut found: BTreeSet<Vec<usize>> = BTreeSet::new();
        if met_by(&[]) {
            return Vec::new();
        }
        for way in &self.ways {
            let places = self.places(way);
            let mut search =
                Search { table: &table, places: &places, limit, met_by: &met_by, steps: MAX_STEPS };
            search.extend(&seat_all(&table, &places, 0..present), present, &mut Vec::new(), &mut found);
        }
        let name = |chosen: &Vec<usize>| {
            chosen.iter().filter_map(|at| table.people.get(*at)).map(|person| (*person).clone()).collect()
        };
        found.iter().take(limit).map(name).collect()
    }

    /// The people in order, those who agreed first, and how many these are.
    fn table<'a>(
        &self,
        agreed: &'a [Agreement],
        others: &'a [PersonId],
        membership: &dyn Membership,
    ) -> (Table<'a>, usize) {
        let mut surest: BTreeMap<&PersonId, Assurance> = BTreeMap::new();
        for agreement in agreed {
            let known = surest.entry(&agreement.person).or_insert(agreement.assurance);
            *known = agreement.assurance.max(*known);
        }
        let mut table = Table { people: Vec::new(), may_fill: Vec::new() };
        for (person, assurance) in &surest {
            let may_fill = |seat: &Seat| *assurance >= seat.assurance() && seat.admits(person, membership);
            table.push(person, self.seats().iter().map(may_fill).collect());
        }
        let present = table.people.len();
        let others: BTreeSet<&PersonId> =
            others.iter().filter(|person| !surest.contains_key(person)).collect();
        for person in others {
            let may_fill: Vec<bool> =
                self.seats().iter().map(|seat| seat.admits(person, membership)).collect();
            // Whoever can fill nothing only makes the search longer.
            if may_fill.contains(&true) {
                table.push(person, may_fill);
            }
        }
        (table, present)
    }

    /// The seat of each place that has to be filled.
    fn places(&self, way: &[usize]) -> Vec<usize> {
        let times = |at: &usize| self.seats.get(*at).map_or(0, Seat::people);
        way.iter().flat_map(|at| core::iter::repeat_n(*at, times(at))).collect()
    }

    fn filled(&self, table: &Table<'_>, places: &[usize], seating: &Seating) -> Vec<Filled> {
        let pairs = places.iter().zip(seating.places());
        let filled = pairs.filter_map(|(seat, person)| {
            let person = (*table.people.get((*person)?)?).clone();
            Some(Filled { person, seat: self.seats.get(*seat)?.label() })
        });
        filled.collect()
    }
}

fn seat_all(table: &Table<'_>, places: &[usize], people: impl IntoIterator<Item = usize>) -> Seating {
    seat_more(Seating::new(places.len()), table, places, people)
}

fn seat_more(
    mut seating: Seating,
    table: &Table<'_>,
    places: &[usize],
    people: impl IntoIterator<Item = usize>,
) -> Seating {
    let may_sit =
        |person: usize, place: usize| places.get(place).is_some_and(|seat| table.row(person, *seat));
    for person in people {
        if seating.free() == 0 {
            break;
        }
        seating.seat(person, &may_sit);
    }
    seating
}

/// The most steps that the search for sets of people takes for one way.
const MAX_STEPS: usize = 2_000;

/// The search for sets of people that complete one way.
///
/// Sets of people who can sit together form a matroid, so each set that can be completed at all is extended by
/// people who each help; a branch is followed only if the people after it suffice, so none is followed in vain.
struct Search<'a> {
    table: &'a Table<'a>,
    places: &'a [usize],
    limit: usize,
    steps: usize,
    met_by: &'a dyn Fn(&[usize]) -> bool,
}

impl Search<'_> {
    fn extend(
        &mut self,
        seating: &Seating,
        from: usize,
        chosen: &mut Vec<usize>,
        found: &mut BTreeSet<Vec<usize>>,
    ) {
        if seating.free() == 0 {
            if self.is_smallest(chosen) {
                found.insert(chosen.clone());
            }
            return;
        }
        let (table, places) = (self.table, self.places);
        let may_sit =
            |person: usize, place: usize| places.get(place).is_some_and(|seat| table.row(person, *seat));
        for person in from..self.table.people.len() {
            if found.len() >= self.limit || self.steps == 0 {
                return;
            }
            self.steps -= 1;
            let rest = seat_more(seating.clone(), self.table, self.places, person..self.table.people.len());
            if rest.free() > 0 {
                return;
            }
            let mut next = seating.clone();
            if next.seat(person, &may_sit) {
                chosen.push(person);
                self.extend(&next, person + 1, chosen, found);
                chosen.pop();
            }
        }
    }

    /// Whether no member of the set could be left out, also counting the other ways to meet the requirement.
    fn is_smallest(&self, chosen: &[usize]) -> bool {
        (0..chosen.len()).all(|out| {
            let without: Vec<usize> =
                chosen.iter().enumerate().filter(|(at, _)| *at != out).map(|(_, person)| *person).collect();
            !(self.met_by)(&without)
        })
    }
}
