//! Rules: the first that matches decides, beside a naive model that tries them all; and what no rule can do.

use super::support::{Case, policy, published};
use countersign::decision::Outcome;
use countersign::operation::Operation;
use countersign::party::{AgentId, PersonId};
use countersign::risk::{Claims, History, Level};
use proptest::prelude::*;

/// Matches by trying every way.
fn naive(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skip| naive(rest, &name[skip..])),
        Some((byte, rest)) => name.first() == Some(byte) && naive(rest, &name[1..]),
    }
}

#[derive(Clone, Debug)]
struct NaiveRule {
    action: Vec<String>,
    resource: Vec<String>,
    agent: Vec<String>,
    environment: Option<&'static str>,
    when: Option<When>,
    decision: &'static str,
}

/// A condition, and what a naive reader makes of it; `None` is that nobody can say.
#[derive(Clone, Copy, Debug)]
struct When {
    source: &'static str,
    naive: fn(&Case, &str) -> Option<bool>,
}

const CONDITIONS: &[When] = &[
    When { source: "true", naive: |_, _| Some(true) },
    When { source: "operation.action == 'a'", naive: |case, _| Some(case.action == "a") },
    When {
        source: "operation.resource.startsWith('p')",
        naive: |case, _| Some(case.resource.starts_with('p')),
    },
    When { source: "facts.environment != 'test'", naive: |_, environment| Some(environment != "test") },
    When {
        source: "agent.id.matches('[78]$') ? true : false",
        naive: |case, _| Some(!case.agent.ends_with('9')),
    },
    When { source: "operation.parameters.missing == 1", naive: |_, _| None },
    When {
        source: "operation.action == 'b' || operation.parameters.missing == 1",
        naive: |case, _| (case.action == "b").then_some(true),
    },
    When {
        source: "facts.environment == 'test' && operation.parameters.missing",
        naive: |_, environment| (environment != "test").then_some(false),
    },
];

impl NaiveRule {
    /// Whether it matches; `None` if nobody can say whether its condition holds.
    fn matches(&self, case: &Case, environment: &str) -> Option<bool> {
        let any = |patterns: &[String], name: &str| {
            let (lower, exact) = (name.to_ascii_lowercase(), self.decision == "allow");
            patterns.is_empty()
                || patterns.iter().any(|pattern| {
                    if exact {
                        naive(pattern.as_bytes(), name.as_bytes())
                    } else {
                        naive(pattern.to_ascii_lowercase().as_bytes(), lower.as_bytes())
                    }
                })
        };
        let described = any(&self.action, &case.action)
            && any(&self.resource, &case.resource)
            && any(&self.agent, &case.agent)
            && self.environment.is_none_or(|wanted| wanted == environment);
        match self.when {
            Some(when) if described => (when.naive)(case, environment),
            Some(_) | None => Some(described),
        }
    }

    fn yaml(&self, number: usize) -> String {
        let list = |key: &str, patterns: &[String]| match patterns {
            [] => String::new(),
            [one] => format!("{key}: '{one}', "),
            many => format!("{key}: ['{}'], ", many.join("', '")),
        };
        format!(
            "- {{name: r{number}, match: {{{}{}{}{}}}, {}decision: {}}}\n",
            list("action", &self.action),
            list("resource", &self.resource),
            list("agent", &self.agent),
            self.environment.map(|one| format!("environment: {one}")).unwrap_or_default(),
            self.when.map(|when| format!("when: \"{}\", ", when.source)).unwrap_or_default(),
            self.decision
        )
    }
}

fn patterns(text: &'static str) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![2 => Just(Vec::new()), 3 => prop::collection::vec(text, 1..3)]
}

fn rule() -> impl Strategy<Value = NaiveRule> {
    (
        patterns("([aAb]|\\*){1,2}(\\.([aAb]|\\*)){0,2}"),
        patterns("([pP]|\\*)(/[xX]|/\\*){0,2}"),
        patterns("agent-[78]|\\*"),
        prop::option::of(prop::sample::select(vec!["test", "production"])),
        prop::option::of(prop::sample::select(CONDITIONS)),
        prop::sample::select(vec!["allow", "deny", "escalate"]),
    )
        .prop_map(|(action, resource, agent, environment, when, decision)| NaiveRule {
            action,
            resource,
            agent,
            environment,
            when,
            decision,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn the_first_rule_that_matches_decides(
        rules in prop::collection::vec(rule(), 0..25),
        action in "[aAb](\\.[aAb]){0,2}",
        (resource, environment) in prop::sample::select(vec![
            ("p", "production"), ("P/x", "production"), ("p/X/x", "production"), ("p/test", "test"),
        ]),
        agent in "agent-[789]",
    ) {
        let text: String = rules.iter().enumerate().map(|(n, rule)| rule.yaml(n)).collect();
        let text = if text.is_empty() { text } else { format!("rules:\n{text}") };
        let policy = published(&format!("risk: {{standard_floors: false}}\n{text}"));
        let mut case = Case::new(&action, resource, "{}");
        case.agent = agent;
        let (mut doubtful, mut firm) = (Vec::new(), None);
        for (number, rule) in rules.iter().enumerate() {
            // What nobody can say never widens authority: it denies, it does not allow, and where it escalates, what
            // comes behind counts as well.
            match (rule.matches(&case, environment), rule.decision) {
                (Some(false), _) | (None, "allow") => {}
                (None, "escalate") if doubtful.len() < 8 => doubtful.push(number),
                (Some(true) | None, decision) => {
                    firm = Some((number, decision));
                    break;
                }
            }
        }
        let expected = match (doubtful.first(), firm) {
            (_, Some((number, "deny"))) => Some((number, "deny")),
            (Some(number), _) => Some((*number, "escalate")),
            (None, firm) => firm,
        };
        let decision = case.decided(&policy);
        prop_assert_eq!(&decision.rule, &expected.map(|(number, _)| format!("r{number}")), "{}", text);
        if let Some((_, outcome)) = expected {
            prop_assert_eq!(decision.outcome.as_str(), outcome);
        }
    }
}

#[test]
fn a_rule_cannot_allow_what_is_critical() {
    for decision in ["allow", "escalate"] {
        let policy = published(&format!("rules: [{{name: all, decision: {decision}}}]\n"));
        let critical = Case::new("db.delete", "prod-db/orders", r#"{"filter":"*"}"#).decided(&policy);
        assert_eq!(critical.outcome, Outcome::Deny, "{decision}");
        assert_eq!((critical.rule, critical.assessment.level), (None, Level::Critical));
        let other = Case::new("db.delete", "prod-db/orders", "{}").decided(&policy);
        assert_eq!((other.rule.as_deref(), other.outcome.as_str()), (Some("all"), decision));
    }
}

#[test]
fn a_level_can_be_blocked_that_is_below_critical() {
    let text = "rules: [{name: all, decision: allow}]\n";
    let high = Case::new("db.delete", "prod-db/customers", "{}");
    assert!(high.decided(&published(text)).allows());
    let blocked = high.decided(&published(&format!("risk: {{blocked_from: high}}\n{text}")));
    assert!(blocked.denies());
    assert!(blocked.reasons[0].contains("`high` risk never runs"), "{:?}", blocked.reasons);
}

#[test]
fn a_difference_of_case_is_no_way_around_a_rule() {
    let policy = published(
        "resources:\n\
         - {resource: 'Playground/*', environment: test, sensitivity: ordinary}\n\
         - {resource: 'Vault/*', sensitivity: sensitive}\n\
         rules:\n\
         - {name: never, match: {resource: 'safe/*'}, decision: deny}\n\
         - {name: looking, match: {action: 'db.read', resource: 'Docs/*'}, decision: allow}\n",
    );
    let rule = |action: &str, resource: &str| Case::new(action, resource, "{}").decided(&policy).rule;
    assert_eq!(rule("db.read", "safe/x").as_deref(), Some("never"));
    assert_eq!(rule("db.read", "SAFE/x").as_deref(), Some("never"));
    assert_eq!(rule("db.read", "Docs/x").as_deref(), Some("looking"));
    assert_eq!(rule("db.read", "docs/x"), None);
    assert_eq!(rule("DB.read", "Docs/x"), None);

    let score = |action: &str, resource: &str| {
        Case::new(action, resource, "{}").decided(&policy).assessment.score.thousandths()
    };
    // A declaration that lowers counts as spelled, one that raises in any case.
    assert_eq!((score("db.read", "Playground/x"), score("db.read", "playground/x")), (90, 240));
    assert_eq!((score("db.read", "Vault/x"), score("db.read", "vault/x")), (340, 340));
    // The same for classes: `DB.READ` is unknown, `DB.DELETE` still a delete.
    assert_eq!((score("db.read", "x"), score("db.READ", "x")), (240, 340));
    assert_eq!((score("db.delete", "x"), score("db.DELETE", "x")), (390, 390));
}

#[test]
fn whom_the_agent_acts_for_can_be_matched_and_nobody_matches_nothing() {
    let policy = published("rules: [{name: for-ada, match: {on_behalf_of: [ada]}, decision: deny}]\n");
    let operation = Operation::from_json("db.read", "test", b"{}").unwrap();
    let (agent, claims) = (AgentId::new("a").unwrap(), Claims::default());
    let decided = |person: Option<&PersonId>| {
        let request = countersign::decision::Request {
            operation: &operation,
            claims: &claims,
            agent: &agent,
            on_behalf_of: person,
            context: &countersign::operation::context::Context::default(),
            executor: None,
        };
        let now = countersign::moment::Moment::from_unix_seconds(super::support::NOON);
        countersign::decision::decide(&request, &policy, &History::default(), now).rule
    };
    assert_eq!(decided(Some(&PersonId::new("ada").unwrap())).as_deref(), Some("for-ada"));
    assert_eq!(decided(Some(&PersonId::new("ADA").unwrap())).as_deref(), Some("for-ada"));
    assert_eq!(decided(Some(&PersonId::new("bob").unwrap())), None);
    assert_eq!(decided(None), None);
}

#[test]
fn without_rules_the_levels_decide_as_published() {
    let policy = published("risk: {thresholds: {critical: 0.705}}\n");
    let outcome = |case: &Case| {
        let decision = case.decided(&policy);
        (
            decision.assessment.level,
            decision.terms().map_or(0, |terms| terms.requirement.people()),
            decision.denies(),
        )
    };
    let case = |action: &str, resource: &str, parameters: &str, anomalies, hours: u64| {
        let mut case = Case::new(action, resource, parameters);
        case.anomalies = anomalies;
        case.at = countersign::moment::Moment::from_unix_seconds(super::support::NOON + hours * 3600);
        case
    };
    assert_eq!(outcome(&case("db.read", "prod", "{}", 0, 0)), (Level::Low, 0, false));
    assert_eq!(outcome(&case("db.update", "prod", "{}", 0, 0)), (Level::Medium, 1, false));
    assert_eq!(outcome(&case("db.admin", "prod-credentials", "{}", 6, 0)), (Level::High, 2, false));
    let worst = case("db.admin", "prod-credentials", r#"{"filter":"*"}"#, 6, 11);
    assert_eq!(outcome(&worst), (Level::Critical, 0, true));
}

#[test]
fn terms_come_from_the_rule_then_the_defaults() {
    let policy = policy(
        "version: 1\n\
         name: terms\n\
         defaults: {reviewers: ['user:ada', role: dba, 'team:data'], timeout: 1h, execute_within: 1m, assurance: session}\n\
         rules:\n\
         - name: own\n\
         \x20 match: {action: a.own}\n\
         \x20 decision: escalate\n\
         \x20 conditions: ['canary:max_percent=10', {type: row_limit, max: 7}]\n\
         \x20 escalation: {approvals: 2, reviewers: [role:lead], min_role: chief, assurance: signed, timeout: 5m, claim_within: 2m, execute_within: 30s}\n\
         - {name: plain, match: {action: a.plain}, decision: escalate}\n\
         levels: {}\n",
    );
    let terms = |action: &str| Case::new(action, "x", "{}").decided(&policy).terms().unwrap().clone();
    let own = terms("a.own");
    assert_eq!(own.requirement.to_string(), "2 of role lead, chief or above, signed");
    assert_eq!(own.decide_within.as_secs(), 300);
    assert_eq!(own.claim_within.as_secs(), 120);
    assert_eq!(own.execute_within.as_secs(), 30);
    assert_eq!(own.conditions.len(), 2);
    let plain = terms("a.plain");
    assert_eq!(plain.requirement.to_string(), "1 of ada, role dba or team data, session");
    assert_eq!((plain.decide_within.as_secs(), plain.execute_within.as_secs()), (3600, 60));
    assert_eq!(plain.claim_within.as_secs(), 600);
}

#[test]
fn conditions_of_a_rule_reach_the_allow() {
    let policy = published("rules: [{name: dry, decision: allow, conditions: dry_run}]\n");
    let decision = Case::new("db.read", "test", "{}").decided(&policy);
    assert!(decision.allows());
    assert_eq!(decision.outcome.conditions().len(), 1);
}

#[test]
fn a_rule_that_the_check_calls_shadowed_never_decides() {
    use proptest::test_runner::{Config, TestRunner};
    let names = ("[aAb](\\.[aAb]){0,2}", "[pP](/[xX]){0,2}", "agent-[789]");
    let cases = (prop::collection::vec(rule(), 2..8), prop::collection::vec(names, 40));
    let mut runner = TestRunner::new(Config { cases: 500, ..Config::default() });
    let found = std::cell::Cell::new(0);
    let ran = runner.run(&cases, |(rules, names)| {
        let text: String = rules.iter().enumerate().map(|(n, rule)| rule.yaml(n)).collect();
        let policy = published(&format!("rules:\n{text}"));
        let shadowed: Vec<usize> = policy
            .findings(None)
            .iter()
            .filter(|finding| finding.code() == "policy.shadowed")
            .filter_map(|finding| policy.rules().iter().position(|rule| rule.at == finding.what.at))
            .collect();
        found.set(found.get() + shadowed.len());
        for (action, resource, agent) in names {
            let mut case = Case::new(&action, &resource, "{}");
            case.agent = agent;
            let decided = case.decided(&policy).rule;
            for number in &shadowed {
                prop_assert_ne!(decided.as_deref(), Some(&*policy.rules()[*number].name), "{}", text);
            }
        }
        Ok(())
    });
    ran.unwrap();
    assert!(found.get() > 50, "{} rules were shadowed", found.get());
}

#[test]
fn ten_thousand_rules_are_checked_in_one_go() {
    use std::fmt::Write as _;
    let mut text = String::from("rules:\n");
    for n in 0..4500 {
        writeln!(text, "- {{name: a{n}, match: {{action: 'service{n}.*'}}, decision: deny}}").unwrap();
        writeln!(text, "- {{name: b{n}, match: {{action: 'db.*', resource: 'prod/{n}/*'}}, decision: deny}}")
            .unwrap();
    }
    // No name tells these apart, so each is compared with all before it.
    for n in 0..999 {
        writeln!(text, "- {{name: c{n}, match: {{kind: read, rows_over: {n}}}, decision: deny}}").unwrap();
    }
    text.push_str("- {name: late, match: {action: 'service7.read', rows_over: 9}, decision: allow}\n");
    let codes: Vec<_> = published(&text).findings(None).iter().map(|f| (f.code(), f.what.at.line)).collect();
    // Of those that count rows, the first leaves nothing to the others.
    assert_eq!(codes.iter().filter(|(code, _)| *code == "policy.shadowed").count(), 999, "{codes:?}");
    assert_eq!(codes.last().map(|(code, _)| *code), Some("policy.shadowed"));
}
