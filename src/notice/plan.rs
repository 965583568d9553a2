//! Which notices follow from the course of an escalation, and to whom.
//!
//! They follow from the record, the roster and the time, and from nothing that was said before, so that a restart finds
//! the same ones under the same ids. Nobody is told of what they did themselves, and whoever asks, or is asked for, is
//! never told of their own request.

use super::{NoticeId, Recipient, Topic, Urgency};
use crate::escalation::requirement::Membership;
use crate::escalation::{Channel, Escalation, Event, Status};
use crate::moment::Moment;
use crate::party::{EscalationId, PersonId};
use crate::risk::Level;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// How long it is worth telling the team of something that is over.
const NEWS: Duration = Duration::from_secs(24 * 60 * 60);
/// With less time left than this, a message has to be read now.
const PRESSING: Duration = Duration::from_secs(15 * 60);
/// After so many tenths of the time a reminder has to be read now.
const LAST_REMINDER: u8 = 9;
/// The most people who are told that an emergency has to be reviewed.
const MAX_REVIEWERS: usize = 10;

/// A notice that is owed to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// Its id.
    pub notice: NoticeId,
    /// What it is about.
    pub topic: Topic,
    /// The escalation that it concerns, if it concerns one.
    pub escalation: Option<EscalationId>,
    /// Who is told.
    pub to: Recipient,
    /// Since when it is owed: when its cause was recorded.
    pub since: Moment,
    /// How much it matters that it is read now.
    pub urgency: Urgency,
    /// Until when it can be held back where its recipient wants to be left alone.
    pub hold_until: Moment,
    /// Until when it is worth telling.
    pub until: Moment,
    /// What it says, where that is not read from an escalation.
    pub says: Option<Box<str>>,
}

impl Owed {
    /// What is owed besides what follows from an escalation: news in words, to be told within a day.
    #[must_use]
    pub fn news(topic: Topic, cause: &[&[u8]], to: Recipient, says: &str, since: Moment) -> Self {
        let notice = NoticeId::of(&[&[topic.as_str().as_bytes()], cause].concat(), &to);
        let until = since.plus(NEWS);
        let says = Some(says.into());
        let (urgency, escalation) = (Urgency::Low, None);
        Self { notice, topic, escalation, to, since, urgency, hold_until: until, until, says }
    }

    /// Whether somebody is to do something because of it, so that it is worth nothing once that is not possible any more.
    #[must_use]
    pub const fn calls(&self) -> bool {
        match self.topic {
            Topic::Asked | Topic::Reminded | Topic::PassedOn | Topic::ReviewDue => true,
            Topic::Updated
            | Topic::Emergency
            | Topic::Digest
            | Topic::Expired
            | Topic::Saturated
            | Topic::Account => false,
        }
    }
}

/// The course of an escalation as far as it was recorded, and where it belongs.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    /// How it stands.
    pub escalation: &'a Escalation,
    /// Its steps in order, each with when it was recorded.
    pub steps: &'a [(Moment, Event)],
    /// How risky it is.
    pub level: Level,
}

/// How often what a message says of it has changed. A message that can be changed is, whenever this has grown. Where
/// votes are `hidden`, a vote changes no message: that there is one would be seen by that.
#[must_use]
pub fn revision(steps: &[(Moment, Event)], hidden: bool) -> usize {
    let shown = |step: &Event| !hidden || !matches!(step, Event::Voted(_) | Event::Withdrawn(_));
    steps.iter().filter(|(_, step)| changes(step) && shown(step)).count()
}

/// Whether a message about it says something else from this step on.
const fn changes(step: &Event) -> bool {
    match step {
        Event::Widened { .. }
        | Event::Voted(_)
        | Event::Withdrawn(_)
        | Event::Amended(_)
        | Event::Approved(_)
        | Event::Denied { .. }
        | Event::Expired { .. }
        | Event::Cancelled { .. }
        | Event::Blocked { .. }
        | Event::Claimed { .. }
        | Event::Lapsed { .. }
        | Event::Reviewed(_) => true,
        Event::Opened(_)
        | Event::Asked { .. }
        | Event::Reassigned { .. }
        | Event::Reminded { .. }
        | Event::Seen { .. }
        | Event::VoteRefused { .. } => false,
    }
}

/// The notices that are owed by now. `team` are the places of those who run this.
#[must_use]
pub fn plan(course: Course<'_>, roster: &dyn Membership, team: &[Channel], now: Moment) -> Vec<Owed> {
    let mut plan = Plan { course, roster, team, now, owed: Vec::new() };
    plan.calls();
    plan.news();
    plan.reviews();
    plan.owed
}

struct Plan<'a> {
    course: Course<'a>,
    roster: &'a dyn Membership,
    team: &'a [Channel],
    now: Moment,
    owed: Vec<Owed>,
}

impl Plan<'_> {
    fn owe(&mut self, topic: Topic, what: &[u8], to: Recipient, since: Moment, until: Moment) {
        let opening = self.course.escalation.case().opening();
        let notice = NoticeId::of(&[opening.id.as_bytes(), topic.as_str().as_bytes(), what], &to);
        let urgency = self.urgency(topic, what, until);
        // Half of the time is for deciding.
        let half = opening.opened_at.plus(opening.terms.decide_within / 2);
        let hold_until = if topic == Topic::ReviewDue {
            // As much of it is for reviewing.
            since.plus(until.since(since) / 2)
        } else if until == opening.decide_by() {
            half
        } else {
            until
        };
        let escalation = Some(opening.id);
        self.owed.push(Owed { notice, topic, escalation, to, since, urgency, hold_until, until, says: None });
    }

    fn urgency(&self, topic: Topic, what: &[u8], until: Moment) -> Urgency {
        match topic {
            Topic::Emergency => Urgency::High,
            Topic::ReviewDue if what == OVERDUE => Urgency::High,
            Topic::Reminded if what == [LAST_REMINDER] => Urgency::High,
            Topic::Asked | Topic::Reminded | Topic::PassedOn => {
                let pressing = until.since(self.now) < PRESSING;
                if pressing || self.course.level >= Level::High { Urgency::High } else { Urgency::Normal }
            }
            Topic::ReviewDue | Topic::Updated => Urgency::Normal,
            Topic::Digest | Topic::Expired | Topic::Saturated => Urgency::Low,
            // Whoever did not do it themselves has to hear of it at once.
            Topic::Account => Urgency::High,
        }
    }

    /// Those who are asked to decide, while they can.
    fn calls(&mut self) {
        let case = self.course.escalation.case();
        let open = self.course.escalation.status(self.now) == Status::Pending && case.amendment().is_none();
        if !open {
            return;
        }
        let (opening, roster) = (case.opening(), self.roster);
        let until = opening.decide_by();
        for place in places(&opening.terms.channels) {
            self.owe(Topic::Asked, &[], place, opening.opened_at, until);
        }
        let mut called: BTreeMap<&PersonId, (Topic, Vec<u8>, Moment)> = BTreeMap::new();
        for (at, step) in self.course.steps {
            match step {
                Event::Asked { people, .. } => {
                    called.extend(people.iter().map(|person| (person, (Topic::Asked, Vec::new(), *at))));
                }
                Event::Reassigned { from, to, .. } => {
                    called.remove(from);
                    called.insert(to, (Topic::PassedOn, Vec::new(), *at));
                }
                // Whoever was called before has this instead of what they have not heard yet.
                Event::Reminded { tenths, .. } => {
                    for call in called.values_mut() {
                        *call = (Topic::Reminded, vec![*tenths], *at);
                    }
                }
                Event::Opened(_)
                | Event::Seen { .. }
                | Event::Widened { .. }
                | Event::Voted(_)
                | Event::VoteRefused { .. }
                | Event::Withdrawn(_)
                | Event::Amended(_)
                | Event::Approved(_)
                | Event::Denied { .. }
                | Event::Expired { .. }
                | Event::Cancelled { .. }
                | Event::Blocked { .. }
                | Event::Claimed { .. }
                | Event::Lapsed { .. }
                | Event::Reviewed(_) => {}
            }
        }
        let voted: BTreeSet<&PersonId> = case.votes().iter().map(|vote| vote.person()).collect();
        called.retain(|person, _| !voted.contains(person) && case.barred(person, roster).is_none());
        for (person, (topic, what, at)) in called {
            self.owe(topic, &what, Recipient::Person(person.clone()), at, until);
        }
    }

    /// What the team hears, and what programs hear that were told before: a person sees how it ended where they look.
    fn news(&mut self) {
        let channels = &self.course.escalation.case().opening().terms.channels;
        let programs: Vec<Recipient> = places(channels).filter(is_program).collect();
        for (at, step) in self.course.steps {
            let until = at.plus(NEWS);
            let topic = if let Event::Expired { .. } = step {
                Some(Topic::Expired)
            } else if let Event::Approved(grant) = step
                && grant.emergency
            {
                Some(Topic::Emergency)
            } else {
                None
            };
            let team: Vec<Recipient> = match topic {
                Some(_) => team_places(self.team).collect(),
                None => Vec::new(),
            };
            for (topic, place) in topic.iter().flat_map(|topic| team.iter().map(move |place| (*topic, place)))
            {
                self.owe(topic, &[], place.clone(), *at, until);
            }
            if step.ends() || matches!(step, Event::Approved(_) | Event::Claimed { .. }) {
                for place in programs.iter().filter(|place| !team.contains(place)) {
                    self.owe(Topic::Updated, step.name().as_bytes(), place.clone(), *at, until);
                }
            }
        }
    }

    /// Those who can review an emergency that was used: when it was, and when it should have been reviewed.
    fn reviews(&mut self) {
        let Some(due) = self.course.escalation.review_due() else { return };
        let claimed = self.course.steps.iter().find(|(_, step)| matches!(step, Event::Claimed { .. }));
        let Some((at, _)) = claimed else { return };
        let people = self.roster.people().into_iter();
        let may = |person: &PersonId| self.course.escalation.awaits_review_by(person, self.roster);
        let mut reviewers: Vec<PersonId> = people.filter(may).collect();
        // Who was asked knows of it already.
        let case = self.course.escalation.case();
        reviewers.sort_by_key(|person| !case.was_asked(person));
        reviewers.truncate(MAX_REVIEWERS);
        for person in reviewers {
            let person = Recipient::Person(person);
            if self.now < due {
                self.owe(Topic::ReviewDue, &[], person, *at, due);
            } else {
                self.owe(Topic::ReviewDue, OVERDUE, person, due, due.plus(NEWS));
            }
        }
        if self.now >= due {
            for place in team_places(self.team) {
                self.owe(Topic::ReviewDue, OVERDUE, place, due, due.plus(NEWS));
            }
        }
    }
}

/// A review that was not made in time.
const OVERDUE: &[u8] = b"overdue";

/// The places that a rule names.
fn places(channels: &[Channel]) -> impl Iterator<Item = Recipient> {
    let named = channels.iter().filter(|channel| channel.which().is_some() && channel.kind() != "console");
    named.map(place)
}

fn team_places(team: &[Channel]) -> impl Iterator<Item = Recipient> {
    team.iter().filter(|place| place.which().is_some()).map(place)
}

fn place(channel: &Channel) -> Recipient {
    Recipient::Place(channel.as_str().into())
}

fn is_program(to: &Recipient) -> bool {
    matches!(to, Recipient::Place(place) if place.starts_with("webhook:"))
}
