//! Every number against a naive count: all records are kept, every escalation is replayed whole, nothing is clever.

use crate::world::{Happening, START, World, happening};
use core::time::Duration;
use countersign::audit::analytics::{Report, Settings, Statistics};
use countersign::audit::event::{Decided, Event, Record};
use countersign::decision::Outcome;
use countersign::escalation::vote::Choice;
use countersign::escalation::{self, Denial, Escalation, VoteRefusal};
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::party::{EscalationId, PersonId, TxnId};
use countersign::risk::Level;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn statistics(record: &[Record], settings: Settings) -> Statistics {
    let mut statistics = Statistics::new(settings);
    for (index, one) in record.iter().enumerate() {
        statistics.take(index as u64, one);
    }
    statistics
}

/// One operation and everything that became of it.
struct Whole {
    at: Moment,
    decided: Decided,
    drill: bool,
    steps: Vec<escalation::Event>,
    minted: bool,
    incident: bool,
}

fn gather(record: &[Record]) -> Vec<Whole> {
    let mut all: Vec<Whole> = Vec::new();
    for one in record {
        match &one.event {
            Event::Decided(decided) | Event::Drill { proposal: decided, .. } => all.push(Whole {
                at: one.at,
                decided: (**decided).clone(),
                drill: matches!(one.event, Event::Drill { .. }),
                steps: Vec::new(),
                minted: false,
                incident: false,
            }),
            Event::Escalation { id, step } => {
                let whole = all.iter_mut().find(|whole| whole.decided.escalation == Some(*id)).unwrap();
                whole.steps.push(step.clone());
            }
            Event::Minted(minted) => of(&mut all, minted.txn).minted = true,
            Event::Incident(incident) => {
                if let Some(whole) = all.iter_mut().find(|whole| whole.decided.txn == incident.txn) {
                    whole.incident |= whole.minted;
                }
            }
            _ => {}
        }
    }
    all
}

fn of(all: &mut [Whole], txn: TxnId) -> &mut Whole {
    all.iter_mut().find(|whole| whole.decided.txn == txn).unwrap()
}

impl Whole {
    fn action(&self) -> String {
        Operation::from_op_bytes(self.decided.op.as_bytes()).unwrap().action().to_owned()
    }

    /// How it stood after each of its steps.
    fn states(&self) -> Vec<Escalation> {
        (1..=self.steps.len()).map(|length| Escalation::replay(&self.steps[..length]).unwrap()).collect()
    }

    fn is(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.name() == name)
    }

    /// The step with which it ended for people, and when.
    fn ending(&self) -> Option<(&escalation::Event, Moment)> {
        self.steps.iter().find_map(|step| {
            let at = match step {
                escalation::Event::Approved(grant) => grant.at,
                escalation::Event::Denied { at, .. }
                | escalation::Event::Expired { at }
                | escalation::Event::Cancelled { at, .. }
                | escalation::Event::Blocked { at, .. } => *at,
                _ => return None,
            };
            Some((step, at))
        })
    }

    fn approval(&self) -> Option<Duration> {
        let (step, at) = self.ending()?;
        let escalation::Event::Approved(grant) = step else { return None };
        (!grant.seated.is_empty()).then(|| at.since(self.at))
    }
}

fn count(all: &[&Whole], holds: impl Fn(&Whole) -> bool) -> usize {
    all.iter().filter(|whole| holds(whole)).count()
}

/// What is told of operations, counted one by one.
fn share(all: &[&Whole]) -> Value {
    let ended =
        |name: &'static str| move |whole: &Whole| whole.ending().is_some_and(|(step, _)| step.name() == name);
    let cancelled = |whole: &Whole, changed: bool| {
        whole.ending().is_some_and(|(step, _)| {
            matches!(step, escalation::Event::Cancelled { successor, .. } if successor.is_some() == changed)
        })
    };
    let approved = |whole: &Whole, holds: fn(&escalation::Grant) -> bool| {
        whole
            .ending()
            .is_some_and(|(step, _)| matches!(step, escalation::Event::Approved(grant) if holds(grant)))
    };
    let outcome = |holds: fn(&Decided) -> bool| move |whole: &Whole| holds(&whole.decided);
    let mut approvals: Vec<Duration> = all.iter().filter_map(|whole| whole.approval()).collect();
    approvals.sort_unstable();
    let mut reviews: Vec<Duration> =
        all.iter().flat_map(|whole| votes(whole)).filter_map(|vote| vote.took).collect();
    reviews.sort_unstable();
    let median = |rising: &[Duration]| rising.get(rising.len() / 2).map(Duration::as_secs_f64);
    json!({
        "operations": all.len(),
        "decisions": {
            "allowed": count(all, outcome(|one| one.decision.allows())),
            "denied": count(all, outcome(|one| one.decision.denies() && one.suspension.is_none())),
            "suspended": count(all, outcome(|one| one.suspension.is_some())),
            "escalated": count(all, outcome(|one| matches!(one.decision.outcome, Outcome::Escalate(_)))),
        },
        "endings": {
            "opened": count(all, |whole| whole.is("opened")),
            "approved": count(all, ended("approved")),
            "undecided": count(all, |whole| approved(whole, |grant| grant.seated.is_empty())),
            "emergencies": count(all, |whole| approved(whole, |grant| grant.emergency)),
            "denied": count(all, ended("denied")),
            "expired": count(all, ended("expired")),
            "withdrawn": count(all, |whole| cancelled(whole, false)),
            "changed": count(all, |whole| cancelled(whole, true)),
            "blocked": count(all, ended("blocked")),
            "blocked_after": count(all, |whole| whole.is("blocked") && whole.is("approved")),
            "claimed": count(all, |whole| whole.is("claimed")),
            "lapsed": count(all, |whole| whole.is("lapsed")),
        },
        "approval": {"n": approvals.len(), "median_seconds": median(&approvals)},
        "review": {"n": reviews.len(), "median_seconds": median(&reviews)},
    })
}

/// The same of a report.
fn told(share: &Value) -> Value {
    let spread = |name: &str| json!({"n": share[name]["n"], "median_seconds": share[name]["median_seconds"]});
    json!({
        "operations": share["operations"],
        "decisions": share["decisions"],
        "endings": share["endings"],
        "approval": spread("approval"),
        "review": spread("review"),
    })
}

struct Vote {
    person: PersonId,
    choice: Choice,
    took: Option<Duration>,
    flags: Vec<&'static str>,
    poor: bool,
}

/// The votes on it that were counted, those that came with a change only where it was proposed.
fn votes(whole: &Whole) -> Vec<Vote> {
    let mut found = Vec::new();
    for (at, step) in whole.steps.iter().enumerate() {
        let escalation::Event::Voted(vote) = step else { continue };
        let before = Escalation::replay(&whole.steps[..at]).unwrap();
        let case = before.case();
        // The very vote for a change was proposed in other proceedings, and names the time before these were opened.
        let amends = case.opening().amends.as_ref();
        let first = !whole.steps[..at].iter().any(|step| matches!(step, escalation::Event::Voted(_)));
        if amends.is_some_and(|amends| amends.by == *vote.person()) && first {
            continue;
        }
        let attention = case.attention_of(vote.person());
        let since = attention.opened_at.or(attention.delivered_at).or(attention.asked_at);
        found.push(Vote {
            person: vote.person().clone(),
            choice: vote.statement.choice.clone(),
            took: Some(vote.at.since(since.unwrap_or(case.opening().opened_at))),
            flags: vote.flags.iter().map(|flag| flag.code()).collect(),
            poor: !vote.flags.is_empty(),
        });
    }
    found
}

fn check(record: &[Record], now: Moment, settings: &Settings) -> Report {
    let report = statistics(record, settings.clone()).report(now);
    let document = serde_json::to_value(&report).unwrap();
    let counts = |at: Moment| {
        settings.since.is_none_or(|since| at >= since) && settings.until.is_none_or(|until| at < until)
    };
    let everything = gather(record);
    let all: Vec<&Whole> = everything.iter().filter(|whole| counts(whole.at)).collect();
    let real: Vec<&Whole> = all.iter().copied().filter(|whole| !whole.drill).collect();
    assert_eq!(told(&document["overall"]), share(&real));
    let mut shares = 0;
    let mut one = |name: &str, told_of: &Value, of: &dyn Fn(&Whole) -> bool| {
        let these: Vec<&Whole> = real.iter().copied().filter(|whole| of(whole)).collect();
        assert_eq!(told(told_of), share(&these), "{name}");
        shares += 1;
    };
    for named in document["actions"].as_array().unwrap() {
        one("action", named, &|whole| whole.action() == named["name"]);
    }
    for named in document["agents"].as_array().unwrap() {
        one("agent", named, &|whole| whole.decided.agent.as_str() == named["name"]);
    }
    for (level, named) in Level::ALL.iter().zip(document["levels"].as_array().unwrap()) {
        one("level", named, &|whole| whole.decided.decision.assessment.level == *level);
    }
    for (hour, named) in document["hours_utc"].as_array().unwrap().iter().enumerate() {
        one("hour", named, &|whole| whole.at.unix_seconds() / 3600 % 24 == hour as u64);
    }
    for day in document["days"].as_array().unwrap() {
        one("day", day, &|whole| whole.at.to_string().starts_with(day["day"].as_str().unwrap()));
    }
    let sum = |list: &str| -> u64 {
        document[list].as_array().unwrap().iter().map(|one| one["operations"].as_u64().unwrap()).sum()
    };
    for list in ["actions", "agents", "levels", "hours", "hours_utc", "days"] {
        assert_eq!(sum(list), real.len() as u64, "{list}");
    }
    people(&report, &all);
    stages(&report, &real);
    besides(&report, &all, &real, now);
    report
}

fn people(report: &Report, all: &[&Whole]) {
    let mut voted: BTreeMap<PersonId, Vec<Vote>> = BTreeMap::new();
    let mut names: BTreeSet<PersonId> = BTreeSet::new();
    for whole in all {
        for vote in votes(whole) {
            names.insert(vote.person.clone());
            voted.entry(vote.person.clone()).or_default().push(vote);
        }
    }
    for reviewer in &report.reviewers {
        let steps = || all.iter().flat_map(|whole| &whole.steps);
        let named =
            |holds: &dyn Fn(&escalation::Event) -> bool| steps().filter(|step| holds(step)).count() as u64;
        let who = &reviewer.person;
        let none = Vec::new();
        let votes = voted.get(who).unwrap_or(&none);
        let said =
            |holds: fn(&Choice) -> bool| votes.iter().filter(|vote| holds(&vote.choice)).count() as u64;
        assert_eq!(
            reviewer.approvals,
            said(|choice| matches!(choice, Choice::Approve(_) | Choice::BreakGlass(_)))
        );
        assert_eq!(reviewer.emergencies, said(|choice| matches!(choice, Choice::BreakGlass(_))));
        assert_eq!(reviewer.denials, said(|choice| *choice == Choice::Deny));
        assert_eq!(reviewer.review.count(), votes.len() as u64);
        assert_eq!(
            reviewer.flags.values().sum::<u64>(),
            votes.iter().map(|vote| vote.flags.len() as u64).sum::<u64>()
        );
        assert_eq!(
            reviewer.asked,
            named(&|step| match step {
                escalation::Event::Asked { people, .. } => people.contains(who),
                escalation::Event::Reassigned { to, .. } => to == who,
                _ => false,
            })
        );
        assert_eq!(
            reviewer.passed_on,
            named(&|step| matches!(step, escalation::Event::Reassigned { from, .. } if from == who))
        );
        assert_eq!(
            reviewer.withdrawals,
            named(&|step| matches!(step, escalation::Event::Withdrawn(vote) if vote.person() == who))
        );
        assert_eq!(
            reviewer.changes,
            named(&|step| matches!(step, escalation::Event::Amended(one) if one.vote.person() == who))
        );
        assert_eq!(
            reviewer.asked_again,
            named(&|step| {
                matches!(step, escalation::Event::VoteRefused { person, refusal: VoteRefusal::Careless, .. } if person == who)
            })
        );
        let drills = |approve: bool| {
            let over = all.iter().filter(|whole| whole.drill && whole.ending().is_some());
            let votes = over.flat_map(|whole| whole.states().last().unwrap().case().votes().to_vec());
            votes.filter(|vote| vote.person() == who && vote.approves() == approve).count() as u64
        };
        assert_eq!((reviewer.drills_missed, reviewer.drills_caught), (drills(true), drills(false)));
        assert!(reviewer.full_days <= reviewer.days);
        names.remove(who);
    }
    assert!(names.is_empty(), "nothing is said of {names:?}");
}

fn stages(report: &Report, real: &[&Whole]) {
    for stage in &report.stages {
        let (mut had, mut reached, mut ended) = (0, 0, 0);
        for whole in real {
            let Some((ending, at)) = whole.ending() else { continue };
            let before = whole.steps.iter().position(|step| step == ending).unwrap();
            let case = Escalation::replay(&whole.steps[..before]).unwrap();
            let case = case.case();
            had += u64::from(case.stages() >= stage.stage);
            reached += u64::from(case.stages() >= stage.stage && case.stage(at) >= stage.stage);
            ended += u64::from(case.stage(at) == stage.stage);
        }
        assert_eq!((stage.reached.part, stage.reached.of, stage.ended), (reached, had, ended), "{stage:?}");
    }
    for rule in &report.rules {
        let cause = |whole: &Whole| match &whole.decided.decision.rule {
            Some(rule) => format!("rule:{rule}"),
            None => format!("level:{}", whole.decided.decision.assessment.level),
        };
        let these: Vec<&Whole> = real.iter().copied().filter(|whole| cause(whole) == rule.cause).collect();
        assert_eq!(serde_json::to_value(rule.endings).unwrap(), share(&these)["endings"], "{}", rule.cause);
    }
}

fn besides(report: &Report, all: &[&Whole], real: &[&Whole], now: Moment) {
    let drills: Vec<&Whole> = all.iter().copied().filter(|whole| whole.drill).collect();
    let denied = |by: fn(&Denial) -> bool| {
        count(&drills, |whole| {
            whole
                .ending()
                .is_some_and(|(step, _)| matches!(step, escalation::Event::Denied { cause, .. } if by(cause)))
        }) as u64
    };
    let told = report.drills;
    assert_eq!(told.opened, drills.len() as u64);
    assert_eq!(told.caught, denied(|cause| matches!(cause, Denial::Reviewer(_))));
    assert_eq!(told.missed, denied(|cause| *cause == Denial::Drill));
    assert_eq!(told.unanswered, count(&drills, |whole| whole.is("expired")) as u64);
    let ended = count(&drills, |whole| whole.ending().is_some()) as u64;
    assert_eq!(told.caught + told.missed + told.unanswered + told.over, ended);

    let last: Vec<Escalation> = real.iter().filter_map(|whole| whole.states().pop()).collect();
    let due: Vec<Moment> = last.iter().filter_map(Escalation::review_due).collect();
    assert_eq!(report.emergencies.waiting, due.len() as u64);
    assert_eq!(report.emergencies.overdue, due.iter().filter(|due| **due < now).count() as u64);
    let reviews: Vec<bool> =
        last.iter().filter_map(|one| one.case().review().map(|review| review.justified)).collect();
    assert_eq!(report.emergencies.justified, reviews.iter().filter(|one| **one).count() as u64);
    assert_eq!(report.emergencies.unjustified, reviews.iter().filter(|one| !**one).count() as u64);

    let ran: Vec<&Whole> = real.iter().copied().filter(|whole| whole.minted).collect();
    assert_eq!(report.drift.ran, ran.len() as u64);
    assert_eq!(report.drift.incidents, count(&ran, |whole| whole.incident) as u64);
    let score = |whole: &&Whole| f64::from(whole.decided.decision.assessment.score.thousandths()) / 1000.0;
    if !ran.is_empty() {
        let squares: f64 =
            ran.iter().map(|one| (score(one) - f64::from(u8::from(one.incident))).powi(2)).sum();
        assert!((report.drift.brier.unwrap() - squares / ran.len() as f64).abs() < 0.0001);
    }
    for band in &report.drift.bands {
        let inside = |whole: &&Whole| {
            score(whole) + 1e-9 >= band.from && (score(whole) < band.to - 1e-9 || band.to > 0.999)
        };
        let these: Vec<&Whole> = ran.iter().copied().filter(|whole| inside(whole)).collect();
        assert_eq!(band.incidents.of, these.len() as u64, "{band:?}");
        assert_eq!(band.incidents.part, count(&these, |whole| whole.incident) as u64);
    }
    assert_eq!(
        votes_total(all),
        report.reviewers.iter().map(|one| one.approvals + one.denials).sum::<u64>(),
        "every vote is of somebody"
    );
}

fn votes_total(all: &[&Whole]) -> u64 {
    all.iter().flat_map(|whole| votes(whole)).filter(|vote| !vote.poor || vote.choice != Choice::Deny).count()
        as u64
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_number_is_what_counting_by_hand_finds(all in prop::collection::vec(happening(), 1..70)) {
        let world = World::of(&all);
        check(&world.record, world.now, &Settings::default());
    }

    #[test]
    fn so_it_is_for_a_part_of_the_time(
        all in prop::collection::vec(happening(), 1..70),
        since in 0_u64..40_000,
        lasts in 0_u64..60_000,
    ) {
        let world = World::of(&all);
        let since = START.plus(Duration::from_secs(since));
        let until = Some(since.plus(Duration::from_secs(lasts)));
        check(&world.record, world.now, &Settings { since: Some(since), until, ..Settings::default() });
    }

    #[test]
    fn what_was_taken_before_is_not_taken_again(all in prop::collection::vec(happening(), 1..40)) {
        let world = World::of(&all);
        let mut twice = statistics(&world.record, Settings::default());
        let once = serde_json::to_string(&twice.report(world.now)).unwrap();
        for (index, one) in world.record.iter().enumerate() {
            twice.take(index as u64, one);
        }
        prop_assert_eq!(serde_json::to_string(&twice.report(world.now)).unwrap(), once);
        prop_assert_eq!(twice.next(), world.record.len() as u64);
    }
}

/// The random histories are no use if they never come to what is counted.
#[test]
fn everything_that_is_counted_comes_up() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(happening(), 60..90);
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..250 {
        let all: Vec<Happening> = strategy.new_tree(&mut runner).unwrap().current();
        let world = World::of(&all);
        let report =
            serde_json::to_value(statistics(&world.record, Settings::default()).report(world.now)).unwrap();
        let mut add = |path: &str| {
            if let Some(number) = report.pointer(path).and_then(Value::as_u64) {
                *sums.entry(path.to_owned()).or_default() += number;
            }
        };
        for ending in [
            "approved",
            "undecided",
            "emergencies",
            "denied",
            "expired",
            "withdrawn",
            "changed",
            "blocked",
            "blocked_after",
            "claimed",
            "lapsed",
        ] {
            add(&format!("/overall/endings/{ending}"));
        }
        for of in ["allowed", "denied", "suspended", "escalated"] {
            add(&format!("/overall/decisions/{of}"));
        }
        for of in [
            "/drills/caught",
            "/drills/missed",
            "/drills/unanswered",
            "/emergencies/justified",
            "/emergencies/unjustified",
            "/drift/incidents",
            "/drift/unknown",
            "/drift/not_minted",
        ] {
            add(of);
        }
        for stage in 0..4 {
            add(&format!("/stages/{stage}/reached/part"));
        }
        for person in 0..4 {
            for of in ["passed_on", "withdrawals", "changes", "full_days"] {
                if let Some(number) =
                    report.pointer(&format!("/reviewers/{person}/{of}")).and_then(Value::as_u64)
                {
                    *sums.entry(of.to_owned()).or_default() += number;
                }
            }
        }
    }
    let missing: Vec<_> = sums.iter().filter(|(_, sum)| **sum == 0).map(|(name, _)| name).collect();
    // Of ladders there are three stages at most.
    assert!(missing.is_empty(), "{missing:?}");
    assert!(sums.len() >= 29, "{sums:?}");
}

/// Who is asked on which day is told by the clock on the reviewer's own wall.
#[test]
fn a_cap_is_of_a_day_where_the_reviewer_lives() {
    let mut world = World::new();
    // START is 22:30 UTC on a Monday: 7:30 on Tuesday in Tokyo. Bob may be asked three times a day.
    for number in 0..3 {
        world.ask("db.write.one", &format!("prod/orders/{number}/x"), "agent:0");
    }
    world.wait(2 * 60 * 60);
    world.ask("db.write.one", "prod/else/1", "agent:0");
    let report = statistics(&world.record, Settings::default()).report(world.now);
    let of = |who: &str| report.reviewers.iter().find(|one| one.person.as_str() == who).unwrap();
    assert_eq!(
        (of("bob").busiest_day, of("bob").days, of("bob").full_days, of("bob").daily_cap),
        (4, 1, 1, Some(3))
    );
    assert_eq!((of("ada").busiest_day, of("ada").days, of("ada").full_days), (3, 2, 0));
}

/// An id that nobody opened changes nothing.
#[test]
fn steps_of_what_was_never_decided_are_left_out() {
    let mut statistics = Statistics::new(Settings::default());
    let step = escalation::Event::Expired { at: START };
    let id = EscalationId::from_random([8; 16]);
    statistics.take(0, &Record::new(START, Event::Escalation { id, step }));
    assert_eq!(statistics.report(START).overall.endings.ended(), 0);
}
