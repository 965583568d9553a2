//! Who could still complete a requirement: the smallest sets of people, and the best of them in an order of preference.

use super::Requirement;
use super::matching::Seating;
use super::pool::Membership;
use super::standing::Agreement;
use super::table::{Table, View};
use crate::party::PersonId;
use std::collections::BTreeSet;

impl Requirement {
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
        let table = Table::new(self, agreed, others, membership);
        let met_by = |chosen: &[usize]| {
            let view = table.where_only(chosen);
            self.ways.iter().any(|way| {
                let people = (0..table.present()).chain(chosen.iter().copied());
                view.seat_all(&self.places(way), people).free() == 0
            })
        };
        let mut found: BTreeSet<Vec<usize>> = BTreeSet::new();
        if met_by(&[]) {
            return Vec::new();
        }
        let views: Vec<View> = table.choices(false).collect();
        for way in &self.ways {
            let places = self.places(way);
            let mut steps = MAX_STEPS;
            for view in &views {
                let mut search =
                    Search { table: &table, view, places: &places, limit, met_by: &met_by, steps };
                let seating = view.seat_all(&places, 0..table.present());
                search.extend(&seating, table.present(), &mut Vec::new(), &mut found);
                steps = search.steps;
            }
        }
        let name = |chosen: &Vec<usize>| chosen.iter().filter_map(|at| table.person(*at)).cloned().collect();
        found.iter().take(limit).map(name).collect()
    }

    /// The fewest of `ranked` who complete it together with those who agreed, and among as few those who stand
    /// earliest. `None` if it cannot be completed by them; empty if it is met.
    ///
    /// Whoever is away and does not stand among them lends their power to who stands in for them.
    #[must_use]
    pub fn best_completion(
        &self,
        agreed: &[Agreement],
        ranked: &[PersonId],
        membership: &dyn Membership,
    ) -> Option<Vec<PersonId>> {
        let table = Table::new(self, agreed, ranked, membership);
        let rank = |person: &PersonId| ranked.iter().position(|other| other == person).unwrap_or(usize::MAX);
        let mut order: Vec<(usize, usize)> = (table.present()..table.people())
            .filter_map(|at| table.person(at).map(|person| (rank(person), at)))
            .collect();
        order.sort_unstable();
        let view = table.choices(false).next()?;
        let met = table.where_only(&[]);
        let mut best: Option<Vec<usize>> = None;
        for way in &self.ways {
            let places = self.places(way);
            if met.seat_all(&places, 0..table.present()).free() == 0 {
                return Some(Vec::new());
            }
            let mut seating = view.seat_all(&places, 0..table.present());
            // People who can sit together form a matroid: taking whoever helps, the best first, is best.
            let helps = |(rank, at): &(usize, usize)| {
                (seating.free() > 0 && view.seat(&mut seating, &places, *at)).then_some(*rank)
            };
            let chosen: Vec<usize> = order.iter().filter_map(helps).collect();
            let better = best.as_ref().is_none_or(|best| (chosen.len(), &chosen) < (best.len(), best));
            if seating.free() == 0 && better {
                best = Some(chosen);
            }
        }
        best.map(|best| best.iter().filter_map(|rank| ranked.get(*rank)).cloned().collect())
    }
}

/// The most steps that the search for sets of people takes for one way.
const MAX_STEPS: usize = 2_000;

/// The search for sets of people that complete one way.
///
/// Sets of people who can sit together form a matroid, so each set that can be completed at all is extended by
/// people who each help; a branch is followed only if the people after it suffice, so none is followed in vain.
/// Whoever is away and stays out of a set lends their power to it: to agree oneself is always as good, so that no
/// set loses by somebody more.
struct Search<'a> {
    table: &'a Table<'a>,
    view: &'a View,
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
        let people = self.table.people();
        for person in from..people {
            if found.len() >= self.limit || self.steps == 0 {
                return;
            }
            self.steps -= 1;
            if self.view.seat_more(seating.clone(), self.places, person..people).free() > 0 {
                return;
            }
            let mut next = seating.clone();
            if self.view.seat(&mut next, self.places, person) {
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
