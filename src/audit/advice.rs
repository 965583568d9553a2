//! Advice: what the record says that a policy, a roster or a team could do otherwise, each with the cases that say so.
//!
//! It never says to allow what was ever denied, in whatever way and spelling ([`Ledger::speaks_against`]), and never
//! says anything of fewer cases than mean something ([`Minimums`]). It is put before people; nothing acts on it.

mod change;
mod given;
mod people;

pub use change::Change;
pub use given::{Given, Previewed, previewed};

use super::analytics::interval::Rate;
use super::analytics::ledger::{Cases, Entry, Ledger, Subject};
use super::analytics::{Report, Statistics};
use crate::decision::preview;
use crate::moment::Moment;
use crate::party::{PersonId, TxnId};
use crate::policy::Policy;
use crate::risk::Level;
use change::NewRule;
use core::time::Duration;
use people::{alone, cap, factors, pool, quick, saturated, unreached};
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;

/// The service's own proposals; who may change the rules is nothing to give advice on.
const OWN: &str = "countersign";
/// At most so much is said of each kind.
const MOST: usize = 20;

/// From what on something is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Minimums {
    /// Allow what was approved every time, where the rate of approval is surely at least this: 73 of 73 and more.
    pub approved: f64,
    /// … by so many different people.
    pub approvers: usize,
    /// Deny what was denied every time, where the rate is surely at least this: 16 of 16 and more.
    pub denied: f64,
    /// A pool is too small where the rate of what nobody decided is surely at least this.
    pub undecided: f64,
    /// … of at least so many.
    pub undecided_of: u64,
    /// One person carries it alone who is in so great a part of the approvals.
    pub alone: f64,
    /// Somebody is asked too much on so many days near their cap.
    pub full_days: u64,
    /// A stage is never reached where the rate is surely at most this: 0 of 73 and more.
    pub unreached: f64,
    /// Somebody votes quickly whose votes are so many, all of them approvals …
    pub quick_votes: u64,
    /// … and half of them within this time.
    pub quick: Duration,
}

impl Default for Minimums {
    fn default() -> Self {
        Self {
            approved: 0.95,
            approvers: 2,
            denied: 0.80,
            undecided: 0.10,
            undecided_of: 20,
            alone: 0.80,
            full_days: 3,
            unreached: 0.05,
            quick_votes: 50,
            quick: Duration::from_secs(10),
        }
    }
}

/// What a piece of advice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Code {
    /// The queue is saturated.
    #[serde(rename = "advice.saturated")]
    Saturated,
    /// Approved every time: allow it.
    #[serde(rename = "advice.allow")]
    Allow,
    /// Denied every time: deny it.
    #[serde(rename = "advice.deny")]
    Deny,
    /// What the score makes medium and nobody ever denies: begin medium higher.
    #[serde(rename = "advice.threshold")]
    Threshold,
    /// What a floor lifts and nobody ever denies.
    #[serde(rename = "advice.floor")]
    Floor,
    /// Too few people are there to decide.
    #[serde(rename = "advice.pool")]
    Pool,
    /// One person carries it alone.
    #[serde(rename = "advice.alone")]
    Alone,
    /// Somebody is asked as often as they may be.
    #[serde(rename = "advice.cap")]
    Cap,
    /// A stage is never reached.
    #[serde(rename = "advice.stage")]
    Stage,
    /// Somebody approves everything, and soon.
    #[serde(rename = "advice.quick")]
    Quick,
    /// A factor is low where incidents happen.
    #[serde(rename = "advice.factor")]
    Factor,
}

impl Code {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Saturated => "advice.saturated",
            Self::Allow => "advice.allow",
            Self::Deny => "advice.deny",
            Self::Threshold => "advice.threshold",
            Self::Floor => "advice.floor",
            Self::Pool => "advice.pool",
            Self::Alone => "advice.alone",
            Self::Cap => "advice.cap",
            Self::Stage => "advice.stage",
            Self::Quick => "advice.quick",
            Self::Factor => "advice.factor",
        }
    }
}

/// Something that could be done otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// What it is about.
    pub code: Code,
    /// It in words, one sentence.
    pub words: String,
    /// The action that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What says so.
    pub evidence: Evidence,
    /// What to change in the policy, where that can be said as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// The cases that say so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// How many of how many, with the ends of a 95 % interval.
    pub cases: Rate,
    /// The first of them.
    #[serde(serialize_with = "moment", skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
    /// The last of them.
    #[serde(serialize_with = "moment", skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
    /// Who decided them, at most sixteen.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub people: BTreeSet<PersonId>,
    /// The latest of them.
    #[serde(serialize_with = "ids", skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<TxnId>,
}

impl Evidence {
    const fn of(cases: Rate) -> Self {
        Self { cases, since: None, until: None, people: BTreeSet::new(), examples: Vec::new() }
    }

    fn from(cases: &Cases) -> Self {
        Self {
            cases: Rate::new(cases.count, cases.count),
            since: cases.span.map(|(first, _)| first),
            until: cases.span.map(|(_, last)| last),
            people: cases.people.clone(),
            examples: cases.examples.iter().copied().collect(),
        }
    }
}

impl Advice {
    /// Whether a preview of its change makes nothing looser that something ever spoke against. A change that does is not
    /// worth having, whatever speaks for it.
    #[must_use]
    pub fn holds(&self, preview: &preview::Report, ledger: &Ledger) -> bool {
        let loosened = preview.looser.examples.iter().chain(&preview.otherwise.examples);
        let all = usize::try_from(preview.looser.count + preview.otherwise.count).unwrap_or(usize::MAX);
        let told = preview.looser.examples.len() + preview.otherwise.examples.len();
        // Of what is not told nobody knows what it is.
        let mut known = loosened.map(|change| change.action.as_str());
        told == all && known.all(|action| ledger.speaks_against(action).is_empty())
    }
}

/// Everything that the statistics give reason to say, what matters most first. `policy` is the one in force; without it
/// no change is written out.
#[must_use]
pub fn advise(
    statistics: &Statistics,
    report: &Report,
    policy: Option<&Policy>,
    minimums: &Minimums,
) -> Vec<Advice> {
    let ledger = statistics.ledger();
    let of_subjects = |ask: fn(&Subject, &Entry, &Ledger, Option<&Policy>, &Minimums) -> Option<Advice>| {
        let found =
            ledger.entries().filter_map(|(subject, entry)| ask(subject, entry, ledger, policy, minimums));
        most(found.collect())
    };
    let mut all = saturated(report);
    all.extend(of_subjects(allow));
    all.extend(of_subjects(deny));
    all.extend(threshold(ledger, policy, minimums));
    all.extend(most(floors(ledger, minimums)));
    all.extend(most(report.rules.iter().filter_map(|rule| pool(rule, minimums)).collect()));
    all.extend(most(report.rules.iter().filter_map(|rule| alone(rule, minimums)).collect()));
    all.extend(most(report.reviewers.iter().filter_map(|one| cap(one, minimums)).collect()));
    all.extend(most(report.rules.iter().flat_map(|rule| unreached(rule, minimums)).collect()));
    all.extend(most(report.reviewers.iter().filter_map(|one| quick(one, minimums)).collect()));
    all.extend(factors(&report.drift));
    all
}

/// Those with the most cases.
fn most(mut all: Vec<Advice>) -> Vec<Advice> {
    all.sort_by_key(|one| core::cmp::Reverse(one.evidence.cases.of));
    all.truncate(MOST);
    all
}

/// What people approved every time, having looked; nothing ever spoke against it, and it can be undone.
fn allow(
    subject: &Subject,
    entry: &Entry,
    ledger: &Ledger,
    policy: Option<&Policy>,
    minimums: &Minimums,
) -> Option<Advice> {
    let evidence = Evidence::from(&entry.approved);
    let enough =
        evidence.cases.at_least() >= minimums.approved && evidence.people.len() >= minimums.approvers;
    let plain = !entry.irreversible && !entry.conditions_differ && !entry.unlistable;
    // A star in a name would be a pattern in a rule.
    let named = !subject.action.contains('*') && !subject.action.to_ascii_lowercase().starts_with(OWN);
    if !enough || !plain || !named || subject.level > Level::Medium {
        return None;
    }
    if !ledger.speaks_against(&subject.action).is_empty() {
        return None;
    }
    let Subject { action, environment, level } = subject;
    let (count, people) = (evidence.cases.of, evidence.people.len());
    let words = format!(
        "`{action}` in {environment} at {level} risk was approved {count} times of {count}, by {people} people, and never denied: allow it"
    );
    let reason = format!("approved {count} times of {count} by {people} people");
    let change = policy.and_then(|policy| rule(true, subject, entry, reason).change(policy));
    Some(Advice { code: Code::Allow, words, action: Some(action.to_string()), evidence, change })
}

/// What people denied every time.
fn deny(
    subject: &Subject,
    entry: &Entry,
    _: &Ledger,
    policy: Option<&Policy>,
    minimums: &Minimums,
) -> Option<Advice> {
    let evidence = Evidence::from(&entry.denied);
    if evidence.cases.at_least() < minimums.denied || entry.granted > 0 || subject.action.contains('*') {
        return None;
    }
    let Subject { action, environment, level } = subject;
    let count = evidence.cases.of;
    let words = format!(
        "`{action}` in {environment} at {level} risk was denied {count} times of {count} and never approved: deny it, and ask nobody"
    );
    let reason = format!("denied {count} times of {count}");
    let change = policy.and_then(|policy| rule(false, subject, entry, reason).change(policy));
    Some(Advice { code: Code::Deny, words, action: Some(action.to_string()), evidence, change })
}

fn rule<'a>(allows: bool, subject: &'a Subject, entry: &'a Entry, reason: String) -> NewRule<'a> {
    NewRule {
        allows,
        action: &subject.action,
        resources: entry.resources.iter().map(String::as_str).collect(),
        environment: subject.environment,
        level: subject.level,
        conditions: if allows { entry.conditions.as_deref().unwrap_or_default() } else { &[] },
        reason,
        asked: entry.causes.iter().map(|cause| cause.strip_prefix("rule:")).collect(),
    }
}

/// The lowest scores that only the threshold makes medium, as long as nothing ever spoke against anything among them.
fn threshold(ledger: &Ledger, policy: Option<&Policy>, minimums: &Minimums) -> Option<Advice> {
    let mut all = Cases::default();
    let mut highest = None;
    for (score, lifted) in ledger.medium_scores() {
        if !ledger.is_clear(lifted) {
            break;
        }
        all.add(&lifted.approved);
        highest = Some(score);
    }
    let begin = highest?.checked_add(1)?;
    let evidence = Evidence::from(&all);
    let enough =
        evidence.cases.at_least() >= minimums.approved && evidence.people.len() >= minimums.approvers;
    // Medium has to begin below high.
    let fits = policy.is_none_or(|policy| begin < policy.model().thresholds.high.thousandths());
    if !enough || !fits {
        return None;
    }
    let count = evidence.cases.of;
    let words = format!(
        "people were asked {count} times about scores below 0.{begin:03} that no rule speaks of, and nobody ever denied any of it: let medium begin there"
    );
    let change = policy.map(|_| Change::medium(begin));
    Some(Advice { code: Code::Threshold, words, action: None, evidence, change })
}

fn floors(ledger: &Ledger, minimums: &Minimums) -> Vec<Advice> {
    let floor = |(name, lifted): (&str, &super::analytics::ledger::Lifted)| {
        let evidence = Evidence::from(&lifted.approved);
        let enough =
            evidence.cases.at_least() >= minimums.approved && evidence.people.len() >= minimums.approvers;
        let count = evidence.cases.of;
        let words = format!(
            "what the floor `{name}` lifts was approved {count} times of {count}, and nobody ever denied any of it: see whether it has to be that high"
        );
        (enough && ledger.is_clear(lifted)).then_some(Advice {
            code: Code::Floor,
            words,
            action: None,
            evidence,
            change: None,
        })
    };
    ledger.floors().filter_map(floor).collect()
}

fn moment<S: Serializer>(at: &Option<Moment>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => to.collect_str(at),
        None => to.serialize_none(),
    }
}

#[expect(clippy::ptr_arg, reason = "serde calls it with a reference to the field")]
fn ids<S: Serializer>(all: &Vec<TxnId>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(all.iter().map(ToString::to_string))
}
