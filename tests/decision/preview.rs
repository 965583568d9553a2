//! Previews: the same policy changes nothing, the other way round is the other direction, and what is told of it.

use super::support::{Case, NOON, policy, published};
use countersign::decision::preview::{Direction, Preview, Report};
use countersign::decision::replay::Recorded;
use countersign::decision::{Decision, Request};
use countersign::moment::Moment;
use countersign::operation::context::Context;
use countersign::party::{AgentId, EscalationId, PersonId, TxnId};
use countersign::policy::Policy;
use countersign::reviewer::Directory;
use countersign::risk::{Claims, Kind};
use proptest::prelude::*;

/// What happened: an operation, and what became of it if it was escalated.
#[derive(Clone, Debug)]
struct Happened {
    action: &'static str,
    resource: &'static str,
    agent: &'static str,
    claims: Claims,
    minutes: u64,
    denied: bool,
}

fn happened() -> impl Strategy<Value = Happened> {
    (
        prop::sample::select(vec!["db.read", "db.write", "db.delete", "x.y", "sql.run"]),
        prop::sample::select(vec!["test/a", "prod/orders/1", "prod/orders/2", "prod/customers"]),
        prop::sample::select(vec!["agent:a", "agent:b"]),
        prop::option::of(prop::sample::select(vec![Kind::Read, Kind::Delete])),
        0_u64..40,
        any::<bool>(),
    )
        .prop_map(|(action, resource, agent, kind, minutes, denied)| Happened {
            action,
            resource,
            agent,
            claims: Claims { kind, ..Claims::default() },
            minutes,
            denied,
        })
}

const RULES: &[&str] = &[
    "- {name: reads, match: {action: '*.read'}, decision: allow}",
    "- {name: dry, match: {action: '*.read'}, decision: allow, conditions: [dry_run]}",
    "- {name: no-deletes, match: {kind: delete}, decision: deny}",
    "- {name: two, match: {kind: delete}, decision: escalate, escalation: {approvals: 2}}",
    "- {name: leads, match: {kind: delete}, decision: escalate, escalation: {reviewers: [role:security-lead]}}",
    "- {name: quick, match: {resource: 'prod/*'}, decision: escalate, escalation: {timeout: 5m}}",
    "- {name: new, match: {new_action: true}, decision: deny}",
    "- {name: again, when: 'history.denied', decision: deny}",
];

fn policies() -> impl Strategy<Value = String> {
    (prop::collection::vec(prop::sample::select(RULES), 0..4), any::<bool>()).prop_map(
        |(mut rules, limits)| {
            rules.sort_unstable();
            rules.dedup();
            let rules =
                if rules.is_empty() { String::new() } else { format!("rules:\n{}\n", rules.join("\n")) };
            let limits = if limits {
                "limits: [{name: many, match: {resource: 'prod/*'}, window: 30m, requests: 3, level: high}]\n"
            } else {
                ""
            };
            format!("{limits}{rules}")
        },
    )
}

/// Records what happened under `recorded`, and previews it.
fn previewed(all: &[Happened], recorded: &Policy, before: &Policy, after: &Policy) -> Report {
    let mut preview = Preview::new(before, after, 5);
    let context = Context::default();
    let mut at = NOON;
    for (number, one) in all.iter().enumerate() {
        at += one.minutes * 60;
        let sql = if one.action == "sql.run" { r#"{"sql":"DELETE FROM t WHERE id = 1"}"# } else { "{}" };
        let mut case = Case::new(one.action, one.resource, sql);
        case.agent = one.agent.to_owned();
        case.claims = one.claims.clone();
        let operation = case.operation();
        let decision: Decision = case.decided(recorded);
        let agent = AgentId::new(one.agent).unwrap();
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let escalation = decision.terms().map(|_| EscalationId::from_random(id));
        let request = Request {
            operation: &operation,
            claims: &one.claims,
            agent: &agent,
            on_behalf_of: None,
            context: &context,
            executor: None,
        };
        let at = Moment::from_unix_seconds(at);
        let txn = TxnId::from_random(id);
        let (new, effect) = (decision.assessment.facts.new, decision.outcome.as_str());
        preview.compare(&Recorded { txn, at, request, new, effect, escalation });
        if let Some(escalation) = escalation.filter(|_| one.denied) {
            preview.denied(escalation, &PersonId::new("ada").unwrap());
        }
    }
    let roster =
        Directory::parse(include_str!("../../examples/policies/roster.yaml"), "roster.yaml").unwrap();
    preview.finish(Some(&roster), Some(&roster))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_same_policy_changes_nothing(all in prop::collection::vec(happened(), 1..25), text in policies()) {
        let one = published(&text);
        let report = previewed(&all, &one, &one, &published(&text));
        prop_assert_eq!((report.compared, report.unchanged), (all.len() as u64, all.len() as u64));
        prop_assert!(report.is_safe());
        prop_assert_eq!(report.reviews.approvals_before, report.reviews.approvals_after);
        prop_assert!(report.load.iter().all(|load| load.before == load.after));
    }

    #[test]
    fn the_other_way_round_is_the_other_direction(
        all in prop::collection::vec(happened(), 1..25),
        (one, other) in (policies(), policies()),
    ) {
        let (one, other) = (published(&one), published(&other));
        let there = previewed(&all, &one, &one, &other);
        let back = previewed(&all, &one, &other, &one);
        prop_assert_eq!(there.compared, there.unchanged + there.looser.count + there.stricter.count + there.otherwise.count);
        prop_assert_eq!(
            (there.unchanged, there.looser.count, there.stricter.count, there.otherwise.count),
            (back.unchanged, back.stricter.count, back.looser.count, back.otherwise.count)
        );
        prop_assert_eq!(there.reviews.escalations_before, back.reviews.escalations_after);
        prop_assert_eq!(there.reviews.approvals_after, back.reviews.approvals_before);
    }
}

#[test]
fn a_direction_is_what_people_would_feel() {
    let policy = policy(
        "version: 1\nname: p\ndefaults: {reviewers: [role:oncall], timeout: 30m}\nrules:\n\
         - {name: allow, match: {action: x.allow}, decision: allow}\n\
         - {name: dry, match: {action: x.dry}, decision: allow, conditions: [dry_run]}\n\
         - {name: few, match: {action: x.few}, decision: allow, conditions: ['canary:max_percent=5']}\n\
         - {name: some, match: {action: x.some}, decision: allow, conditions: ['canary:max_percent=10']}\n\
         - {name: one, match: {action: x.one}, decision: escalate}\n\
         - {name: told, match: {action: x.told}, decision: escalate, escalation: {channels: [email]}}\n\
         - {name: two, match: {action: x.two}, decision: escalate, escalation: {approvals: 2}}\n\
         - {name: clicked, match: {action: x.clicked}, decision: escalate, escalation: {assurance: channel}}\n\
         - {name: quick, match: {action: x.quick}, decision: escalate, escalation: {timeout: 5m}}\n\
         - {name: others, match: {action: x.others}, decision: escalate, escalation: {reviewers: [role:dba]}}\n\
         - {name: later, match: {action: x.later}, decision: escalate, escalation: {delegation: [{after: 5m, reviewers: [role:dba]}]}}\n\
         - {name: waits, match: {action: x.waits}, decision: escalate, escalation: {timeout_action: allow}}\n\
         - {name: deny, match: {action: x.deny}, decision: deny}\n\
         - {name: outvoted, match: {action: x.outvoted}, decision: escalate, escalation: {deny_threshold: 2}}\n\
         - {name: pool, match: {action: x.pool}, decision: escalate, escalation: {escalation_pool: {reviewers: [role:dba]}}}\n\
         - {name: far, match: {action: x.far}, decision: escalate, escalation: {exclude: team}}\n\
         - {name: farther, match: {action: x.farther}, decision: escalate, escalation: {exclude: [manager, team]}}\n\
         - {name: opened, match: {action: x.opened}, decision: escalate, escalation: {diligence: {must_open: true}}}\n\
         - {name: careless, match: {action: x.careless}, decision: escalate, escalation: {diligence: {streak: 0, reading_speed: 0}}}\n\
         - {name: again, match: {action: x.again}, decision: escalate, escalation: {diligence: {poor_votes: ask_again}}}\n\
         - {name: uncounted, match: {action: x.uncounted}, decision: escalate, escalation: {diligence: {poor_votes: not_count}}}\n\
         - {name: seat, match: {action: x.seat}, decision: escalate,\n\
         \x20   escalation: {diligence: {poor_votes: add_seat, add_seat: {reviewers: [role:dba]}}}}\n\
         - {name: glass, match: {action: x.glass}, decision: escalate,\n\
         \x20   escalation: {break_glass: {reviewers: [role:dba], review: {reviewers: [role:oncall]}}}}\n\
         - {name: brief, match: {action: x.brief}, decision: escalate,\n\
         \x20   escalation: {break_glass: {reviewers: [role:dba], execute_within: 1m, review: {reviewers: [role:oncall]}}}}\n\
         - {name: unreviewed, match: {action: x.unreviewed}, decision: escalate,\n\
         \x20   escalation: {break_glass: {reviewers: [role:dba], review: {reviewers: [role:dba]}}}}\n\
         levels: {}\n",
    );
    let outcome = |name: &str| Case::new(&format!("x.{name}"), "test", "{}").decided(&policy).outcome;
    for (looser, stricter) in [
        ("allow", "dry"),
        ("allow", "one"),
        ("dry", "one"),
        ("some", "few"),
        ("one", "two"),
        ("one", "quick"),
        ("one", "deny"),
        ("allow", "deny"),
        ("clicked", "one"),
        ("later", "one"),
        ("waits", "one"),
        ("outvoted", "one"),
        ("pool", "one"),
        ("one", "far"),
        ("far", "farther"),
        ("one", "opened"),
        ("careless", "one"),
        ("one", "again"),
        ("again", "uncounted"),
        ("one", "seat"),
        ("seat", "uncounted"),
        ("glass", "one"),
        ("glass", "brief"),
        ("brief", "one"),
    ] {
        let (a, b) = (outcome(looser), outcome(stricter));
        assert_eq!(Direction::of(&a, &b), Direction::Stricter, "{looser} {stricter}");
        assert_eq!(Direction::of(&b, &a), Direction::Looser, "{stricter} {looser}");
    }
    for (one, other, direction) in [
        ("one", "told", Direction::Unchanged),
        ("one", "others", Direction::Otherwise),
        ("dry", "few", Direction::Otherwise),
        ("quick", "others", Direction::Otherwise),
        ("glass", "pool", Direction::Otherwise),
        ("glass", "unreviewed", Direction::Otherwise),
        ("outvoted", "far", Direction::Stricter),
    ] {
        assert_eq!(Direction::of(&outcome(one), &outcome(other)), direction, "{one} {other}");
    }
}

#[test]
fn fewer_witnesses_are_looser() {
    use Direction::{Looser, Otherwise, Stricter, Unchanged};
    for (direction, more, fewer) in [
        (Unchanged, Stricter, Looser),
        (Stricter, Stricter, Otherwise),
        (Looser, Looser, Looser),
        (Otherwise, Otherwise, Otherwise),
    ] {
        assert_eq!(direction.with_witnesses(1, 1), direction);
        assert_eq!(direction.with_witnesses(1, 2), more, "{direction}");
        assert_eq!(direction.with_witnesses(2, 1), fewer, "{direction}");
    }
}

#[test]
fn what_the_agent_did_before_is_counted_by_each_policys_own_limits() {
    let often: Vec<Happened> = (0..6)
        .map(|_| Happened {
            action: "db.read",
            resource: "prod/orders/1",
            agent: "agent:a",
            claims: Claims::default(),
            minutes: 1,
            denied: false,
        })
        .collect();
    let before = published("");
    let limit = "limits: [{name: many, match: {kind: read}, window: 30m, requests: 4, level: high}]\n";
    let report = previewed(&often, &before, &before, &published(limit));
    assert_eq!((report.unchanged, report.stricter.count), (4, 2));
    assert_eq!(report.reviews.approvals_after, 4);
    assert_eq!(
        report.stricter.kinds.iter().next().map(|((before, after), count)| (
            before.as_str(),
            after.as_str(),
            *count
        )),
        Some(("allow as `low` risk", "escalate as `high` risk", 2))
    );
    assert_eq!(report.stricter.examples.len(), 2);
    assert!(report.is_safe());
    let ada = report.load.iter().find(|load| load.person.as_str() == "ada").unwrap();
    assert_eq!((ada.before, ada.after), (0, 2));
    // Six minutes are counted as an hour: 4 approvals in it are 96 a day.
    assert_eq!(report.tenths_a_day(report.reviews.approvals_after), 960);
}
