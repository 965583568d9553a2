//! Who sits where: a maximum matching of people to places by augmenting paths (Kuhn 1955).

/// Seats people one after the other; every place is taken by one person at most, and every person sits once at most.
///
/// Asking for a place for one more person moves others where that helps, so the number seated is always the largest
/// possible for the people asked so far.
#[derive(Clone)]
pub(super) struct Seating {
    /// Who sits at each place.
    taken: Vec<Option<usize>>,
}

impl Seating {
    pub(super) fn new(places: usize) -> Self {
        Self { taken: vec![None; places] }
    }

    /// Finds a place for `person`, who may sit where `may_sit(person, place)` says; whether one was found.
    pub(super) fn seat(&mut self, person: usize, may_sit: &dyn Fn(usize, usize) -> bool) -> bool {
        let mut tried = vec![false; self.taken.len()];
        self.augment(person, may_sit, &mut tried)
    }

    fn augment(&mut self, person: usize, may_sit: &dyn Fn(usize, usize) -> bool, tried: &mut [bool]) -> bool {
        let places = || (0..tried.len()).filter(|place| may_sit(person, *place));
        // Whoever sits stays, where that leaves room.
        if let Some(free) = places().find(|place| self.taken.get(*place) == Some(&None)) {
            return self.take(free, person);
        }
        for place in places().collect::<Vec<_>>() {
            let Some(tried_here) = tried.get_mut(place).filter(|tried| !**tried) else { continue };
            *tried_here = true;
            let Some(other) = self.taken.get(place).copied().flatten() else { continue };
            if self.augment(other, may_sit, tried) {
                return self.take(place, person);
            }
        }
        false
    }

    fn take(&mut self, place: usize, person: usize) -> bool {
        self.taken.get_mut(place).map(|taken| *taken = Some(person)).is_some()
    }

    /// How many places are free.
    pub(super) fn free(&self) -> usize {
        self.taken.iter().filter(|taken| taken.is_none()).count()
    }

    /// Who sits at each place.
    pub(super) fn places(&self) -> &[Option<usize>] {
        &self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_move_over_for_one_another() {
        // Person 0 may sit anywhere, person 1 only where 0 sits first.
        let may_sit = |person: usize, place: usize| person == 0 || place == 0;
        let mut seating = Seating::new(2);
        assert!(seating.seat(0, &may_sit));
        assert!(seating.seat(1, &may_sit));
        assert_eq!(seating.places(), [Some(1), Some(0)]);
        assert!(!seating.seat(2, &may_sit));
        assert_eq!(seating.free(), 0);
    }
}
