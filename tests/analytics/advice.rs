//! Advice: what it says, from how many cases on, and that it never says to allow what was ever denied.

use crate::counted::statistics;
use crate::world::{Happening, PEOPLE, Say, World, happening};
use countersign::audit::advice::{Advice, Code, Minimums, advise};
use countersign::audit::again::Step;
use countersign::audit::analytics::Settings;
use countersign::audit::event::{Event, Outcome as Became, Record};
use countersign::decision::preview::{Preview, Report};
use countersign::escalation::{self, Denial, Flag};
use countersign::operation::Operation;
use countersign::policy::Policy;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn given(world: &World) -> Vec<Advice> {
    given_from(world, &Settings::default(), &Minimums::default())
}

fn given_from(world: &World, settings: &Settings, minimums: &Minimums) -> Vec<Advice> {
    let statistics = statistics(&world.record, settings.clone());
    advise(&statistics, &statistics.report(world.now), Some(&world.policy), minimums)
}

fn of(code: Code, all: &[Advice]) -> Vec<&Advice> {
    all.iter().filter(|one| one.code == code).collect()
}

/// So many requests of this action, approved by these people in turn.
fn approved(world: &mut World, action: &str, resource: &str, times: usize, by: &[&str]) {
    for number in 0..times {
        let (_, opened) = world.ask(action, &format!("{resource}/{number}"), "agent:0");
        let opened = opened.expect("people are asked");
        world.vote(opened, by[number % by.len()], Say::Approve, &[]);
        world.claim(opened);
        world.wait(1);
    }
}

fn preview(world: &World, advice: &Advice) -> (Policy, Report) {
    let change = advice.change.as_ref().expect("there is a change");
    let text = change.applied(&world.policy).expect("it can be put in");
    let after = Policy::parse(&text, "changed").unwrap();
    let mut preview = Preview::new(&world.policy, &after, usize::MAX);
    for step in world.record.iter().cloned().filter_map(Step::of) {
        step.compare(&mut preview);
    }
    let report = preview.finish(None, None);
    (after, report)
}

#[test]
fn what_was_approved_every_time_is_to_be_allowed_and_the_preview_says_what_that_changes() {
    let mut world = World::new();
    approved(&mut world, "db.write.one", "test/a", 80, &["ada", "bob"]);
    approved(&mut world, "db.read.one", "test/b", 5, &["ada", "bob"]);
    let all = given(&world);
    let allow = of(Code::Allow, &all);
    let [advice] = allow[..] else { panic!("{all:#?}") };
    assert_eq!(
        advice.words,
        "`db.write.one` in test at low risk was approved 80 times of 80, by 2 people, and never denied: allow it"
    );
    assert_eq!((advice.evidence.cases.part, advice.evidence.examples.len()), (80, 5));
    let change = advice.change.as_ref().unwrap();
    assert_eq!(
        change.text,
        "- name: \"allow-db-write-one-test-low\"\n  match:\n    action: \"db.write.one\"\n    resource: [\"test/a/*\"]\n    \
         environment: test\n    level: low\n  decision: allow\n  reason: \"approved 80 times of 80 by 2 people\"\n"
    );
    assert_eq!(change.before.as_deref(), Some("one"));
    let (after, report) = preview(&world, advice);
    assert_eq!(after.rules().len(), world.policy.rules().len() + 1);
    assert_eq!(
        (report.looser.count, report.stricter.count, report.otherwise.count, report.unchanged),
        (80, 0, 0, 5)
    );
    assert!(report.looser.examples.iter().all(|change| change.action == "db.write.one"));
    assert!(advice.holds(&report, statistics(&world.record, Settings::default()).ledger()));
}

/// What happens besides eighty approvals of `db.write.one` in the test environment, so that nothing is said of it.
#[test]
fn whatever_spoke_against_it_nothing_is_said() {
    type Spoils = fn(&mut World);
    let cases: &[(&str, Spoils)] = &[
        ("somebody denied it", |world| {
            let (_, opened) = world.ask("db.write.one", "test/a/x", "agent:1");
            world.vote(opened.unwrap(), "cyd", Say::Deny, &[]);
        }),
        ("somebody denied it in production, spelled otherwise", |world| {
            let (_, opened) = world.ask("DB-Write_2.ONE", "prod/orders/x", "agent:1");
            world.vote(opened.unwrap(), "ada", Say::Deny, &[]);
        }),
        ("nobody decided in time", |world| {
            world.ask("db.write.one", "test/a/x", "agent:1");
            world.wait(40 * 60);
        }),
        ("it was blocked", |world| {
            world.ask("db.write.one", "test/a/x", "agent:1");
            world.happen(&Happening::Block { which: 0 });
        }),
        ("it was blocked after it had been approved", |world| {
            let (_, opened) = world.ask("db.write.one", "test/a/x", "agent:1");
            world.vote(opened.unwrap(), "ada", Say::Approve, &[]);
            world.happen(&Happening::Block { which: 0 });
        }),
        ("a reviewer proposed something else", |world| {
            let (_, opened) = world.ask("db.write.one", "test/a/x", "agent:1");
            world.amend(opened.unwrap(), "ada");
        }),
        ("an incident came of it", |world| {
            let (txn, _) = world.ask("db.write.one", "test/a/x", "agent:1");
            world.incident(txn);
        }),
        ("an incident came of something that nobody knows any more", |world| {
            world.incident(countersign::party::TxnId::from_random([9; 16]));
        }),
        ("it failed", |world| {
            let (txn, _) = world.ask("db.write.one", "test/a/x", "agent:1");
            world.report(txn, Became::Failed);
        }),
        ("its executor refused it", |world| {
            let (txn, _) = world.ask("db.write.one", "test/a/x", "agent:1");
            world.report(txn, Became::Refused);
        }),
        ("a suspension stopped it", |world| world.suspended("db.write.one", "prod/orders/9")),
        ("a drill of it was denied", |world| {
            world.happen(&Happening::Drill { action: "db.write.one" });
            world.happen(&Happening::Vote { which: 0, who: 0, say: Say::Deny, hasty: false });
        }),
    ];
    for (what, spoil) in cases {
        for before in [true, false] {
            let mut world = World::new();
            if before {
                spoil(&mut world);
                world.wait(1);
            }
            let since = Some(world.now);
            approved(&mut world, "db.write.one", "test/a", 80, &["ada", "bob"]);
            if !before {
                spoil(&mut world);
            }
            assert_eq!(of(Code::Allow, &given(&world)), Vec::<&Advice>::new(), "{what}");
            // … however long ago.
            let settings = Settings { since: since.filter(|_| before), ..Settings::default() };
            let late = given_from(&world, &settings, &Minimums::default());
            assert_eq!(
                of(Code::Allow, &late),
                Vec::<&Advice>::new(),
                "{what}, before the time that is asked for"
            );
        }
    }
    let mut world = World::new();
    approved(&mut world, "db.write.one", "test/a", 80, &["ada", "bob"]);
    let (_, opened) = world.ask("db.read.one", "test/a/x", "agent:1");
    world.vote(opened.unwrap(), "cyd", Say::Deny, &[]);
    assert_eq!(of(Code::Allow, &given(&world)).len(), 1, "another action says nothing of this one");
}

#[test]
fn of_too_few_of_one_person_and_of_what_nobody_looked_at_nothing_is_said() {
    let asked = |times: usize, by: &[&str]| {
        let mut world = World::new();
        approved(&mut world, "db.write.one", "test/a", times, by);
        of(Code::Allow, &given(&world)).len()
    };
    assert_eq!((asked(72, &["ada", "bob"]), asked(73, &["ada", "bob"])), (0, 1));
    assert_eq!(asked(120, &["ada"]), 0, "one person is an opinion");
    let voted = |say: fn(usize) -> Say, flags: &[Flag]| {
        let mut world = World::new();
        for number in 0..90 {
            let (_, opened) = world.ask("db.write.one", &format!("test/a/{number}"), "agent:0");
            world.vote(opened.unwrap(), PEOPLE[number % 2], say(number), flags);
        }
        let all = given(&world);
        of(Code::Allow, &all).into_iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(voted(|_| Say::Approve, &[Flag::Hasty { took: 1, least: 2 }]), [], "in haste nobody looked");
    assert_eq!(voted(|_| Say::Approve, &[Flag::Streak { votes: 100 }]).len(), 1);
    let conditions = voted(|_| Say::Conditions, &[]);
    assert!(conditions[0].change.as_ref().unwrap().text.contains("conditions: [\"row_limit:max=9\"]"));
    assert_eq!(voted(|number| if number % 3 == 0 { Say::Conditions } else { Say::Approve }, &[]), []);
}

#[test]
fn what_a_rule_could_not_name_or_nobody_may_change_is_left_out() {
    let asked = |action: &str, resource: &str| {
        let policy = crate::world::POLICY.replace("'*.one'", "'*one'");
        let mut world = World::with(&policy);
        approved(&mut world, action, resource, 80, &["ada", "bob"]);
        of(Code::Allow, &given(&world)).len()
    };
    assert_eq!(asked("db.write.one", "test/a"), 1);
    assert_eq!(asked("db.write.one", "test/*"), 0, "a star in a name would be a pattern");
    assert_eq!(asked("countersign.policy.one", "test/a"), 0);
    assert_eq!(asked("Countersign.policy.one", "test/a"), 0);
}

#[test]
fn what_was_denied_every_time_is_to_be_denied() {
    let mut world = World::new();
    for number in 0..16 {
        let (_, opened) = world.ask("db.write.one", &format!("prod/orders/{number}"), "agent:0");
        world.vote(opened.unwrap(), "ada", Say::Deny, &[]);
        if number == 14 {
            assert!(of(Code::Deny, &given(&world)).is_empty());
        }
    }
    let all = given(&world);
    let [advice] = of(Code::Deny, &all)[..] else { panic!("{all:#?}") };
    assert!(advice.words.contains("denied 16 times of 16"));
    let (_, report) = preview(&world, advice);
    assert_eq!((report.stricter.count, report.looser.count), (16, 0));
    approved(&mut world, "db.write.one", "prod/orders", 1, &["ada"]);
    assert!(of(Code::Deny, &given(&world)).is_empty());
}

#[test]
fn pools_stages_people_and_the_queue() {
    let mut world = World::new();
    for number in 0..100 {
        // Ada alone approves, at once; of five one expires.
        let (_, opened) = world.ask("db.read.one", &format!("prod/orders/{number}"), "agent:0");
        if number % 5 == 0 {
            world.wait(31 * 60);
        } else {
            world.vote(opened.unwrap(), "ada", Say::Approve, &[]);
        }
        if number % 20 == 0 {
            world.wait(24 * 60 * 60);
        }
    }
    approved_by_two(&mut world, 80);
    let all = given(&world);
    let words = |code| of(code, &all).iter().map(|one| one.words.clone()).collect::<Vec<_>>();
    assert_eq!(
        words(Code::Pool),
        [
            "of 100 times that the rule `one` asked people, nobody decided 20 in time and 0 were blocked: more people, more time or a further stage"
        ]
    );
    assert_eq!(
        words(Code::Alone)[0],
        "ada took part in 80 of 80 approvals that the rule `one` asked for: without them there would hardly be any"
    );
    let stages = words(Code::Stage);
    assert!(stages.iter().any(|one| one == "stage 1 of what the rule `two` asks for was never reached in 80 times: it may as well go, or begin earlier"), "{stages:?}");
    assert_eq!(words(Code::Quick).len(), 2, "{:?}", words(Code::Quick));
    let caps = words(Code::Cap);
    assert!(
        caps.iter().any(|one| one.starts_with("bob was asked nine tenths of the daily cap of 3 or more on ")),
        "{caps:?}"
    );
    assert!(of(Code::Allow, &all).iter().all(|one| one.action.as_deref() != Some("db.read.one")));
}

/// Both of them, at once.
fn approved_by_two(world: &mut World, times: usize) {
    for number in 0..times {
        let (_, opened) = world.ask("db.read.two", &format!("test/b/{number}"), "agent:1");
        for who in ["ada", "bob"] {
            world.vote(opened.unwrap(), who, Say::Approve, &[]);
        }
    }
}

#[test]
fn a_threshold_and_a_floor_that_escalate_what_nobody_denies() {
    let mut world = World::new();
    approved(&mut world, "db.write", "prod/orders", 80, &["ada", "bob"]);
    approved(&mut world, "db.write.lift", "test/a", 80, &["ada", "bob"]);
    let all = given(&world);
    let [floor] = of(Code::Floor, &all)[..] else { panic!("{all:#?}") };
    assert!(floor.words.contains("the floor `laid`"), "{}", floor.words);
    let [threshold] = of(Code::Threshold, &all)[..] else { panic!("{all:#?}") };
    let (after, report) = preview(&world, threshold);
    assert!(after.model().thresholds.medium > world.policy.model().thresholds.medium);
    assert_eq!((report.looser.count, report.stricter.count), (80, 0), "{threshold:#?}");
    // One denial of any of it, at any score, and nothing is said.
    let (_, opened) = world.ask("db.write", "prod/customers", "agent:1");
    world.vote(opened.unwrap(), "ada", Say::Deny, &[]);
    assert!(of(Code::Threshold, &given(&world)).is_empty());
    let (_, opened) = world.ask("db.write.lift", "prod/orders/1", "agent:1");
    world.vote(opened.unwrap(), "ada", Say::Deny, &[]);
    assert!(of(Code::Floor, &given(&world)).is_empty());
}

/// Everything that was ever denied, in whatever way, by the letters of its action alone.
fn denied(record: &[Record]) -> BTreeSet<String> {
    let letters =
        |action: &str| action.chars().filter(|c| c.is_alphabetic()).collect::<String>().to_lowercase();
    let mut actions = BTreeMap::new();
    let mut found = BTreeSet::new();
    for one in record {
        match &one.event {
            Event::Decided(decided) | Event::Drill { proposal: decided, .. } => {
                let operation = Operation::from_op_bytes(decided.op.as_bytes()).unwrap();
                let name = letters(operation.action());
                if decided.decision.denies() {
                    found.insert(name.clone());
                }
                if let Some(id) = decided.escalation {
                    actions.insert(id, name);
                }
            }
            Event::Escalation { id, step } => {
                let against = match step {
                    escalation::Event::Voted(vote) => !vote.approves(),
                    escalation::Event::Denied { cause, .. } => *cause != Denial::Drill,
                    escalation::Event::Expired { .. }
                    | escalation::Event::Blocked { .. }
                    | escalation::Event::Amended(_) => true,
                    escalation::Event::Approved(grant) => grant.emergency,
                    _ => false,
                };
                if against {
                    found.insert(actions[id].clone());
                }
            }
            _ => {}
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// With a minimum of one case and one person, so that there is advice at all.
    #[test]
    fn nothing_is_to_be_allowed_that_was_ever_denied(
        all in prop::collection::vec(happening(), 1..70),
        since in prop::option::of(0_u64..40_000),
    ) {
        let world = World::of(&all);
        let since = since.map(|seconds| crate::world::START.plus(core::time::Duration::from_secs(seconds)));
        let least = Minimums { approved: 0.0, approvers: 0, ..Minimums::default() };
        let denied = denied(&world.record);
        let spoiled = |action: &str| denied.contains(&action.chars().filter(|c| c.is_alphabetic()).collect::<String>().to_lowercase());
        let settings = Settings { since, ..Settings::default() };
        let ledger = statistics(&world.record, settings.clone());
        for advice in given_from(&world, &settings, &least) {
            if !matches!(advice.code, Code::Allow | Code::Threshold) {
                continue;
            }
            if let Some(action) = &advice.action {
                prop_assert!(!spoiled(action), "{:?}", advice);
            }
            // What its change makes looser was never denied either, or the change is not to be had.
            if advice.change.as_ref().is_some_and(|change| change.applied(&world.policy).is_some()) {
                let (_, report) = preview(&world, &advice);
                let loosened = report.looser.examples.iter().any(|change| spoiled(&change.action));
                prop_assert!(!loosened || !advice.holds(&report, ledger.ledger()), "{:?}", advice);
            }
        }
    }
}

/// Advice is no use that is never given.
#[test]
fn random_histories_give_advice() {
    let mut world = World::new();
    approved(&mut world, "db.write.one", "test/a", 1, &["ada"]);
    let least = Minimums { approved: 0.0, approvers: 0, ..Minimums::default() };
    assert_eq!(of(Code::Allow, &given_from(&world, &Settings::default(), &least)).len(), 1);
}

/// A change is put in as whole lines, and into no policy in which that is not enough.
#[test]
fn a_policy_keeps_everything_else_that_it_says() {
    let mut world = World::new();
    approved(&mut world, "db.write.one", "test/a", 80, &["ada", "bob"]);
    let all = given(&world);
    let change = of(Code::Allow, &all)[0].change.clone().unwrap();
    let with_comment =
        crate::world::POLICY.replace("  - name: one\n", "  # One is enough.\n  - name: one   # here\n");
    let policy = Policy::parse(&with_comment, "p").unwrap();
    let text = change.applied(&policy).unwrap();
    assert!(text.contains("# One is enough.") && text.contains("- name: one   # here"));
    let reread = Policy::parse(&text, "p").unwrap();
    assert_eq!(reread.rules().len(), policy.rules().len() + 1);
    let in_one_line = "version: 1\nname: t\ndefaults: {reviewers: [role:oncall]}\nrules: [{name: one, match: {action: '*.one'}, decision: escalate}]\nlevels: {}\n";
    let policy = Policy::parse(in_one_line, "p").unwrap();
    assert_eq!(change.applied(&policy), None);
    let gone = crate::world::POLICY.replace("name: one", "name: uno");
    assert_eq!(change.applied(&Policy::parse(&gone, "p").unwrap()), None, "the rule is not there any more");
}
