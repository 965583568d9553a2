//! Who may fill which seat: by themselves, or with the power of somebody who is away.

use super::Requirement;
use super::matching::Seating;
use super::pool::Membership;
use super::seat::Seat;
use super::standing::Agreement;
use crate::party::PersonId;
use crate::token::Assurance;
use std::collections::{BTreeMap, BTreeSet};

/// People by number, those who agreed first.
pub(super) struct Table<'a> {
    rows: Vec<Row<'a>>,
    /// How many agreed.
    present: usize,
    /// Those who could still agree themselves and for whom somebody else stands in: one or the other.
    contested: Vec<Contested>,
    /// How many of these are tried both ways.
    tried: usize,
}

struct Row<'a> {
    person: &'a PersonId,
    /// The seats that they may fill by themselves.
    own: Vec<bool>,
    lent: Vec<Lent>,
}

/// What one person may fill with the power of another.
struct Lent {
    absent: PersonId,
    /// The seats that this adds to their own.
    seats: Vec<bool>,
}

struct Contested {
    person: usize,
    /// Whether somebody who agreed stands in.
    by_present: bool,
}

/// How many of those who are contested are tried both ways; the others count as if they had to agree themselves.
const MAX_CONTESTED: usize = 6;
/// How many seatings may be tried for all these choices and all ways to meet the requirement: where it can be met in
/// very many ways, fewer are tried both ways.
const MAX_SEATINGS: usize = 4096;

impl<'a> Table<'a> {
    pub(super) fn new(
        requirement: &Requirement,
        agreed: &'a [Agreement],
        others: &'a [PersonId],
        membership: &dyn Membership,
    ) -> Self {
        let mut surest: BTreeMap<&PersonId, Assurance> = BTreeMap::new();
        for agreement in agreed {
            let known = surest.entry(&agreement.person).or_insert(agreement.assurance);
            *known = agreement.assurance.max(*known);
        }
        // Of those who have not agreed anything can be hoped.
        let others: BTreeSet<&PersonId> =
            others.iter().filter(|person| !surest.contains_key(person)).collect();
        let hoped = others.iter().map(|person| (*person, Assurance::Signed));
        let known: Vec<(&PersonId, Assurance)> =
            surest.iter().map(|(who, how)| (*who, *how)).chain(hoped).collect();

        let stood_in_for = |person| BTreeSet::from_iter(membership.stood_in_for(person, Assurance::Channel));
        let claims: Vec<BTreeSet<PersonId>> = known.iter().map(|(person, _)| stood_in_for(person)).collect();
        let mut claimants: BTreeMap<&PersonId, usize> = BTreeMap::new();
        for absent in claims.iter().flatten() {
            *claimants.entry(absent).or_default() += 1;
        }
        // Whoever has agreed is there after all; and of two who claim the same power neither has it.
        let lends = |absent: &&PersonId| !surest.contains_key(*absent) && claimants.get(*absent) == Some(&1);

        let mut table = Self { rows: Vec::new(), present: surest.len(), contested: Vec::new(), tried: 0 };
        for ((person, assurance), claims) in known.iter().zip(&claims) {
            let sure = |seat: &Seat| *assurance >= seat.assurance();
            let own = |seat: &Seat| sure(seat) && seat.admits_personally(person, membership);
            let seats = |absent: &PersonId| {
                let lends = |seat: &Seat| membership.stood_in_for(person, seat.assurance()).contains(absent);
                let may = |seat| {
                    sure(seat) && !own(seat) && seat.admits_for(person, absent, membership) && lends(seat)
                };
                requirement.seats().iter().map(may).collect::<Vec<bool>>()
            };
            let lent = claims
                .iter()
                .filter(lends)
                .map(|absent| Lent { absent: absent.clone(), seats: seats(absent) });
            let lent: Vec<Lent> = lent.filter(|lent| lent.seats.contains(&true)).collect();
            let own: Vec<bool> = requirement.seats().iter().map(own).collect();
            // Whoever can fill nothing only makes the search longer.
            if table.rows.len() < table.present || !lent.is_empty() || own.contains(&true) {
                table.rows.push(Row { person, own, lent });
            }
        }
        table.contested = table.contests();
        let choices = MAX_SEATINGS / requirement.ways.len().max(1);
        table.tried = choices.checked_ilog2().map_or(0, |bits| MAX_CONTESTED.min(bits as usize));
        table
    }

    fn contests(&self) -> Vec<Contested> {
        let at = |absent: &PersonId| self.rows.iter().position(|row| row.person == absent);
        let lent =
            self.rows.iter().enumerate().flat_map(|(at, row)| row.lent.iter().map(move |lent| (at, lent)));
        lent.filter_map(|(by, lent)| {
            Some(Contested { person: at(&lent.absent)?, by_present: by < self.present })
        })
        .collect()
    }

    /// How many people agreed: they have the first numbers.
    pub(super) const fn present(&self) -> usize {
        self.present
    }

    /// How many people there are.
    pub(super) const fn people(&self) -> usize {
        self.rows.len()
    }

    /// Who this is.
    pub(super) fn person(&self, person: usize) -> Option<&'a PersonId> {
        self.rows.get(person).map(|row| row.person)
    }

    /// With whose power this person fills the seat, if not with their own.
    pub(super) fn power(&self, person: usize, seat: usize) -> Option<&PersonId> {
        let row = self.rows.get(person).filter(|row| row.own.get(seat) != Some(&true))?;
        row.lent.iter().find(|lent| lent.seats.get(seat) == Some(&true)).map(|lent| &lent.absent)
    }

    /// Everyone, each with their own power only.
    pub(super) fn own(&self) -> View {
        View { may_fill: self.rows.iter().map(|row| row.own.clone()).collect(), out: BTreeSet::new() }
    }

    /// Everyone, where of all who could still agree only `chosen` do; those who are away lend their power.
    pub(super) fn where_only(&self, chosen: &[usize]) -> View {
        self.view(|contested| !chosen.contains(&contested))
    }

    /// Every choice of who of those that are contested stays away and lends their power, nobody first. `by_present`
    /// looks at those only for whom somebody stands in who has agreed.
    pub(super) fn choices(&self, by_present: bool) -> impl Iterator<Item = View> {
        let contested = self.contested.iter().filter(move |contested| contested.by_present || !by_present);
        let contested: Vec<usize> = contested.map(|contested| contested.person).take(self.tried).collect();
        (0_usize..1 << contested.len()).map(move |bits| {
            let out = |person| {
                contested.iter().position(|other| *other == person).is_some_and(|at| bits >> at & 1 == 1)
            };
            self.view(out)
        })
    }

    /// Everyone, where of those who are contested these stay away.
    fn view(&self, stays_away: impl Fn(usize) -> bool) -> View {
        let out: BTreeSet<usize> = self
            .contested
            .iter()
            .map(|contested| contested.person)
            .filter(|person| stays_away(*person))
            .collect();
        let agrees = |absent: &PersonId| {
            let person = self.rows.iter().position(|row| row.person == absent);
            person.is_some_and(|person| !out.contains(&person))
        };
        let may_fill = |row: &Row<'_>| {
            let mut seats = row.own.clone();
            for lent in row.lent.iter().filter(|lent| !agrees(&lent.absent)) {
                for (seat, more) in seats.iter_mut().zip(&lent.seats) {
                    *seat |= more;
                }
            }
            seats
        };
        View { may_fill: self.rows.iter().map(may_fill).collect(), out }
    }
}

/// The seats that each person may fill, once it is settled who stays away.
pub(super) struct View {
    may_fill: Vec<Vec<bool>>,
    out: BTreeSet<usize>,
}

impl View {
    /// Seats these people at these places, each of which is one of a seat.
    pub(super) fn seat_all(&self, places: &[usize], people: impl IntoIterator<Item = usize>) -> Seating {
        self.seat_more(Seating::new(places.len()), places, people)
    }

    /// Seats these people as well.
    pub(super) fn seat_more(
        &self,
        mut seating: Seating,
        places: &[usize],
        people: impl IntoIterator<Item = usize>,
    ) -> Seating {
        for person in people {
            if seating.free() == 0 {
                break;
            }
            self.seat(&mut seating, places, person);
        }
        seating
    }

    /// Seats one person more; whether a place was found.
    pub(super) fn seat(&self, seating: &mut Seating, places: &[usize], person: usize) -> bool {
        let may_sit = |person: usize, place: usize| {
            let row = self.may_fill.get(person);
            places.get(place).is_some_and(|seat| row.and_then(|row| row.get(*seat)) == Some(&true))
        };
        !self.out.contains(&person) && seating.seat(person, &may_sit)
    }
}
