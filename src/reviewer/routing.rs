//! Routing: whom to ask about an escalation at this moment, and why just them (V2).

use super::attendance::{Attendance, Presence};
use super::person::Person;
use super::workload::{Likeness, Load, Workload};
use crate::escalation::requirement::{Agreement, Membership, Requirement};
use crate::escalation::{Case, Opening};
use crate::moment::Moment;
use crate::party::{AgentId, PersonId};
use crate::risk::pattern::Named;
use crate::token::Assurance;
use core::cmp::Reverse;
use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;

/// What people are to be found for.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Who must agree at this moment.
    pub requirement: &'a Requirement,
    /// Who has agreed.
    pub agreed: &'a [Agreement],
    /// Who could still vote, and fill a seat.
    pub eligible: &'a [PersonId],
    /// Who was asked before.
    pub asked: &'a BTreeSet<PersonId>,
    /// Who of them was asked for an earlier stage, and has had their time: others come first.
    pub silent: &'a BTreeSet<PersonId>,
    /// Who was asked before and passed it on.
    pub passed_on: &'a BTreeSet<PersonId>,
    /// The roster as the escalation sees it, with who stands in for whom.
    pub roster: &'a dyn Membership,
    /// Which agent asks.
    pub agent: &'a AgentId,
    /// To do what.
    pub action: &'a str,
    /// To what.
    pub resource: &'a str,
    /// What it is equivalent to.
    pub like: Likeness,
    /// Whether people are asked outside of their working hours, and those who passed it on: where nobody else is left
    /// to be asked.
    pub off_hours: bool,
}

/// Whom to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Whom to ask now, besides those who were asked; whose turn it is first, then spares.
    pub ask: Vec<Turn>,
    /// Whether they can complete it, together with those who were asked and are there. If not, the next stage or the
    /// escalation pool is to be asked as well.
    pub enough: bool,
    /// Who could have been asked and is not there to be, with why.
    pub passed_over: Vec<(PersonId, Obstacle)>,
    /// When to look again, even if nothing happens: somebody comes or goes, or a day begins.
    pub again_at: Option<Moment>,
}

/// A person whose turn it is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who.
    pub person: PersonId,
    /// Whether they are asked so that it goes on if somebody else does not answer.
    pub spare: bool,
    /// What they know that this is about.
    pub knows: Option<String>,
    /// Whether something equivalent waits for them already.
    pub alike: bool,
    /// Whether it is outside of their working hours.
    pub off_hours: bool,
    /// How many things wait for them.
    pub pending: usize,
    /// How often they were asked today.
    pub asked_today: usize,
    /// When they were last asked.
    pub last_asked: Option<Moment>,
    /// Who is away and whose power they may fill a seat with.
    pub stands_in_for: Vec<PersonId>,
}

/// Why somebody who could vote is not asked. They can vote all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// They are not there.
    NotThere(Presence),
    /// They were asked as often today as they may be.
    DailyCap(u32),
    /// They were asked as often today for this agent as it may be: the rest is for others.
    AgentsShare(usize),
    /// They passed it on.
    PassedOn,
}

/// In words: `knows k8s.*, 2 pending, asked twice today`.
impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(knows) = &self.knows {
            write!(f, "knows {knows}, ")?;
        }
        if self.alike {
            f.write_str("has the like before them, ")?;
        }
        write!(f, "{} pending, ", self.pending)?;
        match self.asked_today {
            0 => f.write_str("not asked today")?,
            asked => write!(f, "asked {} today", Times(asked))?,
        }
        if self.off_hours {
            f.write_str(", outside working hours")?;
        }
        for absent in &self.stands_in_for {
            write!(f, ", stands in for {absent}")?;
        }
        if self.spare { f.write_str(", in case somebody else does not answer") } else { Ok(()) }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere(presence) => presence.fmt(f),
            Self::DailyCap(cap) => {
                write!(
                    f,
                    "asked {} today, which is their daily cap",
                    Times(usize::try_from(*cap).unwrap_or(usize::MAX))
                )
            }
            Self::PassedOn => f.write_str("passed it on"),
            Self::AgentsShare(share) => {
                write!(
                    f,
                    "asked {} today for this agent, which is its half of their daily cap",
                    Times(*share)
                )
            }
        }
    }
}

/// `once`, `twice`, `3 times`.
struct Times(usize);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("once"),
            2 => f.write_str("twice"),
            times => write!(f, "{times} times"),
        }
    }
}

/// How often one agent may have a person asked a day: half of their cap, so that no flood of one takes a reviewer from
/// all others.
#[must_use]
pub fn agents_share(daily_cap: u32) -> usize {
    usize::try_from(daily_cap / 2).unwrap_or(usize::MAX).max(1)
}

/// Whether people may be asked outside of their working hours, where nobody else is left: half of the time to decide is
/// over, so that it is not enough to wait for them.
#[must_use]
pub fn is_pressing(opening: &Opening, now: Moment) -> bool {
    now >= opening.opened_at.plus(opening.terms.decide_within / 2)
}

/// What an escalation is about, as far as its opening does not say it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// What is to be done.
    pub action: &'a str,
    /// To what.
    pub resource: &'a str,
    /// What it is equivalent to.
    pub like: Likeness,
}

/// Whom to ask about this escalation now; nobody where nobody could complete it. `off_hours` as in [`Question`].
#[must_use]
pub fn route_case(
    case: &Case,
    about: About<'_>,
    off_hours: bool,
    attendance: &Attendance<'_>,
    workload: &Workload,
) -> Route {
    let now = attendance.at();
    let roster = case.seen_on(attendance);
    let (eligible, agreed) = (case.eligible(attendance, now), case.agreed_by(attendance));
    let (asked, silent) = (case.asked().cloned().collect(), case.silent(now));
    let passed_on = case.passed_on();
    let found = |requirement: &Requirement| {
        let eligible: Vec<PersonId> =
            eligible.iter().filter(|person| requirement.admits(person, &roster)).cloned().collect();
        let question = Question {
            requirement,
            agreed: &agreed,
            eligible: &eligible,
            asked: &asked,
            silent: &silent,
            passed_on: &passed_on,
            roster: &roster,
            agent: &case.opening().agent,
            action: about.action,
            resource: about.resource,
            like: about.like,
            off_hours,
        };
        route(&question, attendance, workload)
    };
    let (Some(whole), Some(round)) = (case.requirement_at(now), case.round_at(now)) else {
        // It is more than a requirement can be: nobody is missing who could help.
        return Route { enough: true, ..Route::default() };
    };
    let mut route = found(&round);
    if !route.enough && round != whole {
        // A stage that has begun finds nobody, and those who were asked before it may answer yet.
        let before = found(&whole);
        route.enough = before.enough;
        route.again_at = route.again_at.into_iter().chain(before.again_at).min();
    }
    route
}

/// Whom to ask about this now.
///
/// Those who know the matter come first, then who has the fewest things waiting, was asked least often today, and
/// least lately. As few are asked as can complete it, and so many more that it can still be completed without any one
/// of them: people overlook a message or go home, and a spare costs one message more, while without one everybody
/// waits for the next stage. Two absences at a time are for that stage. Nobody is a spare in the second half of their
/// daily cap, so that spares never use up whoever is needed; but the half that one agent may flood is not held against
/// the others.
///
/// The daily cap holds for everyone, whatever is at stake: who is asked all day long reads nothing any more.
#[must_use]
pub fn route(question: &Question<'_>, attendance: &Attendance<'_>, workload: &Workload) -> Route {
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    let (action, resource) = (Named::new(question.action), Named::new(question.resource));
    for id in question.eligible {
        let Some(person) = attendance.directory().person(id) else { continue };
        candidates.push(Candidate::new(person, question, (&action, &resource), attendance, workload));
    }
    candidates.sort_by(|one, other| one.order().cmp(&other.order()));
    let (there, missing): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|one| one.obstacle.is_none());

    let id = |one: &Candidate<'_>| one.person.id.clone();
    let available: Vec<PersonId> = there.iter().map(id).collect();
    let everyone: Vec<PersonId> = available.iter().cloned().chain(missing.iter().map(id)).collect();
    let complete =
        |ranked: &[PersonId]| question.requirement.best_completion(question.agreed, ranked, question.roster);
    let needed = complete(&available);
    let enough = needed.is_some();
    // Where too few are there, those of the best completion who are begin.
    let mut chosen = needed.or_else(|| complete(&everyone)).unwrap_or_default();
    chosen.retain(|person| available.contains(person));
    let rested = there.iter().filter(|one| one.may_be_spare).map(id).collect::<Vec<_>>();
    let spares = if enough { spares(&chosen, &rested, complete) } else { Vec::new() };

    let mut again_at: Vec<Option<Moment>> = Vec::new();
    let mut route = Route { enough, ..Route::default() };
    for candidate in there {
        let spare = spares.contains(&candidate.person.id);
        if !spare && !chosen.contains(&candidate.person.id) {
            continue;
        }
        again_at.push(candidate.presence.until());
        if !candidate.was_asked {
            route.ask.push(Turn { spare, ..candidate.turn });
        }
    }
    route.ask.sort_by_key(|turn| turn.spare);
    for candidate in missing {
        if !enough {
            again_at.push(candidate.presence.until());
            again_at.push(candidate.next_day(attendance.at()));
        }
        route.passed_over.extend(candidate.obstacle.map(|obstacle| (candidate.person.id.clone(), obstacle)));
    }
    route.again_at = again_at.into_iter().flatten().filter(|moment| *moment > attendance.at()).min();
    route
}

/// Who of `rested` has to be asked besides `chosen`, so that any one of all can be missing; as far as there are people
/// for it.
fn spares(
    chosen: &[PersonId],
    rested: &[PersonId],
    complete: impl Fn(&[PersonId]) -> Option<Vec<PersonId>>,
) -> Vec<PersonId> {
    let mut spares: Vec<PersonId> = Vec::new();
    for missing in chosen {
        // Those who are asked anyway come first.
        let asked = chosen.iter().chain(&spares);
        let rest = rested.iter().filter(|person| !chosen.contains(person) && !spares.contains(person));
        let ranked: Vec<PersonId> = asked.chain(rest).filter(|person| *person != missing).cloned().collect();
        for person in complete(&ranked).unwrap_or_default() {
            if !chosen.contains(&person) && !spares.contains(&person) {
                spares.push(person);
            }
        }
    }
    spares
}

/// Somebody who could be asked.
struct Candidate<'a> {
    person: &'a Person,
    was_asked: bool,
    silent: bool,
    passed_on: bool,
    presence: Presence,
    obstacle: Option<Obstacle>,
    /// Whether they are asked though they may not be needed.
    may_be_spare: bool,
    turn: Turn,
}

impl<'a> Candidate<'a> {
    fn new(
        person: &'a Person,
        question: &Question<'_>,
        (action, resource): (&Named<'_>, &Named<'_>),
        attendance: &Attendance<'_>,
        workload: &Workload,
    ) -> Self {
        let load = workload.of(&person.id);
        let today = person.day_of(attendance.at());
        let asked_today = load.map_or(0, |load| load.asked_since(today));
        let by_agent = load.map_or(0, |load| load.asked_since_for(question.agent, today));
        let presence =
            attendance.presence(&person.id).unwrap_or(Presence::Away { until: None, delegate: None });
        let turn = Turn {
            person: person.id.clone(),
            spare: false,
            knows: person.knows(action, resource).map(ToString::to_string),
            alike: load.is_some_and(|load| load.has_alike(question.like)),
            off_hours: matches!(presence, Presence::OffHours { .. }),
            pending: load.map_or(0, Load::pending),
            asked_today,
            last_asked: load.and_then(Load::last_asked),
            stands_in_for: question.roster.stood_in_for(&person.id, Assurance::Channel),
        };
        let was_asked = question.asked.contains(&person.id);
        let silent = question.silent.contains(&person.id);
        let passed_on = question.passed_on.contains(&person.id);
        let share = agents_share(person.daily_cap);
        let is_there = presence.is_there() || (turn.off_hours && question.off_hours);
        let obstacle = match () {
            () if !is_there => Some(Obstacle::NotThere(presence.clone())),
            () if passed_on && !question.off_hours => Some(Obstacle::PassedOn),
            // Nobody is asked twice, and what waits beside its like is no more to do.
            () if was_asked || turn.alike => None,
            () if asked_today >= usize::try_from(person.daily_cap).unwrap_or(usize::MAX) => {
                Some(Obstacle::DailyCap(person.daily_cap))
            }
            () if by_agent >= share => Some(Obstacle::AgentsShare(share)),
            () => None,
        };
        let flood = load.map_or(0, |load| load.asked_since_for_heaviest(today));
        let part = |of: u32| usize::try_from(person.daily_cap.div_ceil(of)).unwrap_or(usize::MAX);
        let may_be_spare = was_asked || turn.alike || asked_today < part(2) || asked_today - flood < part(4);
        Self { person, was_asked, silent, passed_on, presence, obstacle, may_be_spare, turn }
    }

    /// Whose turn it is: the lowest first.
    fn order(&self) -> impl Ord + use<'a> {
        let turn = &self.turn;
        (
            // Whoever said that somebody else should do it is the last resort.
            self.passed_on,
            self.silent,
            // Whoever has it before them already, or its like, has no more to do for it.
            Reverse(self.was_asked),
            Reverse(turn.alike),
            turn.off_hours,
            Reverse(turn.knows.is_some()),
            turn.pending,
            turn.asked_today,
            turn.last_asked,
            self.person.id.clone(),
        )
    }

    /// When the next day begins where the person lives, if it is the day that keeps them from being asked.
    fn next_day(&self, now: Moment) -> Option<Moment> {
        match self.obstacle {
            Some(Obstacle::DailyCap(_) | Obstacle::AgentsShare(_)) => {
                // Noon of tomorrow is in tomorrow, however long today is.
                let tomorrow = self.person.day_of(now).plus(Duration::from_secs(36 * 60 * 60));
                Some(self.person.day_of(tomorrow))
            }
            Some(Obstacle::NotThere(_) | Obstacle::PassedOn) | None => None,
        }
    }
}
