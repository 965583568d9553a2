//! Conditions of rules: what matches, what an error does, and how that is said.

use super::support::{Case, policy, published};
use countersign::operation::Operation;
use countersign::operation::context::Context;
use countersign::party::AgentId;
use countersign::policy::expression::{EvaluationFault, Inputs};
use countersign::policy::{Matching, Policy, Query, Unlike};
use countersign::risk::History;
use countersign::risk::floor::{Part, Subject};

fn decided(policy: &Policy, parameters: &str) -> (String, String, Vec<String>) {
    let decision = Case::new("db.write", "test-db/orders", parameters).decided(policy);
    (decision.outcome.as_str().to_owned(), decision.rule.unwrap_or_default(), decision.reasons)
}

#[test]
fn a_rule_matches_if_its_condition_holds_too() {
    let policy = published(
        "rules:\n\
         - name: much\n\
         \x20 match: {kind: write}\n\
         \x20 when: >\n\
         \x20   has(operation.parameters.amount)\n\
         \x20   && operation.parameters.amount > 500\n\
         \x20 decision: escalate\n\
         - {name: little, match: {kind: write}, decision: allow}\n",
    );
    for (parameters, expected) in [
        ("{}", ("allow", "little")),
        (r#"{"amount":500}"#, ("allow", "little")),
        (r#"{"amount":500.5}"#, ("escalate", "much")),
        // Nobody can say whether a text is more than 500.
        (r#"{"amount":"501"}"#, ("escalate", "much")),
    ] {
        let (outcome, rule, _) = decided(&policy, parameters);
        assert_eq!((outcome.as_str(), rule.as_str()), expected, "{parameters}");
    }
}

#[test]
fn an_error_never_widens_authority_and_is_said() {
    let rule = |decision: &str| {
        published(&format!(
            "rules:\n- {{name: asks, when: operation.parameters.force, decision: {decision}}}\n\
             - {{name: last, decision: escalate}}\n"
        ))
    };
    let (outcome, name, reasons) = decided(&rule("deny"), "{}");
    assert_eq!((outcome.as_str(), name.as_str()), ("deny", "asks"));
    assert_eq!(
        reasons[1],
        "nobody can say whether its condition holds, so it counts as held: there is no `force`"
    );

    let (_, name, reasons) = decided(&rule("escalate"), r#"{"force":"yes"}"#);
    assert_eq!(name, "asks");
    let why =
        "nobody can say whether its condition holds, so it counts as held: a string where a bool is needed";
    assert_eq!(reasons[1], why);

    let (_, name, reasons) = decided(&rule("allow"), "{}");
    assert_eq!(name, "last");
    assert_eq!(
        reasons[1],
        "rule `asks` does not allow it, because nobody can say whether its condition holds: there is no `force`"
    );
    let (outcome, name, _) = decided(&rule("allow"), r#"{"force":true}"#);
    assert_eq!((outcome.as_str(), name.as_str()), ("allow", "asks"));
}

#[test]
fn a_condition_is_looked_at_only_where_the_rest_matches() {
    let policy = published(
        "rules: [{name: asks, match: {kind: read}, when: operation.parameters.x, decision: deny}]\n",
    );
    let (_, rule, reasons) = decided(&policy, "{}");
    assert_eq!(rule, "");
    assert!(reasons.iter().all(|reason| !reason.contains("nobody can say")), "{reasons:?}");
}

#[test]
fn a_rule_says_in_which_part_it_does_not_match() {
    let policy = policy(
        "version: 1\nname: x\ndefaults: {reviewers: ['role:a']}\nrules:\n\
         - {name: a, match: {level: critical}, decision: deny}\n\
         - {name: b, match: {kind: read}, decision: deny}\n\
         - {name: c, match: {action: other}, decision: deny}\n\
         - {name: d, match: {resource: other}, decision: deny}\n\
         - {name: e, match: {agent: other}, decision: deny}\n\
         - {name: f, match: {on_behalf_of: other}, decision: deny}\n\
         - {name: g, match: {environment: test}, decision: deny}\n\
         - {name: h, match: {rows_over: 10}, decision: deny}\n\
         - {name: i, when: facts.rows > 10, decision: deny}\n\
         - {name: j, when: facts.cost > 10, decision: deny}\n\
         - {name: k, when: facts.cost > 10, decision: allow}\n\
         - {name: l, when: facts.rows == 0, decision: allow}\n\
         levels: {}\n",
    );
    let operation = Operation::from_json("db.write", "prod/orders", b"{}").unwrap();
    let decision = Case::new("db.write", "prod/orders", "{}").decided(&policy);
    let assessment = &decision.assessment;
    let (agent, context, history) =
        (AgentId::new("agent-7").unwrap(), Context::default(), History::default());
    let query = Query {
        subject: &Subject::new("db.write", "prod/orders"),
        inputs: Inputs {
            operation: &operation,
            parameters: None,
            facts: &assessment.facts,
            score: assessment.score,
            level: assessment.level,
            factors: &assessment.factors,
            agent: &agent,
            on_behalf_of: None,
            history: &history,
            context: &context,
            executor: None,
            now: policy.model().timing.calendar.local(countersign::moment::Moment::from_unix_seconds(0)),
        },
    };
    let absent = EvaluationFault::Absent("facts.cost");
    let expected = [
        Matching::No(Unlike::Level),
        Matching::No(Unlike::Situation(Part::Kind)),
        Matching::No(Unlike::Situation(Part::Action)),
        Matching::No(Unlike::Situation(Part::Resource)),
        Matching::No(Unlike::Agent),
        Matching::No(Unlike::OnBehalfOf),
        Matching::No(Unlike::Situation(Part::Environment)),
        Matching::No(Unlike::Situation(Part::RowsOver)),
        Matching::No(Unlike::Condition),
        Matching::YesByError(absent.clone()),
        Matching::NoByError(absent),
        Matching::Yes,
    ];
    let found: Vec<Matching> = policy.rules().iter().map(|rule| rule.matches(&query)).collect();
    assert_eq!(found, expected);
    let keys: Vec<&str> = found
        .iter()
        .filter_map(|matching| if let Matching::No(unlike) = matching { Some(unlike.key()) } else { None })
        .collect();
    let written =
        ["level", "kind", "action", "resource", "agent", "on_behalf_of", "environment", "rows_over", "when"];
    assert_eq!(keys, written);
}

#[test]
fn ten_thousand_conditions_are_read_like_any_other_rule() {
    let mut text = "version: 1\nname: x\ndefaults: {reviewers: ['role:a']}\nrules:\n".to_owned();
    for n in 0..10_000 {
        // Half of them say the same.
        let source = format!("facts.rows > {}", if n % 2 == 0 { 0 } else { n });
        text.push_str(&format!("- {{name: r{n}, when: '{source}', decision: deny}}\n"));
    }
    text.push_str("levels: {}\n");
    let policy = policy(&text);
    let conditions = policy.rules().iter().filter(|rule| rule.when.is_some()).count();
    assert_eq!(conditions, 10_000);
}

#[test]
fn an_error_in_an_escalation_does_not_hide_a_denial_behind_it() {
    let policy = policy(
        "version: 1\nname: x\nroles: [a, b]\ndefaults: {reviewers: ['role:a']}\n\
         classify:\n  - {action: pay, kind: external_call}\nrules:\n\
         - {name: some, when: 'operation.parameters.sum > 100', decision: escalate}\n\
         - {name: more, when: 'operation.parameters.sum > 5000', decision: escalate, escalation: {approvals: 2}}\n\
         - {name: much, when: 'operation.parameters.sum > 10000', decision: deny}\n\
         - {name: rest, decision: allow}\nlevels: {}\n",
    );
    let decided = |parameters: &str| {
        let decision = Case::new("pay", "bank/test", parameters).decided(&policy);
        (decision.outcome.as_str().to_owned(), decision.rule.unwrap_or_default())
    };
    let is = |outcome: &str, rule: &str| (outcome.to_owned(), rule.to_owned());
    assert_eq!(decided(r#"{"sum":50}"#), is("allow", "rest"));
    assert_eq!(decided(r#"{"sum":101}"#), is("escalate", "some"));
    // The first that holds decides.
    assert_eq!(decided(r#"{"sum":20000}"#), is("escalate", "some"));
    // Nobody can say: the strictest of all that might.
    for hostile in [r#"{"sum":"50"}"#, "{}", r#"{"sum":null}"#, r#"{"sum":[50]}"#] {
        assert_eq!(decided(hostile), is("deny", "much"), "{hostile}");
    }
}
