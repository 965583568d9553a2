//! What came of a simulation: how the load was spread, what was decided and how soon, and whether anything was stuck.

use crate::party::PersonId;
use core::time::Duration;
use serde::Serialize;

/// What came of a simulation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many escalations were opened.
    pub escalations: usize,
    /// How many were approved.
    pub approved: usize,
    /// How many were denied.
    pub denied: usize,
    /// How many nobody decided in time.
    pub expired: usize,
    /// How many nobody could have approved.
    pub blocked: usize,
    /// How many had not ended when their time was over: never any.
    pub stuck: usize,
    /// How many went to a later stage before its time, because too few were there.
    pub widened: usize,
    /// How often somebody was asked outside of their working hours, because nobody else was left.
    pub off_hours: usize,
    /// Half of those that people decided were decided within so many seconds …
    pub median_seconds: u64,
    /// … and nineteen of twenty within so many.
    pub p95_seconds: u64,
    /// How often anybody was asked on a day beyond their daily cap: never.
    pub over_cap: usize,
    /// How often anybody was asked on a day for one agent beyond its half: never.
    pub over_share: usize,
    /// The person who was asked least often was asked so often …
    pub asked_least: usize,
    /// … the one in the middle so often …
    pub asked_median: usize,
    /// … and the one who was asked most often so often.
    pub asked_most: usize,
    /// How unevenly all were asked, in thousandths: 0 if all alike, 1000 if one was asked for all (Gini 1912).
    pub unevenness: usize,
    /// Everyone, by id.
    pub people: Vec<Part>,
}

/// What one person had to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Who.
    pub person: PersonId,
    /// How often they were asked; what came beside its like is not counted.
    pub asked: usize,
    /// How often on the busiest day.
    pub busiest_day: usize,
    /// How often they may be asked a day.
    pub daily_cap: u32,
    /// How often they voted.
    pub votes: usize,
}

impl Report {
    /// What part of all nobody decided in time, in thousandths.
    #[must_use]
    pub fn expired_of_thousand(&self) -> usize {
        (self.expired * 1000).checked_div(self.escalations).unwrap_or_default()
    }

    /// Takes the people, and what follows from them.
    pub(super) fn of_people(&mut self, people: Vec<Part>) {
        let mut asked: Vec<usize> = people.iter().map(|part| part.asked).collect();
        asked.sort_unstable();
        self.asked_least = asked.first().copied().unwrap_or_default();
        self.asked_median = part(&asked, 500);
        self.asked_most = asked.last().copied().unwrap_or_default();
        self.unevenness = unevenness(&asked);
        self.people = people;
    }

    /// Takes how long people took to decide.
    pub(super) fn of_times(&mut self, mut times: Vec<Duration>) {
        times.sort_unstable();
        let seconds: Vec<u64> = times.iter().map(Duration::as_secs).collect();
        self.median_seconds = part(&seconds, 500);
        self.p95_seconds = part(&seconds, 950);
    }
}

/// The number below which so many thousandths of the others are.
fn part<T: Copy + Default>(sorted: &[T], thousandths: usize) -> T {
    sorted.get(sorted.len() * thousandths / 1000).copied().unwrap_or_default()
}

/// The Gini coefficient of rising numbers, in thousandths.
fn unevenness(rising: &[usize]) -> usize {
    let (count, sum) = (rising.len(), rising.iter().sum::<usize>());
    let weighted: usize = rising.iter().enumerate().map(|(at, number)| (at + 1) * number).sum();
    // 2 Σ i·x / (n Σ x) − (n + 1) / n
    let above = (2 * weighted).saturating_sub((count + 1) * sum);
    (above * 1000).checked_div(count * sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenness_is_zero_and_one_for_all_is_nearly_one() {
        assert_eq!(unevenness(&[5, 5, 5, 5]), 0);
        assert_eq!(unevenness(&[0, 0, 0, 10]), 750);
        assert_eq!(unevenness(&[1, 3]), 250);
        assert_eq!(unevenness(&[]), 0);
        assert_eq!(unevenness(&[0, 0]), 0);
    }

    #[test]
    fn the_middle_is_the_middle() {
        let numbers: Vec<u64> = (0..100).collect();
        assert_eq!((part(&numbers, 500), part(&numbers, 950)), (50, 95));
        assert_eq!(part::<u64>(&[], 500), 0);
    }
}
