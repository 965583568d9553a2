//! What all states of an escalation have: what was asked, who said what, and who may say something.

use super::diligence::{Attention, OnPoor};
use super::event::{Amendment, Cast, Opening, Review};
use super::refusal::VoteRefusal;
use super::requirement::{Agreement, Membership, Requirement, RoleName, Standing, TeamName};
use super::step::MAX_REFUSALS;
use super::terms::Exclusion;
use super::vote::Choice;
use crate::digest::VoteDigest;
use crate::moment::Moment;
use crate::party::PersonId;
use crate::token::Assurance;
use std::collections::{BTreeMap, BTreeSet};

/// After how many tenths of the time to decide people are reminded (E6).
pub const REMINDERS: [u8; 2] = [5, 9];

/// What all states have: what was asked, and who said what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    pub(super) opening: Box<Opening>,
    pub(super) votes: Vec<Cast>,
    /// Votes that were taken back, or are void because a changed operation was proposed.
    pub(super) void: Vec<Cast>,
    /// The statements that took one back; like void votes they are never taken again.
    pub(super) withdrawals: Vec<(PersonId, VoteDigest)>,
    pub(super) refusals: usize,
    /// How many stages have begun before their time; the escalation pool is the last.
    pub(super) widened: usize,
    /// After how many tenths of the time people were last reminded.
    pub(super) reminded: u8,
    /// Who was asked, and in which stage.
    pub(super) asked: BTreeMap<PersonId, usize>,
    pub(super) attention: BTreeMap<PersonId, Attention>,
    /// Whose poor vote was refused, so that their next one counts.
    pub(super) asked_again: BTreeSet<PersonId>,
    pub(super) amendment: Option<Box<Amendment>>,
    pub(super) review: Option<Box<Review>>,
}

/// A roster as one escalation sees it: nobody stands in for who is excluded from it, or has voted.
#[derive(Clone, Copy)]
pub struct AsSeenBy<'a> {
    case: &'a Case,
    roster: &'a dyn Membership,
}

impl Membership for AsSeenBy<'_> {
    fn people(&self) -> Vec<PersonId> {
        self.roster.people()
    }

    fn holds(&self, person: &PersonId, role: &RoleName) -> bool {
        self.roster.holds(person, role)
    }

    fn belongs(&self, person: &PersonId, team: &TeamName) -> bool {
        self.roster.belongs(person, team)
    }

    fn reaches(&self, person: &PersonId, least: &RoleName) -> bool {
        self.roster.reaches(person, least)
    }

    fn known_as(&self, name: &str) -> Option<PersonId> {
        self.roster.known_as(name)
    }

    fn knows(&self, person: &PersonId) -> bool {
        self.roster.knows(person)
    }

    fn teams(&self, person: &PersonId) -> Vec<TeamName> {
        self.roster.teams(person)
    }

    fn manager(&self, person: &PersonId) -> Option<PersonId> {
        self.roster.manager(person)
    }

    fn stood_in_for(&self, person: &PersonId, least: Assurance) -> Vec<PersonId> {
        let mut absent = self.roster.stood_in_for(person, least);
        absent.retain(|one| !self.case.has_voted(one) && self.case.barred(one, self.roster).is_none());
        absent
    }
}

impl Case {
    pub(super) const fn new(opening: Box<Opening>) -> Self {
        Self {
            opening,
            votes: Vec::new(),
            void: Vec::new(),
            withdrawals: Vec::new(),
            refusals: 0,
            widened: 0,
            reminded: 0,
            asked: BTreeMap::new(),
            attention: BTreeMap::new(),
            asked_again: BTreeSet::new(),
            amendment: None,
            review: None,
        }
    }

    /// What was asked.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The votes that were counted and stand, in the order they came.
    #[must_use]
    pub fn votes(&self) -> &[Cast] {
        &self.votes
    }

    /// The votes that were counted and do not stand any more: taken back, or void.
    #[must_use]
    pub fn void_votes(&self) -> &[Cast] {
        &self.void
    }

    /// Who was asked to decide it.
    pub fn asked(&self) -> impl Iterator<Item = &PersonId> {
        self.asked.keys()
    }

    /// Whether this person was asked to decide it.
    #[must_use]
    pub fn was_asked(&self, person: &PersonId) -> bool {
        self.asked.contains_key(person)
    }

    /// Who was asked and passed it on. They may decide it all the same.
    #[must_use]
    pub fn passed_on(&self) -> BTreeSet<PersonId> {
        let asked = self.attention.iter().filter(|(_, attention)| attention.asked_at.is_some());
        asked.map(|(person, _)| person).filter(|person| !self.was_asked(person)).cloned().collect()
    }

    /// What this person did with it so far.
    #[must_use]
    pub fn attention_of(&self, person: &PersonId) -> Attention {
        self.attention.get(person).copied().unwrap_or_default()
    }

    /// The changed operation that waits for the agent.
    #[must_use]
    pub fn amendment(&self) -> Option<&Amendment> {
        self.amendment.as_deref()
    }

    /// The review of an emergency approval, once it is done.
    #[must_use]
    pub fn review(&self) -> Option<&Review> {
        self.review.as_deref()
    }

    /// The people who ask, operate the agent that asks, or are acted for; each by the name that the roster knows.
    fn principals(&self, roster: &dyn Membership) -> BTreeSet<PersonId> {
        let opening = &self.opening;
        let named = core::iter::once(opening.agent.as_str())
            .chain(opening.operators.iter().map(PersonId::as_str))
            .chain(opening.on_behalf_of.iter().map(PersonId::as_str));
        named.filter_map(|name| roster.known_as(name).or_else(|| PersonId::new(name).ok())).collect()
    }

    /// Why this person may not vote, whichever of their names they are asked under.
    pub(crate) fn barred(&self, person: &PersonId, roster: &dyn Membership) -> Option<VoteRefusal> {
        let is = |name: &str| name == person.as_str() || roster.known_as(name).as_ref() == Some(person);
        let opening = &self.opening;
        let asks = is(opening.agent.as_str()) || opening.operators.iter().any(|one| is(one.as_str()));
        if asks {
            return Some(VoteRefusal::Requester);
        }
        if opening.on_behalf_of.as_ref().is_some_and(|one| is(one.as_str())) {
            return Some(VoteRefusal::OnBehalfOf);
        }
        let principals = || self.principals(roster);
        let near = |exclusion: &&Exclusion| match exclusion {
            Exclusion::Team => principals()
                .iter()
                .flat_map(|one| roster.teams(one))
                .any(|team| roster.belongs(person, &team)),
            Exclusion::Manager => principals().iter().any(|one| roster.manager(one).as_ref() == Some(person)),
        };
        opening.terms.exclude.iter().find(near).map(|exclusion| VoteRefusal::Excluded(*exclusion))
    }

    pub(super) fn vote_of(&self, person: &PersonId) -> Option<&Cast> {
        self.votes.iter().find(|vote| vote.person() == person)
    }

    pub(super) fn has_voted(&self, person: &PersonId) -> bool {
        self.vote_of(person).is_some()
    }

    /// Whether this very statement was used up before.
    pub(super) fn is_spent(&self, vote: &VoteDigest) -> bool {
        self.withdrawals.iter().any(|(_, spent)| spent == vote)
            || self.void.iter().any(|cast| cast.statement.digest() == *vote)
    }

    /// The denial that ends it, once there are as many as the rule asks for.
    pub(super) fn denial(&self) -> Option<&Cast> {
        let last = self.opening.terms.denials.get().checked_sub(1)?;
        self.votes.iter().filter(|vote| vote.statement.choice == Choice::Deny).nth(last)
    }

    /// Whether a vote fills a seat of those that have to be filled where there is no emergency: a poor one may not,
    /// and whoever cried emergency is waited for and asked as anybody else would have been.
    #[must_use]
    pub fn counts(&self, vote: &Cast) -> bool {
        let poor = !vote.flags.is_empty();
        match (&vote.statement.choice, &self.opening.terms.diligence.on_poor) {
            (Choice::BreakGlass(_), _) if vote.at < self.counts_from(vote.person()) => false,
            (Choice::BreakGlass(_), OnPoor::AskAgain) | (_, OnPoor::NotCount) => !poor,
            (_, OnPoor::Flag | OnPoor::AskAgain | OnPoor::AddSeat(_)) => true,
        }
    }

    /// From when on an approval of this person counts where there is no emergency.
    #[must_use]
    pub fn counts_from(&self, person: &PersonId) -> Moment {
        self.opening.before(person).plus(self.opening.terms.min_review)
    }

    /// Whether this person says yes.
    pub(super) fn has_agreed(&self, person: &PersonId) -> bool {
        self.vote_of(person).is_some_and(Cast::approves)
    }

    /// Whether nobody says no.
    pub(super) fn is_undisputed(&self) -> bool {
        self.votes.iter().all(Cast::approves)
    }

    /// Whether a vote that was refused so is recorded. Of those without care each person has one, and it must not be
    /// lost in a flood of others: their next one counts.
    pub(super) fn records(&self, refusal: VoteRefusal, person: &PersonId) -> bool {
        let first = refusal == VoteRefusal::Careless && !self.asked_again.contains(person);
        first || self.refusals < MAX_REFUSALS
    }

    /// How many people have agreed so far, whichever seats they fill.
    #[must_use]
    pub fn agreed(&self) -> usize {
        self.agreements().len()
    }

    pub(super) fn agreements(&self) -> Vec<Agreement> {
        let approving = self.votes.iter().filter(|vote| vote.approves() && self.counts(vote));
        approving.map(agreement).collect()
    }

    /// Those who say that it is an emergency. There is no time for care then: it is reviewed afterwards.
    fn emergency_agreements(&self) -> Vec<Agreement> {
        let broke = |vote: &&Cast| matches!(vote.statement.choice, Choice::BreakGlass(_));
        self.votes.iter().filter(broke).map(agreement).collect()
    }

    /// Those who could still vote: everyone but who has voted and who may not.
    fn others(&self, roster: &dyn Membership) -> Vec<PersonId> {
        let may = |person: &PersonId| !self.has_voted(person) && self.barred(person, roster).is_none();
        roster.people().into_iter().filter(may).collect()
    }

    /// The stage of this moment: 0 as it was opened, then those of the ladder, then the escalation pool. They begin by
    /// themselves, or because nobody else could.
    #[must_use]
    pub fn stage(&self, now: Moment) -> usize {
        let passed = now.since(self.opening.opened_at);
        let by_time = self.opening.terms.ladder.iter().filter(|stage| stage.after <= passed).count();
        by_time.max(self.widened)
    }

    /// How many stages there are, the escalation pool included.
    #[must_use]
    pub const fn stages(&self) -> usize {
        self.opening.terms.ladder.len() + self.opening.terms.escalation_pool.is_some() as usize
    }

    /// The first of the stages that people are to be asked for at this moment: those that began since others were
    /// asked, who had their time.
    fn round(&self, now: Moment) -> usize {
        let stage = self.stage(now);
        self.asked.values().filter(|one| **one < stage).max().map_or(0, |before| before + 1)
    }

    /// Who was asked for an earlier stage than those of this moment. They may answer yet, and others are not to wait
    /// for that.
    #[must_use]
    pub fn silent(&self, now: Moment) -> BTreeSet<PersonId> {
        let round = self.round(now);
        self.asked.iter().filter(|(_, stage)| **stage < round).map(|(person, _)| person.clone()).collect()
    }

    /// Who must agree at this moment: as it was opened, or by a stage that has begun; and somebody besides where a
    /// poor vote asks for that. `None` if that is more than a requirement can be: then nobody can.
    #[must_use]
    pub fn requirement_at(&self, now: Moment) -> Option<Requirement> {
        self.requirement_since(0, now)
    }

    /// … by those stages alone that people are to be asked for at this moment.
    #[must_use]
    pub fn round_at(&self, now: Moment) -> Option<Requirement> {
        self.requirement_since(self.round(now), now)
    }

    fn requirement_since(&self, first: usize, now: Moment) -> Option<Requirement> {
        let terms = &self.opening.terms;
        let stages = terms.whole().take(self.stage(now) + 1).skip(first);
        let any: Vec<Requirement> = stages.cloned().collect();
        let any = match <[Requirement; 1]>::try_from(any) {
            Ok([only]) => only,
            Err(any) => Requirement::any(1, any).ok()?,
        };
        match &terms.diligence.on_poor {
            OnPoor::AddSeat(more)
                if self.votes.iter().any(|vote| vote.approves() && !vote.flags.is_empty()) =>
            {
                Requirement::all(vec![any, more.clone()]).ok()
            }
            OnPoor::AddSeat(_) | OnPoor::Flag | OnPoor::AskAgain | OnPoor::NotCount => Some(any),
        }
    }

    /// How far the requirement of this moment is met by the people who agreed and still may review.
    #[must_use]
    pub fn standing(&self, roster: &dyn Membership, now: Moment) -> Standing {
        let Some(requirement) = self.requirement_at(now) else { return Standing::Impossible };
        let seen = self.seen_on(roster);
        requirement.standing(&self.agreed_by(roster), &self.others(roster), &seen)
    }

    /// How far those who say that it is an emergency are enough; `None` where the rule knows none.
    pub(super) fn emergency_standing(&self, roster: &dyn Membership) -> Option<Standing> {
        let emergency = self.opening.terms.break_glass.as_ref()?;
        let seen = self.seen_on(roster);
        let agreed = self.valid(self.emergency_agreements(), roster);
        Some(emergency.requirement.standing(&agreed, &self.others(roster), &seen))
    }

    /// The roster as this escalation sees it: nobody stands in for who may not vote on it, or has.
    #[must_use]
    pub const fn seen_on<'a>(&'a self, roster: &'a dyn Membership) -> AsSeenBy<'a> {
        AsSeenBy { case: self, roster }
    }

    /// Those who have agreed, count, and may vote by the roster of this moment.
    #[must_use]
    pub fn agreed_by(&self, roster: &dyn Membership) -> Vec<Agreement> {
        self.valid(self.agreements(), roster)
    }

    /// The agreements of those who may vote by the roster of this moment: it may have changed since.
    fn valid(&self, mut agreements: Vec<Agreement>, roster: &dyn Membership) -> Vec<Agreement> {
        agreements.retain(|one| self.barred(&one.person, roster).is_none());
        agreements
    }

    /// The smallest sets of people who could complete it at this moment, at most `limit`.
    #[must_use]
    pub fn completions(&self, roster: &dyn Membership, now: Moment, limit: usize) -> Vec<BTreeSet<PersonId>> {
        let Some(requirement) = self.requirement_at(now) else { return Vec::new() };
        let seen = self.seen_on(roster);
        requirement.completions(&self.agreed_by(roster), &self.others(roster), &seen, limit)
    }

    /// Those who could fill a seat at this moment and have not voted.
    #[must_use]
    pub fn eligible(&self, roster: &dyn Membership, now: Moment) -> Vec<PersonId> {
        let Some(requirement) = self.requirement_at(now) else { return Vec::new() };
        let seen = self.seen_on(roster);
        self.others(roster).into_iter().filter(|person| requirement.admits(person, &seen)).collect()
    }

    /// Whether this person is one of the [`eligible`](Self::eligible), found without looking at everybody.
    #[must_use]
    pub fn is_eligible(&self, person: &PersonId, roster: &dyn Membership, now: Moment) -> bool {
        let may = roster.knows(person) && !self.has_voted(person) && self.barred(person, roster).is_none();
        may && self
            .requirement_at(now)
            .is_some_and(|requirement| requirement.admits(person, &self.seen_on(roster)))
    }

    /// Why a vote of this person can't count at this moment, or the least assurance with which an ordinary approval
    /// of theirs does.
    ///
    /// # Errors
    /// [`VoteRefusal`]: why.
    pub fn admits(
        &self,
        person: &PersonId,
        choice: &Choice,
        roster: &dyn Membership,
        now: Moment,
    ) -> Result<Assurance, VoteRefusal> {
        if let Some(barred) = self.barred(person, roster) {
            return Err(barred);
        }
        let seen = self.seen_on(roster);
        let ordinary = self.requirement_at(now);
        let ordinary = ordinary.and_then(|requirement| requirement.assurance_for(person, &seen));
        let emergency = self.opening.terms.break_glass.as_ref();
        let emergency = emergency.map(|one| one.requirement.assurance_for(person, &seen));
        match (choice, emergency) {
            (Choice::BreakGlass(_), None) => Err(VoteRefusal::NoBreakGlass),
            (Choice::BreakGlass(_), Some(least)) => least.ok_or(VoteRefusal::NotInPool),
            // Who may say yes in an emergency may also say no.
            (Choice::Deny | Choice::Withdraw, Some(Some(least))) => Ok(ordinary.unwrap_or(least)),
            (Choice::Approve(_) | Choice::Deny | Choice::Withdraw, _) => {
                ordinary.ok_or(VoteRefusal::NotInPool)
            }
        }
    }

    /// After so many tenths of the time people are to be reminded by now, if they were not.
    pub(super) fn reminder_due(&self, now: Moment) -> Option<u8> {
        let due = REMINDERS.into_iter().rev().find(|tenths| self.tenth(*tenths) <= now)?;
        (due > self.reminded).then_some(due)
    }

    fn tenth(&self, tenths: u8) -> Moment {
        self.opening.opened_at.plus(self.opening.terms.decide_within / 10 * u32::from(tenths))
    }

    /// The next moment after `now` at which a stage begins, people are reminded, or the time is over.
    pub(super) fn next_moment(&self, now: Moment) -> Moment {
        let stages = self.opening.terms.ladder.iter().map(|stage| self.opening.opened_at.plus(stage.after));
        let reminders = REMINDERS.into_iter().map(|tenths| self.tenth(tenths));
        stages.chain(reminders).filter(|moment| *moment > now).fold(self.opening.decide_by(), Moment::min)
    }
}

fn agreement(vote: &Cast) -> Agreement {
    Agreement { person: vote.person().clone(), assurance: vote.assurance }
}
