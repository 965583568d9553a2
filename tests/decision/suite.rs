//! Suites: cases that pass and fail for the right reason, what they reach, and what mistakes in them are told.

use super::support::{folder, golden, policy};
use core::fmt::Write as _;
use countersign::decision::suite::{Report, Suite};
use countersign::policy::Policy;
use countersign::reviewer::Directory;
use proptest::prelude::*;

const STARTER: &str = include_str!("../../examples/policies/starter.yaml");
const SUITE: &str = include_str!("../../examples/policies/starter.test.yaml");
const ROSTER: &str = include_str!("../../examples/policies/roster.yaml");

fn told(report: &Report) -> String {
    let mut text = String::new();
    for case in &report.cases {
        let mark = if case.differences.is_empty() { "passed" } else { "failed" };
        writeln!(text, "{mark} {}: {}", case.line, case.name).unwrap();
        for difference in &case.differences {
            writeln!(
                text,
                "  {}: expected {}, found {}",
                difference.key, difference.expected, difference.found
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn the_starter_policy_passes_its_suite_and_every_rule_of_it_is_reached() {
    let suite = Suite::parse(SUITE, "starter.test.yaml").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((suite.policy(), suite.roster()), ("starter.yaml", Some("roster.yaml")));
    let starter = Policy::parse(STARTER, "starter.yaml").unwrap();
    let roster = Directory::parse(ROSTER, "roster.yaml").unwrap();
    let report = suite.run(&starter, Some(&roster)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.failed(), 0, "{}", told(&report));
    assert_eq!(report.cases.len(), suite.len());
    assert!(report.coverage.is_whole(), "{:#?}", report.coverage);
    assert_eq!(report.coverage.levels.missed, Vec::<String>::new());
}

#[test]
fn every_expectation_can_fail() {
    let policy = policy(
        "version: 1\nname: p\ndefaults: {reviewers: [role:oncall], timeout: 20m}\n\
         classify: [{action: '*.write', kind: write}]\n\
         floors: [{name: own, match: {resource: 'x/*'}, level: medium}]\n\
         limits: [{name: often, match: {action: 'a.write'}, window: 1h, requests: 3, level: high}]\n\
         rules:\n\
         - {name: ask, match: {action: a.write}, decision: escalate, conditions: [dry_run]}\n\
         - {name: unused, match: {action: b.write}, decision: deny}\n\
         levels: {}\n",
    );
    let roster = Directory::parse(ROSTER, "roster.yaml").unwrap();
    let operation = "operation: {action: a.write, resource: x/1, parameters: {n: 1.5, list: [~, true, -3]}}";
    let wrong = [
        "decision: deny",
        "rule: unused",
        "rule: ~",
        "level: low",
        "score: 0.111",
        "floors: [own, often]",
        "floors: []",
        "requirement: '2 of role oncall, signed'",
        "conditions: ['canary:max_percent=10']",
        "conditions: []",
        "timeout: 1h",
        "timeout_action: allow",
        "reasons: [nobody would ever say this]",
        "anomalies: [pieces]",
        "reviewers: [ada]",
    ];
    let right = [
        "decision: escalate",
        "rule: ask",
        "level: medium",
        "score: 0.29",
        "floors: own",
        "requirement: '1 of role oncall, signed'",
        "conditions: [dry_run]",
        "timeout: 20m",
        "timeout_action: deny",
        "reasons: ['escalated by rule']",
        "anomalies: []",
        "reviewers: [linus, ada, grace]",
    ];
    let suite = |expectations: &[&str]| {
        let mut text =
            "version: 1\npolicy: p\nroster: r\ndefaults: {agent: agent-7, at: 2026-11-24T12:00:00Z}\ncases:\n"
                .to_owned();
        for expectation in expectations {
            writeln!(
                text,
                "- {{name: '{}', {operation}, expect: {{{expectation}}}}}",
                expectation.replace('\'', "")
            )
            .unwrap();
        }
        Suite::parse(&text, "p.test.yaml").unwrap_or_else(|error| panic!("{error}"))
    };
    let report = suite(&right).run(&policy, Some(&roster)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.failed(), 0, "{}", told(&report));
    let report = suite(&wrong).run(&policy, Some(&roster)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.failed(), wrong.len());
    golden(&folder().join("suites/wrong.txt"), &told(&report));
    let coverage = &report.coverage;
    assert_eq!(
        (&*coverage.rules.reached, &*coverage.rules.missed),
        (&["ask".to_owned()][..], &["unused".to_owned()][..])
    );
    assert_eq!(coverage.floors.reached, ["own"]);
    assert_eq!(coverage.limits.missed, ["often"]);
    assert!(!coverage.is_whole());
}

#[test]
fn mistakes_in_a_suite_are_told_with_their_place() {
    let starter = Policy::parse(STARTER, "starter.yaml").unwrap();
    let case = |case: &str| {
        format!("version: 1\npolicy: p\ndefaults: {{agent: a}}\ncases:\n- {{name: n, {case}}}\n")
    };
    let plain = "operation: {action: db.read, resource: x}";
    let mut text = String::new();
    for source in [
        "version: 1\npolicy: p\nkases: []\n".to_owned(),
        "version: 2\npolicy: p\ncases: []\n".to_owned(),
        format!("version: 1\npolicy: p\ncases:\n- {{name: n, {plain}, expect: {{}}}}\n"),
        case(&format!("{plain}, expect: {{}}}}\n- {{name: n, {plain}, expect: {{}}")),
        case(plain),
        case(&format!("{plain}, expect: {{decision: dany}}")),
        case(&format!("{plain}, expect: {{rule: ordinary-read}}")),
        case(&format!("{plain}, expect: {{floors: [expensif]}}")),
        case(&format!("{plain}, expect: {{reviewers: [ada]}}")),
        case(&format!("{plain}, history: {{limits: {{spendings: {{cost: 1}}}}}}, expect: {{}}")),
        case(&format!("{plain}, at: yesterday, expect: {{}}")),
        case(&format!("{plain}, declared: {{kind: reed}}, expect: {{}}")),
        case("operation: {action: db read, resource: x}, expect: {}"),
        case("operation: {action: db.read, resource: ''}, expect: {}"),
        case("operation: {action: db.read, resource: x, parameters: [1]}, expect: {}"),
        case("operation: {action: db.read, resource: x, parameters: '{\"a\":1,\"a\":2}'}, expect: {}"),
        case("operation: {action: db.read, resource: x, parameters: {}, payload: y}, expect: {}"),
    ] {
        let run = |suite: Suite| suite.run(&starter, None).err();
        let error = Suite::parse(&source, "p.test.yaml").map_or_else(Some, run);
        let error = error.unwrap_or_else(|| panic!("taken: {source}"));
        writeln!(text, "{}\n{error}\n", error.problem.code()).unwrap();
    }
    golden(&folder().join("suites/mistakes.txt"), &text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn whatever_stands_in_a_suite_or_a_policy_is_answered(
        (from, length) in (0_usize..8000, 0_usize..40),
        put in prop_oneof![
            "[a-z:{}\\[\\]'\"~ \n,-]{0,12}",
            prop::sample::select(vec!["~", "[]", "{}", "-1", "1e400", "18446744073709551616", "'\u{202e}'", "*a", "&a x", "\t"])
                .prop_map(str::to_owned),
        ],
    ) {
        let broken = |text: &str| {
            let at = |place: usize| (place.min(text.len())..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
            format!("{}{put}{}", &text[..at(from)], &text[at(from + length)..])
        };
        let starter = Policy::parse(STARTER, "starter.yaml").unwrap();
        let roster = Directory::parse(ROSTER, "roster.yaml").unwrap();
        match Suite::parse(&broken(SUITE), "s") {
            Ok(suite) => drop(suite.run(&starter, Some(&roster)).map_err(|error| error.to_string())),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        match Policy::parse(&broken(STARTER), "p") {
            Ok(policy) => drop(policy.findings(Some(&roster)).iter().map(ToString::to_string).collect::<Vec<_>>()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
