//! How far a requirement is met by the people who agreed.

use super::Requirement;
use super::matching::Seating;
use super::pool::Membership;
use super::seat::Seat;
use super::table::Table;
use crate::party::{PersonId, SeatName};
use crate::token::Assurance;

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
    /// Who is away and lends the power to fill it, where the person's own is not enough (E4).
    pub standing_in_for: Option<PersonId>,
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
    /// A person who is named twice counts once, with the surer of the two. Whoever stands in for somebody who is away
    /// fills one seat at most, with their own power or with that of one absent person; that power fills one seat at
    /// most, and none where the absent person has agreed themselves.
    #[must_use]
    pub fn standing(
        &self,
        agreed: &[Agreement],
        others: &[PersonId],
        membership: &dyn Membership,
    ) -> Standing {
        let table = Table::new(self, agreed, others, membership);
        // Nobody stands in for anyone where people's own power is enough.
        for view in [table.own(), table.where_only(&[])] {
            for way in &self.ways {
                let places = self.places(way);
                let seating = view.seat_all(&places, 0..table.present());
                if seating.free() == 0 {
                    return Standing::Met(self.filled(&table, &places, &seating));
                }
            }
        }
        let mut fewest: Option<usize> = None;
        // Somebody who is away and is stood in for by who agreed already need not agree.
        for view in table.choices(true) {
            for way in &self.ways {
                let places = self.places(way);
                let seating = view.seat_all(&places, 0..table.present());
                let missing = seating.free();
                let helps = fewest.is_none_or(|least| missing < least);
                if helps && view.seat_more(seating, &places, table.present()..table.people()).free() == 0 {
                    fewest = Some(missing);
                }
            }
        }
        fewest.map_or(Standing::Impossible, Standing::Missing)
    }

    /// The seat of each place that has to be filled.
    pub(super) fn places(&self, way: &[usize]) -> Vec<usize> {
        let times = |at: &usize| self.seats.get(*at).map_or(0, Seat::people);
        way.iter().flat_map(|at| core::iter::repeat_n(*at, times(at))).collect()
    }

    fn filled(&self, table: &Table<'_>, places: &[usize], seating: &Seating) -> Vec<Filled> {
        let pairs = places.iter().zip(seating.places());
        let filled = pairs.filter_map(|(seat, person)| {
            let person = (*person)?;
            Some(Filled {
                person: table.person(person)?.clone(),
                seat: self.seats.get(*seat)?.label(),
                standing_in_for: table.power(person, *seat).cloned(),
            })
        });
        filled.collect()
    }
}
