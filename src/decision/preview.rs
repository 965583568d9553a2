//! A preview: recorded decisions made once more under the policy of now and under a changed one, side by side (P6).
//!
//! Both sides decide anew, so that the same policy twice is never a change; what the agents did before is
//! [replayed](super::replay) for each. What people would have decided about an operation that was not escalated then,
//! nobody knows: it counts as still open.

mod direction;

pub use direction::Direction;

use super::Decision;
use super::replay::{Recorded, Replay};
use crate::escalation::requirement::{Requirement, Standing};
use crate::moment::Moment;
use crate::party::{AgentId, EscalationId, PersonId, TxnId};
use crate::policy::{Outcome, Policy};
use crate::reviewer::Directory;
use crate::risk::Level;
use core::time::Duration;
use direction::people;
use std::collections::BTreeMap;

/// A preview under way.
#[derive(Debug)]
pub struct Preview<'p> {
    before: Replay<'p>,
    after: Replay<'p>,
    examples: usize,
    asked: BTreeMap<String, Asked>,
    report: Report,
}

/// A requirement, and how often it came up on either side.
#[derive(Debug)]
struct Asked {
    requirement: Requirement,
    before: u64,
    after: u64,
}

/// What a changed policy would have done.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many decisions were compared.
    pub compared: u64,
    /// How many got the same.
    pub unchanged: u64,
    /// How many got something looser, stricter, or something else; with examples.
    pub looser: Group,
    /// See `looser`.
    pub stricter: Group,
    /// See `looser`.
    pub otherwise: Group,
    /// How often the changed policy decides what, by the effect and the rule.
    pub decided: BTreeMap<String, u64>,
    /// How many the policy of now decides otherwise than was recorded: it was another policy then, or an executor
    /// could not enforce a condition.
    pub recorded_otherwise: u64,
    /// The first and the last decision that was compared.
    pub span: Option<(Moment, Moment)>,
    /// How many operations people were asked about, and how many approvals that took.
    pub reviews: Reviews,
    /// How often each reviewer could have been asked, before and after.
    pub load: Vec<Load>,
    /// How often nobody could have approved, after.
    pub unanswerable: u64,
}

/// Decisions that changed in one direction.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// How many of each change: the effect and rule before, and after.
    pub kinds: BTreeMap<(String, String), u64>,
    /// The latest of them.
    pub examples: Vec<Change>,
}

/// One decision that changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// The decision's id.
    pub txn: TxnId,
    /// When it was made.
    pub at: Moment,
    /// What was to be done.
    pub action: String,
    /// To what.
    pub resource: String,
    /// Who asked.
    pub agent: AgentId,
    /// What it gets from the policy of now, and from the changed one.
    pub before: Said,
    /// See `before`.
    pub after: Said,
}

/// What one policy says about one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `allow`, `deny` or `escalate`.
    pub effect: &'static str,
    /// Who is asked.
    pub requirement: Option<String>,
    /// The rule that decided; `None` for the level or for what outranks rules.
    pub rule: Option<String>,
    /// The level.
    pub level: Level,
}

/// How many operations people were asked about, and how many approvals that took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reviews {
    /// Operations, before.
    pub escalations_before: u64,
    /// Operations, after.
    pub escalations_after: u64,
    /// Approvals, before: the fewest people that each took.
    pub approvals_before: u64,
    /// Approvals, after.
    pub approvals_after: u64,
}

/// How often a reviewer could have been asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Who.
    pub person: PersonId,
    /// Before.
    pub before: u64,
    /// After.
    pub after: u64,
}

impl Report {
    /// Whether nothing became looser, and nothing otherwise that could be.
    #[must_use]
    pub const fn is_safe(&self) -> bool {
        self.looser.count == 0 && self.otherwise.count == 0
    }

    /// A number of something as so many a day, in tenths; less than an hour counts as an hour.
    #[must_use]
    pub fn tenths_a_day(&self, count: u64) -> u64 {
        let span = self.span.map(|(first, last)| last.since(first).as_secs()).unwrap_or_default().max(3600);
        let tenths = u128::from(count) * 10 * 86_400 / u128::from(span);
        u64::try_from(tenths).unwrap_or(u64::MAX)
    }
}

impl<'p> Preview<'p> {
    /// Compares `before` with `after`, keeping so many examples of each direction.
    #[must_use]
    pub fn new(before: &'p Policy, after: &'p Policy, examples: usize) -> Self {
        Self {
            before: Replay::new(before),
            after: Replay::new(after),
            examples,
            asked: BTreeMap::new(),
            report: Report::default(),
        }
    }

    /// How far back of the first compared decision the record has to be read.
    #[must_use]
    pub fn reach(&self) -> Duration {
        self.before.reach().max(self.after.reach())
    }

    /// Decides a recorded operation on both sides, without comparing: it is what others come after.
    pub fn remember(&mut self, recorded: &Recorded<'_>) {
        self.before.decide(recorded);
        self.after.decide(recorded);
    }

    /// Decides a recorded operation on both sides and compares.
    pub fn compare(&mut self, recorded: &Recorded<'_>) {
        let before = self.before.decide(recorded);
        let after = self.after.decide(recorded);
        self.count(&before, &after);
        let report = &mut self.report;
        report.compared += 1;
        report.recorded_otherwise += u64::from(before.outcome.as_str() != recorded.effect);
        report.span = Some(report.span.map_or((recorded.at, recorded.at), |(first, last)| {
            (first.min(recorded.at), last.max(recorded.at))
        }));
        *report.decided.entry(said(&after).short()).or_default() += 1;
        let direction = Direction::of(&before.outcome, &after.outcome);
        let group = match direction.with_witnesses(before.witnesses, after.witnesses) {
            Direction::Unchanged => {
                report.unchanged += 1;
                return;
            }
            Direction::Looser => &mut report.looser,
            Direction::Stricter => &mut report.stricter,
            Direction::Otherwise => &mut report.otherwise,
        };
        let (before, after) = (said(&before), said(&after));
        group.count += 1;
        *group.kinds.entry((before.short(), after.short())).or_default() += 1;
        if self.examples == 0 {
            return;
        }
        if group.examples.len() >= self.examples {
            group.examples.remove(0);
        }
        let operation = recorded.request.operation;
        group.examples.push(Change {
            txn: recorded.txn,
            at: recorded.at,
            action: operation.action().to_owned(),
            resource: operation.resource().to_owned(),
            agent: recorded.request.agent.clone(),
            before,
            after,
        });
    }

    fn count(&mut self, before: &Decision, after: &Decision) {
        let reviews = &mut self.report.reviews;
        for (decision, is_after) in [(before, false), (after, true)] {
            let Outcome::Escalate(terms) = &decision.outcome else { continue };
            let asked = self.asked.entry(terms.requirement.to_string()).or_insert_with(|| Asked {
                requirement: terms.requirement.clone(),
                before: 0,
                after: 0,
            });
            let approvals = u64::try_from(people(&decision.outcome)).unwrap_or(u64::MAX);
            let (escalations, total, often) = match is_after {
                false => (&mut reviews.escalations_before, &mut reviews.approvals_before, &mut asked.before),
                true => (&mut reviews.escalations_after, &mut reviews.approvals_after, &mut asked.after),
            };
            *escalations += 1;
            *total = total.saturating_add(approvals);
            *often += 1;
        }
    }

    /// An executor refused this agent's token.
    pub fn refused(&mut self, agent: &AgentId, at: Moment) {
        self.before.refused(agent, at);
        self.after.refused(agent, at);
    }

    /// A reviewer denied what was escalated.
    pub fn denied(&mut self, escalation: EscalationId, by: &PersonId) {
        self.before.denied(escalation, by);
        self.after.denied(escalation, by);
    }

    /// What was escalated will not run, and nobody denied it.
    pub fn over(&mut self, escalation: EscalationId) {
        self.before.over(escalation);
        self.after.over(escalation);
    }

    /// What came of it, with the people who are asked before and after, where they are known.
    #[must_use]
    pub fn finish(self, before: Option<&Directory>, after: Option<&Directory>) -> Report {
        let Self { mut report, asked, .. } = self;
        let mut load: BTreeMap<PersonId, (u64, u64)> = BTreeMap::new();
        for directory in [before, after].into_iter().flatten() {
            for person in directory.people() {
                load.entry(person.id.clone()).or_default();
            }
        }
        for one in asked.values() {
            for person in before.into_iter().flat_map(|directory| directory.eligible(&one.requirement)) {
                load.entry(person.clone()).or_default().0 += one.before;
            }
            for person in after.into_iter().flat_map(|directory| directory.eligible(&one.requirement)) {
                load.entry(person.clone()).or_default().1 += one.after;
            }
            if let Some(directory) = after {
                let everyone: Vec<PersonId> =
                    directory.eligible(&one.requirement).into_iter().cloned().collect();
                if one.requirement.standing(&[], &everyone, directory) == Standing::Impossible {
                    report.unanswerable += one.after;
                }
            }
        }
        let each = |(person, (before, after))| Load { person, before, after };
        report.load = load.into_iter().map(each).collect();
        report
    }
}

fn said(decision: &Decision) -> Said {
    Said {
        effect: decision.outcome.as_str(),
        requirement: decision.terms().map(|terms| terms.requirement.to_string()),
        rule: decision.rule.clone(),
        level: decision.assessment.level,
    }
}

impl Said {
    /// `escalate by rule deploys`, `allow as low risk`.
    #[must_use]
    pub fn short(&self) -> String {
        match &self.rule {
            Some(rule) => format!("{} by rule {}", self.effect, crate::risk::quoted(rule)),
            None => format!("{} as `{}` risk", self.effect, self.level),
        }
    }
}
