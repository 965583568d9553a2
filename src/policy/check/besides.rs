//! What an escalation says besides who agrees: denials, exclusions, the seat that poor votes add, and emergencies.

use super::people::{People, SUREST};
use super::{Asking, Check, Concern, Severity};
use crate::escalation::requirement::{Agreement, Membership, Requirement, Standing};
use crate::escalation::{BreakGlass, Exclusion, OnPoor, Terms};
use crate::party::PersonId;
use crate::policy::outcome::Outcome;
use std::collections::{BTreeMap, BTreeSet};

impl Check<'_> {
    /// An emergency that takes as many people as every day is none.
    pub(super) fn emergencies(&mut self) {
        for asking in self.asking() {
            let Outcome::Escalate(terms) = asking.outcome else { continue };
            let Some(emergency) = &terms.break_glass else { continue };
            let (emergency, usual) = (emergency.requirement.people(), terms.requirement.people());
            if emergency >= usual {
                self.concern(Severity::Warning, asking.at, Concern::NoEmergency { emergency, usual });
            }
        }
    }
}

impl People<'_> {
    pub(super) fn besides(&mut self, check: &mut Check<'_>, terms: &Terms, asking: &Asking<'_>) {
        let people: BTreeSet<&PersonId> = terms.whole().flat_map(|party| self.eligible(party)).collect();
        let denials = terms.denials.get();
        // Where nobody could agree either, that is said already.
        if denials > people.len().max(terms.requirement.people()) {
            let concern = Concern::DenialsOutOfReach { denials, people: people.len() };
            check.concern(Severity::Warning, asking.at, concern);
        }
        self.exclusions(check, terms, asking);
        if let OnPoor::AddSeat(seat) = &terms.diligence.on_poor
            && self.is_for_nobody(seat)
        {
            check.concern(Severity::Warning, asking.at, Concern::SeatForNobody(seat.to_string()));
        }
        if let Some(emergency) = &terms.break_glass {
            self.emergency(check, emergency, asking);
        }
    }

    /// Whether enough of the roster would be left without these, at whichever stage.
    pub(super) fn could(&self, terms: &Terms, without: &BTreeSet<PersonId>) -> bool {
        let left: Vec<PersonId> =
            self.everyone.iter().filter(|person| !without.contains(person)).cloned().collect();
        terms.whole().any(|party| !matches!(party.standing(&[], &left, self.directory), Standing::Impossible))
    }

    /// Those who ask, and whom that excludes.
    fn exclusions(&mut self, check: &mut Check<'_>, terms: &Terms, asking: &Asking<'_>) {
        if terms.exclude.is_empty() {
            return;
        }
        let words: Vec<String> = terms.exclude.iter().map(|one| format!("their {one}")).collect();
        let excluded = words.join(" and ");
        let parties: Vec<String> = terms.whole().map(ToString::to_string).collect();
        let key = format!("{excluded}: {}", parties.join("; "));
        let without = match self.excluded.get(&key) {
            Some(without) => without.clone(),
            None => {
                let without = self.left_alone(terms);
                self.excluded.insert(key, without.clone());
                without
            }
        };
        if without.is_empty() {
            return;
        }
        let always = without.len() == self.everyone.len();
        let severity = if always { Severity::Warning } else { Severity::Note };
        let asking_people = without.iter().map(ToString::to_string).collect();
        let concern = Concern::ExclusionLeavesNobody { excluded, asking: asking_people, always };
        check.concern(severity, asking.at, concern);
    }

    /// Those for whom nobody is left because of whom that excludes. What holds without any exclusion is said of the
    /// requirement.
    fn left_alone(&self, terms: &Terms) -> Vec<PersonId> {
        let eligible: BTreeSet<&PersonId> = terms.whole().flat_map(|party| self.eligible(party)).collect();
        // Whole teams are excluded alike, so that few of many people have to be looked at.
        let mut known: BTreeMap<BTreeSet<PersonId>, bool> = BTreeMap::new();
        let mut could = |without: BTreeSet<PersonId>| match known.get(&without) {
            Some(could) => *could,
            None => {
                let could = self.could(terms, &without);
                known.insert(without, could);
                could
            }
        };
        let mut left_alone = |person: &&PersonId| {
            let own = eligible.get(*person).map(|person| (*person).clone()).into_iter().collect();
            could(own) && !could(self.near(person, &eligible, &terms.exclude))
        };
        self.everyone.iter().filter(|person| left_alone(person)).cloned().collect()
    }

    /// Of those who could agree, the person who asks, and who is excluded then.
    fn near(
        &self,
        person: &PersonId,
        eligible: &BTreeSet<&PersonId>,
        exclude: &BTreeSet<Exclusion>,
    ) -> BTreeSet<PersonId> {
        let teams = Membership::teams(self.directory, person);
        let manager = self.directory.manager(person);
        let excluded = |one: &PersonId, exclusion: &Exclusion| match exclusion {
            Exclusion::Team => teams.iter().any(|team| self.directory.belongs(one, team)),
            Exclusion::Manager => manager.as_ref() == Some(one),
        };
        let near =
            |one: &&&PersonId| **one == person || exclude.iter().any(|exclusion| excluded(one, exclusion));
        eligible.iter().filter(near).map(|one| (*one).clone()).collect()
    }

    fn emergency(&self, check: &mut Check<'_>, emergency: &BreakGlass, asking: &Asking<'_>) {
        let requirement = &emergency.requirement;
        if self.is_for_nobody(requirement) {
            let concern = Concern::EmergencyForNobody(requirement.to_string());
            check.concern(Severity::Warning, asking.at, concern);
            return;
        }
        let reviewers = self.eligible(&emergency.review);
        let always = reviewers.iter().all(|person| self.is_needed(person, requirement));
        // Whoever agrees beside those who are enough has agreed too, so this errs on the side of saying nothing.
        let agreed: Vec<Agreement> = reviewers
            .iter()
            .map(|person| Agreement { person: (*person).clone(), assurance: SUREST })
            .collect();
        let all_break_it = || match requirement.standing(&agreed, &self.everyone, self.directory) {
            Standing::Met(filled) => filled.len() == agreed.len(),
            Standing::Missing(more) => more + agreed.len() == requirement.people(),
            Standing::Impossible => false,
        };
        if always || all_break_it() {
            let review =
                emergency.review.seats().iter().map(|seat| seat.pool().to_string()).collect::<Vec<_>>();
            let concern = Concern::NobodyReviews { review: review.join(" or "), always };
            let severity = if always { Severity::Error } else { Severity::Warning };
            check.concern(severity, asking.at, concern);
        }
    }

    /// Whether nobody could meet it without this person.
    fn is_needed(&self, person: &PersonId, requirement: &Requirement) -> bool {
        let others: Vec<PersonId> = self.everyone.iter().filter(|other| *other != person).cloned().collect();
        matches!(requirement.standing(&[], &others, self.directory), Standing::Impossible)
    }
}
