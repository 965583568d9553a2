//! The report: every number of the statistics as it is told, on the terminal, as JSON and over gRPC (docs/analytics.md).

use super::drift::DriftReport;
use super::interval::Rate;
use super::people::Reviewer;
use super::spread::Spread;
use super::stages::{Asking, Stage};
use super::tally::{Decisions, Endings, Group};
use super::{Date, Groups, Statistics};
use crate::audit::event::Saturated;
use crate::moment::Moment;
use crate::party::PersonId;
use crate::risk::Level;
use crate::risk::calendar;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// Everything that the statistics say.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of this form: 1.
    pub version: u32,
    /// How many records it is made of.
    pub records: u64,
    /// The first and the last operation that is counted.
    #[serde(serialize_with = "moment")]
    pub from: Option<Moment>,
    /// See `from`.
    #[serde(serialize_with = "moment")]
    pub to: Option<Moment>,
    /// The time zone of `hours` and `days`.
    pub zone: String,
    /// All operations together.
    pub overall: Share,
    /// By action, the most frequent first.
    pub actions: Vec<Named>,
    /// By agent, the most frequent first.
    pub agents: Vec<Named>,
    /// By level, the lowest first.
    pub levels: Vec<Named>,
    /// By the hour of the request in that time zone.
    pub hours: Vec<Named>,
    /// By the hour of the request in UTC.
    pub hours_utc: Vec<Named>,
    /// By day or week, the earliest first.
    pub days: Vec<Day>,
    /// By the rule that asked people, or the level where no rule did, the most frequent first.
    pub rules: Vec<RuleReport>,
    /// The stages of all ladders together, the first as they were opened.
    pub stages: Vec<StageReport>,
    /// By reviewer, by id.
    pub reviewers: Vec<ReviewerReport>,
    /// The drills.
    pub drills: Drills,
    /// The emergencies.
    pub emergencies: Emergencies,
    /// The scores beside the incidents.
    pub drift: DriftReport,
    /// When the queue began, and ceased, to be saturated.
    pub saturation: Vec<Told>,
}

/// What operations that have something in common came to.
#[derive(Clone, Debug, Serialize)]
pub struct Share {
    /// How many there were.
    pub operations: u64,
    /// What became of them at once.
    pub decisions: Decisions,
    /// What part of them went to people.
    pub escalated: Rate,
    /// How what people were asked ended.
    pub endings: Endings,
    /// Of what has ended: approved.
    pub approved: Rate,
    /// … denied.
    pub denied: Rate,
    /// … nobody decided in time.
    pub expired: Rate,
    /// … withdrawn by the agent.
    pub withdrawn: Rate,
    /// … changed by a reviewer.
    pub changed: Rate,
    /// … blocked.
    pub blocked: Rate,
    /// How long reviewers had it before them until they voted.
    pub review: Spread,
    /// How long it took from the request to the approval.
    pub approval: Spread,
}

/// … by name.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// The action, agent, level or hour; `(others)` for those for which there was no room.
    pub name: String,
    /// What they came to.
    #[serde(flatten)]
    pub share: Share,
}

/// … of a day or a week.
#[derive(Clone, Debug, Serialize)]
pub struct Day {
    /// The day, or the Monday of the week.
    pub day: String,
    /// What they came to.
    #[serde(flatten)]
    pub share: Share,
}

/// What a rule asked people.
#[derive(Clone, Debug, Serialize)]
pub struct RuleReport {
    /// `rule:` and its name, or `level:` and the level.
    pub cause: String,
    /// How it ended.
    pub endings: Endings,
    /// Of what has ended: nobody decided in time.
    pub expired: Rate,
    /// … blocked.
    pub blocked: Rate,
    /// Its stages.
    pub stages: Vec<StageReport>,
    /// How often a stage began early because nobody before it could complete it.
    pub widened_nobody_can: u64,
    /// How often a stage began early because too few of those before it were there.
    pub widened_nobody_there: u64,
    /// How often each person filled a seat.
    pub seated: BTreeMap<PersonId, u64>,
    /// The smallest number of people that it took.
    pub people: usize,
}

/// One stage of a ladder.
#[derive(Clone, Debug, Serialize)]
pub struct StageReport {
    /// 0 as it was opened; the escalation pool is the last.
    pub stage: usize,
    /// Of those that have ended and had it, how many reached it.
    pub reached: Rate,
    /// How many ended in it.
    pub ended: u64,
}

/// One reviewer.
#[derive(Clone, Debug, Serialize)]
pub struct ReviewerReport {
    /// Who.
    pub person: PersonId,
    /// How often they were asked.
    pub asked: u64,
    /// How often they passed it on.
    pub passed_on: u64,
    /// How often they approved.
    pub approvals: u64,
    /// … of these, in an emergency.
    pub emergencies: u64,
    /// How often they denied.
    pub denials: u64,
    /// How often they proposed another operation.
    pub changes: u64,
    /// How often they took back what they had said.
    pub withdrawals: u64,
    /// Of their votes, how many approve.
    pub approving: Rate,
    /// How many of their approvals were flagged, by the code of the flag.
    pub flags: BTreeMap<&'static str, u64>,
    /// How often they were asked to look again.
    pub asked_again: u64,
    /// How long they had before them what they voted on.
    pub review: Spread,
    /// How many drills they denied.
    pub drills_caught: u64,
    /// How many drills they would have approved.
    pub drills_missed: u64,
    /// How often they may be asked a day.
    pub daily_cap: Option<u64>,
    /// On how many days they were asked.
    pub days: u64,
    /// … on how many of these nine tenths of their cap, or more.
    pub full_days: u64,
    /// How often on the busiest of them.
    pub busiest_day: u64,
}

/// The drills, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drills {
    /// How many were opened.
    pub opened: u64,
    /// Somebody denied it.
    pub caught: u64,
    /// Enough people would have approved it.
    pub missed: u64,
    /// Nobody decided in time.
    pub unanswered: u64,
    /// It ended otherwise.
    pub over: u64,
}

/// The emergencies, and their reviews.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Emergencies {
    /// How many were approved.
    pub approved: u64,
    /// How many were found right afterwards.
    pub justified: u64,
    /// How many were found wrong.
    pub unjustified: u64,
    /// How many wait for their review.
    pub waiting: u64,
    /// … longer than they should.
    pub overdue: u64,
}

/// When the queue began, or ceased, to be saturated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// When that was seen.
    #[serde(serialize_with = "when")]
    pub at: Moment,
    /// What.
    #[serde(flatten)]
    pub saturated: Saturated,
}

impl Statistics {
    /// What they say at this moment.
    #[must_use]
    pub fn report(&self, now: Moment) -> Report {
        let mut emergencies = self.emergencies;
        let waiting = self.live.values().filter(|live| live.keys.counted).filter_map(|live| live.review_by);
        for due in waiting {
            emergencies.waiting += 1;
            emergencies.overdue += u64::from(due < now);
        }
        let hours = |groups: &[Group]| -> Vec<Named> {
            groups.iter().enumerate().map(|(hour, group)| named(format!("{hour:02}"), group)).collect()
        };
        let rules = self.rules.iter().map(|(cause, asking)| RuleReport::of(cause, asking));
        let mut rules: Vec<RuleReport> = rules.filter(|rule| rule.endings.opened > 0).collect();
        rules.sort_by_key(|rule| core::cmp::Reverse(rule.endings.opened));
        Report {
            version: 1,
            records: self.next,
            from: self.span.map(|(first, _)| first),
            to: self.span.map(|(_, last)| last),
            zone: if self.settings.zone.is_empty() {
                "UTC".to_owned()
            } else {
                self.settings.zone.to_string()
            },
            overall: Share::of(&self.all),
            actions: by_name(&self.actions, ToString::to_string),
            agents: by_name(&self.agents, ToString::to_string),
            levels: Level::ALL
                .iter()
                .zip(&self.levels)
                .map(|(level, group)| named(level.to_string(), group))
                .collect(),
            hours: hours(&self.hours),
            hours_utc: hours(&self.hours_utc),
            days: self
                .days
                .iter()
                .map(|(day, group)| Day { day: date(*day), share: Share::of(group) })
                .collect(),
            rules,
            stages: stages(&self.stages),
            reviewers: self.people.iter().map(|(id, reviewer)| ReviewerReport::of(id, reviewer)).collect(),
            drills: self.drills,
            emergencies,
            drift: self.drift.report(),
            saturation: self.told.iter().cloned().collect(),
        }
    }
}

impl Report {
    /// The report with at most so many actions, agents, rules, days and reviewers: the most frequent, and the latest days.
    #[must_use]
    pub fn shortened(mut self, most: usize) -> Self {
        self.actions.truncate(most);
        self.agents.truncate(most);
        self.rules.truncate(most);
        self.days.drain(..self.days.len().saturating_sub(most));
        if self.reviewers.len() > most {
            self.reviewers.sort_by_key(|reviewer| core::cmp::Reverse(reviewer.asked));
            self.reviewers.truncate(most);
        }
        self
    }
}

impl Share {
    fn of(group: &Group) -> Self {
        let Group { decisions, endings, review, approval } = group;
        Self {
            operations: decisions.all(),
            decisions: *decisions,
            escalated: decisions.share_escalated(),
            endings: *endings,
            approved: endings.rate(endings.approved),
            denied: endings.rate(endings.denied),
            expired: endings.rate(endings.expired),
            withdrawn: endings.rate(endings.withdrawn),
            changed: endings.rate(endings.changed),
            blocked: endings.rate(endings.blocked),
            review: review.clone(),
            approval: approval.clone(),
        }
    }
}

impl RuleReport {
    fn of(cause: &str, asking: &Asking) -> Self {
        let endings = asking.endings;
        Self {
            cause: cause.to_owned(),
            endings,
            expired: endings.rate(endings.expired),
            blocked: endings.rate(endings.blocked),
            stages: stages(&asking.stages),
            widened_nobody_can: asking.widened_nobody_can,
            widened_nobody_there: asking.widened_nobody_there,
            seated: asking.seated.clone(),
            people: asking.people,
        }
    }
}

impl ReviewerReport {
    fn of(person: &PersonId, reviewer: &Reviewer) -> Self {
        let all = reviewer.as_of_now();
        Self {
            person: person.clone(),
            asked: all.asked,
            passed_on: all.passed_on,
            approvals: all.approvals,
            emergencies: all.emergencies,
            denials: all.denials,
            changes: all.changes,
            withdrawals: all.withdrawals,
            approving: Rate::new(all.approvals, all.approvals + all.denials + all.changes),
            flags: all.flags,
            asked_again: all.asked_again,
            review: all.review,
            drills_caught: all.drills_caught,
            drills_missed: all.drills_missed,
            daily_cap: all.daily_cap,
            days: all.days,
            full_days: all.full_days,
            busiest_day: all.busiest_day,
        }
    }
}

fn named(name: String, group: &Group) -> Named {
    Named { name, share: Share::of(group) }
}

fn by_name<K>(groups: &Groups<K>, name: impl Fn(&K) -> String) -> Vec<Named> {
    let mut all: Vec<Named> = groups.known.iter().map(|(key, group)| named(name(key), group)).collect();
    all.sort_by_key(|one| core::cmp::Reverse(one.share.operations));
    if groups.others.decisions.all() > 0 {
        all.push(named("(others)".to_owned(), &groups.others));
    }
    all
}

fn stages(stages: &[Stage]) -> Vec<StageReport> {
    let report = |(number, stage): (usize, &Stage)| StageReport {
        stage: number,
        reached: Rate::new(stage.reached, stage.had),
        ended: stage.ended,
    };
    stages.iter().enumerate().map(report).collect()
}

fn date(day: Date) -> String {
    calendar::Date(day).to_string()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn when<S: Serializer>(at: &Moment, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

fn moment<S: Serializer>(at: &Option<Moment>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => to.collect_str(at),
        None => to.serialize_none(),
    }
}
