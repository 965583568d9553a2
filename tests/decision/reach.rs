//! What a check says can never happen does not happen, whatever is asked and claimed.

use super::support::{Case, published};
use core::cell::Cell;
use core::fmt::Write as _;
use countersign::policy::Finding;
use countersign::risk::{Claims, Environment, Kind, Sensitivity};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn case() -> impl Strategy<Value = Case> {
    (
        prop::sample::select(vec!["db.read", "db.update", "db.delete", "db.admin", "DB.write", "x.y"]),
        prop::sample::select(vec!["prod/a", "test/a", "staging/b", "Prod/customers", "test/tokens/1"]),
        prop::sample::select(vec![
            "{}",
            r#"{"filter":"*"}"#,
            r#"{"affected_rows_estimate":5000}"#,
            r#"{"limit":2000}"#,
        ]),
        prop::option::of(prop::sample::select(Kind::ALL)),
        prop::option::of(prop::sample::select(Environment::ALL)),
        prop::option::of(prop::sample::select(Sensitivity::ALL)),
        (prop::option::of(prop::sample::select(vec![5, 5000, 50_000])), any::<bool>(), 0_u32..8, 0_u64..24),
    )
        .prop_map(
            |(
                action,
                resource,
                parameters,
                kind,
                environment,
                sensitivity,
                (rows, irreversible, anomalies, hour),
            )| {
                let mut case = Case::new(action, resource, parameters);
                case.claims =
                    Claims { kind, environment, sensitivity, rows, irreversible, ..Claims::default() };
                case.anomalies = anomalies;
                case.at = case.at.plus(core::time::Duration::from_secs(hour * 3600));
                case
            },
        )
}

/// A description, and the levels that a rule may want besides.
fn situation() -> impl Strategy<Value = String> {
    let one = |key: &'static str, words: &'static [&'static str]| {
        prop::option::weighted(0.4, prop::sample::select(words))
            .prop_map(move |word| word.map(|word| format!("{key}: {word}")))
    };
    (
        one("kind", &["read", "[update, write]", "delete", "admin", "unknown"]),
        one("environment", &["test", "staging", "production", "[test, staging]"]),
        one("sensitivity", &["ordinary", "bulk", "sensitive"]),
        one("scope", &["narrow", "wide", "everything"]),
        one("irreversible", &["true", "false"]),
        one("resource", &["'prod/*'", "'test/*'", "'*/a'"]),
        one("understood", &["true", "false"]),
    )
        .prop_map(|parts| {
            let (a, b, c, d, e, f, g) = parts;
            [a, b, c, d, e, f, g].into_iter().flatten().collect::<Vec<_>>().join(", ")
        })
}

const LEVELS: [&str; 4] = ["low", "medium", "high", "critical"];

#[test]
fn what_the_check_calls_impossible_never_happens() {
    let level = || prop::sample::select(&LEVELS[..]);
    let strategy = (
        prop::collection::vec(
            (situation(), prop::option::of(level()), prop::sample::select(vec!["allow", "deny", "escalate"])),
            1..5,
        ),
        prop::collection::vec((situation(), level()), 0..4),
        any::<bool>(),
        prop::sample::select(vec!["critical", "high"]),
        prop::collection::vec(case(), 12),
    );
    let mut runner = TestRunner::new(Config { cases: 400, ..Config::default() });
    let (rules_found, floors_found, levels_found) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let ran = runner.run(&strategy, |(rules, floors, standard, blocked, cases)| {
        let text = |without: Option<usize>| {
            let mut text =
                format!("risk: {{standard_floors: {standard}, blocked_from: {blocked}}}\nfloors:\n");
            for (number, (situation, level)) in floors.iter().enumerate().filter(|(n, _)| Some(*n) != without)
            {
                writeln!(text, "- {{name: f{number}, match: {{{situation}}}, level: {level}}}").unwrap();
            }
            if floors.len() == usize::from(without.is_some()) {
                text = text.replace("floors:\n", "");
            }
            text.push_str("rules:\n");
            for (number, (situation, level, decision)) in rules.iter().enumerate() {
                let level = level.map(|level| format!("level: {level}"));
                let matches: Vec<String> = [Some(situation.clone()).filter(|text| !text.is_empty()), level]
                    .into_iter()
                    .flatten()
                    .collect();
                writeln!(
                    text,
                    "- {{name: r{number}, match: {{{}}}, decision: {decision}}}",
                    matches.join(", ")
                )
                .unwrap();
            }
            text
        };
        let whole = text(None);
        let policy = published(&whole);
        let findings = policy.findings(None);
        let words = |code: &str| -> Vec<String> {
            let of = findings.iter().filter(|finding| finding.code() == code);
            of.map(|finding: &Finding| finding.what.problem.to_string()).collect()
        };
        let named = |messages: &[String], what: &str| -> Vec<String> {
            let name =
                |text: &String| text.strip_prefix(&format!("{what} `"))?.split('`').next().map(str::to_owned);
            messages.iter().filter_map(name).collect()
        };
        let mut never = named(&words("policy.never_matches"), "rule");
        never.extend(named(&words("policy.blocked"), "rule"));
        let out_of_reach: Vec<String> = words("policy.unreachable_level")
            .iter()
            .filter_map(|text| text.split('`').nth(1).map(str::to_owned))
            .collect();
        rules_found.set(rules_found.get() + never.len());
        levels_found.set(levels_found.get() + out_of_reach.len());
        let decided: Vec<_> = cases.iter().map(|case| case.decided(&policy)).collect();
        for decision in &decided {
            let range = policy.model().range();
            prop_assert!((range.lowest..=range.highest).contains(&decision.assessment.score));
            prop_assert!(
                !decision.rule.as_ref().is_some_and(|rule| never.contains(rule)),
                "{whole}\n{decision:#?}"
            );
            prop_assert!(
                !out_of_reach.contains(&decision.assessment.level.to_string()),
                "{whole}\n{decision:#?}"
            );
        }
        for name in named(&words("policy.never_lifts"), "floor") {
            floors_found.set(floors_found.get() + 1);
            let without = published(&text(name.trim_start_matches('f').parse().ok()));
            for (case, decision) in cases.iter().zip(&decided) {
                prop_assert_eq!(
                    case.decided(&without).assessment.level,
                    decision.assessment.level,
                    "{} {}",
                    name,
                    whole
                );
            }
        }
        Ok(())
    });
    ran.unwrap();
    let found = (rules_found.get(), floors_found.get(), levels_found.get());
    assert!(found.0 > 50 && found.1 > 50 && found.2 > 50, "{found:?}");
}

#[test]
fn a_floor_of_what_an_operation_really_is_can_lift_what_it_is_said_to_be() {
    let policy = published(
        "floors: [{name: f, match: {kind: read}, level: critical}]\n\
         rules: [{name: r, match: {kind: delete, environment: test, level: critical}, decision: deny}]\n",
    );
    let codes: Vec<&str> = policy.findings(None).iter().map(Finding::code).collect();
    assert!(!codes.contains(&"policy.never_matches"), "{codes:?}");
    let mut case = Case::new("db.read", "test/a", "{}");
    case.claims.kind = Some(Kind::Delete);
    assert_eq!(case.decided(&policy).rule.as_deref(), Some("r"));
}
