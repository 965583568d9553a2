//! What an agent claims can only raise (D5), whatever the policy says.

use super::support::{Case, policy, published};
use countersign::condition::tightest;
use countersign::decision::{Decision, Outcome};
use countersign::escalation::requirement::{Agreement, Standing};
use countersign::operation::context::Context;
use countersign::party::{ExecutorId, PersonId};
use countersign::reviewer::Directory;
use countersign::risk::{AnomalyKind, Assessment, Claims, Environment, Kind, Level, Sensitivity, Source};
use countersign::token::Assurance;
use proptest::prelude::*;

fn claims() -> impl Strategy<Value = Claims> {
    (
        prop::option::of(prop::sample::select(Kind::ALL)),
        prop::option::of(prop::sample::select(Environment::ALL)),
        prop::option::of(prop::sample::select(Sensitivity::ALL)),
        prop::option::of(prop::sample::select(vec![0, 1, 1001, 10_001, u64::MAX])),
        any::<bool>(),
        prop::option::of(prop::sample::select(vec![0, 500, 5000, u64::MAX])),
    )
        .prop_map(|(kind, environment, sensitivity, rows, irreversible, cost)| Claims {
            kind,
            environment,
            sensitivity,
            rows,
            irreversible,
            cost,
        })
}

/// Conditions that look at what an agent claims or says.
const CONDITIONS: &[&str] = &[
    "request.reason == 'please'",
    "request.reason != 'please'",
    "request.executor == ''",
    "request.executor.startsWith('exec:')",
    "size(request.alternatives) > 0",
    "request.reason.contains('ease') && facts.kind == 'read'",
    "!(request.reason.contains('ease') || risk.level.at_least('medium'))",
    "int(request.reason) == 3",
    "request.alternatives[0] == 'wait'",
    "facts.rows > 1000 || risk.score > 0.4",
    "has(facts.cost) && facts.cost > 100",
    "facts.cost > 100",
];

/// What an agent may say.
fn words() -> impl Strategy<Value = (Context, Option<ExecutorId>)> {
    (
        prop::sample::select(vec!["", "please", "3", "increase"]),
        prop::collection::vec(prop::sample::select(vec!["wait", "ask"]), 0..2),
        prop::option::of(Just("exec:db")),
    )
        .prop_map(|(reason, alternatives, executor)| {
            let alternatives = alternatives.into_iter().map(str::to_owned).collect();
            let context = Context { reason: reason.to_owned(), alternatives, ..Context::default() };
            (context, executor.map(|executor| ExecutorId::new(executor).unwrap()))
        })
}

/// A rule that matches on anything a claim can change, with any decision.
fn rule() -> impl Strategy<Value = String> {
    let words = |words: &'static [&'static str]| prop::option::of(prop::sample::select(words));
    (
        words(&["read", "write", "update", "external_call", "delete", "admin", "unknown"]),
        words(&["test", "staging", "production"]),
        words(&["ordinary", "bulk", "sensitive"]),
        words(&["narrow", "wide", "huge", "everything"]),
        prop::option::of(any::<bool>()),
        words(CONDITIONS),
        words(&["low", "medium", "high", "critical"]),
        prop::sample::select(vec![
            "allow",
            "allow, conditions: [dry_run]",
            "allow, conditions: ['canary:max_percent=10']",
            "deny",
            "escalate",
            "escalate, conditions: ['row_limit:max=5']",
            "escalate, escalation: {approvals: 2}",
            "escalate, escalation: {approvals: 1, assurance: channel, reviewers: ['role:dba']}",
            "escalate, escalation: {approvals: 2, min_role: dba, timeout: 1m}",
        ]),
    )
        .prop_map(|(kind, environment, sensitivity, scope, irreversible, when, level, decision)| {
            let mut matches: Vec<String> = Vec::new();
            let mut add = |key: &str, value: Option<&str>| {
                matches.extend(value.map(|value| format!("{key}: {value}")));
            };
            add("kind", kind);
            add("environment", environment);
            add("sensitivity", sensitivity);
            add("scope", scope);
            add("level", level);
            matches.extend(irreversible.map(|value| format!("irreversible: {value}")));
            let when = when.map(|when| format!("when: \"{when}\", ")).unwrap_or_default();
            format!("match: {{{}}}, {when}decision: {decision}", matches.join(", "))
        })
}

const ROSTER: &str = "version: 1\nroles: [oncall, dba]\npeople:\n\
    - {id: a, roles: [oncall]}\n- {id: b, roles: [oncall]}\n- {id: c, roles: [dba]}\n- {id: d, roles: [dba, oncall]}\n";

fn met(decision: &Decision, agreed: &[Agreement], directory: &Directory) -> bool {
    let terms = decision.terms().unwrap();
    matches!(terms.requirement.standing(agreed, &[], directory), Standing::Met(_))
}

/// Whether nothing can run under `claimed` that could not run under `plain`.
fn no_looser(claimed: &Decision, plain: &Decision) -> Result<(), String> {
    let problem = |what: &str| Err(format!("{what}\n{claimed:#?}\n{plain:#?}"));
    if claimed.assessment.score < plain.assessment.score || claimed.assessment.level < plain.assessment.level
    {
        return problem("lower risk");
    }
    let conditions = |decision: &Decision| decision.outcome.conditions().to_vec();
    // To ask for both is to ask for no more than the claimed one does.
    let both = [conditions(claimed), conditions(plain)].concat();
    let tighter = tightest(&both) == tightest(&conditions(claimed));
    match (&claimed.outcome, &plain.outcome) {
        (Outcome::Deny, _) => Ok(()),
        (Outcome::Allow { .. }, Outcome::Allow { .. }) if tighter => Ok(()),
        (Outcome::Escalate(_), Outcome::Allow { .. }) if tighter => Ok(()),
        (Outcome::Escalate(more), Outcome::Escalate(less)) if tighter => {
            if more.decide_within > less.decide_within || more.execute_within > less.execute_within {
                return problem("longer");
            }
            // Whoever can approve it with the claims could have approved it without.
            let directory = Directory::parse(ROSTER, "roster.yaml").unwrap();
            for crowd in 0..(3_u32.pow(4)) {
                let agreed: Vec<Agreement> = ["a", "b", "c", "d"]
                    .iter()
                    .zip([1, 3, 9, 27])
                    .filter_map(|(id, place)| {
                        let assurance = match crowd / place % 3 {
                            0 => return None,
                            1 => Assurance::Channel,
                            _ => Assurance::Signed,
                        };
                        Some(Agreement { person: PersonId::new(id).unwrap(), assurance })
                    })
                    .collect();
                if met(claimed, &agreed, &directory) && !met(plain, &agreed, &directory) {
                    return problem("fewer people");
                }
            }
            Ok(())
        }
        _ => problem(&format!("looser {:?} {:?}", conditions(claimed), conditions(plain))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn no_claim_ever_gets_an_agent_further(
        rules in prop::collection::vec(rule(), 0..5),
        claims in claims(),
        (context, executor) in words(),
        action in prop::sample::select(vec!["db.read", "db.write", "db.update", "db.delete", "db.admin", "db.odd"]),
        resource in prop::sample::select(vec!["test-db", "staging-db", "prod-db", "prod-db/customers", "test/users"]),
        parameters in prop::sample::select(vec![
            "{}", r#"{"filter":"*"}"#, r#"{"limit":5000}"#, r#"{"affected_rows_estimate":5000}"#,
        ]),
        anomalies in 0_u32..8,
        levels in prop::sample::select(vec![
            "", "levels: {low: {decision: allow, conditions: [dry_run]}, medium: allow}\n",
            "levels: {medium: escalate, high: {decision: escalate, escalation: {assurance: channel}}}\n",
            "levels: {medium: {decision: escalate, escalation: {min_role: dba}}, high: {decision: escalate, escalation: {assurance: channel}}}\n",
        ]),
    ) {
        let rules: String = rules.iter().enumerate().map(|(n, rule)| format!("- {{name: r{n}, {rule}}}\n")).collect();
        let rules = if rules.is_empty() { String::new() } else { format!("rules:\n{rules}") };
        let policy = published(&format!("{rules}floors: [{{name: dear, match: {{cost_over: 1000}}, level: high}}]\n{levels}"));
        let mut case = Case::new(action, resource, parameters);
        case.anomalies = anomalies;
        let plain = case.decided(&policy);
        case.claims = claims;
        case.context = context;
        case.executor = executor;
        let claimed = case.decided(&policy);
        if let Err(problem) = no_looser(&claimed, &plain) {
            return Err(TestCaseError::fail(problem));
        }
    }
}

#[test]
fn a_claim_cannot_pick_a_looser_rule() {
    let policy = published(
        "rules:\n\
         - {name: writes-wait, match: {kind: write}, decision: escalate}\n\
         - {name: calls-go, match: {kind: external_call}, decision: allow}\n",
    );
    let mut case = Case::new("db.write", "test-db/orders", "{}");
    case.claims.kind = Some(Kind::ExternalCall);
    let decision = case.decided(&policy);
    assert_eq!(decision.outcome.as_str(), "escalate");
    assert_eq!(decision.rule.as_deref(), Some("writes-wait"));
    assert!(decision.reasons[1].contains("with them and without"), "{:?}", decision.reasons);
}

#[test]
fn the_more_witnesses_of_two_rules_hold_and_a_level_can_demand_them_too() {
    let policy = published(
        "rules:\n\
         - {name: reads, match: {kind: read}, decision: allow, witnesses: 1}\n\
         - {name: calls, match: {kind: external_call}, decision: allow, witnesses: 3}\n\
         - {name: no, match: {kind: admin}, decision: deny}\n\
         levels: {low: {decision: allow, witnesses: 2}}\n",
    );
    let witnesses = |action: &str, claimed| {
        let mut case = Case::new(action, "test-db/orders", "{}");
        case.claims.kind = claimed;
        let decision = case.decided(&policy);
        let said = decision.reasons.iter().any(|reason| reason.contains("witnesses have cosigned"));
        assert_eq!(said, decision.witnesses > 0, "{:?}", decision.reasons);
        (decision.outcome.as_str(), decision.witnesses)
    };
    assert_eq!(witnesses("db.read", None), ("allow", 1));
    assert_eq!(witnesses("db.read", Some(Kind::ExternalCall)), ("allow", 3));
    assert_eq!(witnesses("db.write", None), ("allow", 2));
    assert_eq!(witnesses("db.admin", None), ("deny", 0));
    assert_eq!(policy.most_witnesses(), 3);
}

#[test]
fn what_an_agent_says_cannot_pick_a_looser_rule() {
    let policy = published(
        "rules:\n\
         - {name: asked-nicely, match: {kind: write}, when: \"request.reason == 'please'\", decision: allow}\n\
         - {name: rude, match: {kind: write}, when: \"request.reason.contains('now')\", decision: deny}\n\
         - {name: writes-wait, match: {kind: write}, decision: escalate}\n",
    );
    let mut case = Case::new("db.write", "test-db/orders", "{}");
    let mut decided = |reason: &str| {
        case.context.reason = reason.to_owned();
        let decision = case.decided(&policy);
        (decision.outcome.as_str(), decision.rule.unwrap(), decision.reasons[1].clone())
    };
    let words = "a rule looks at what the agent says in its own words";
    let (outcome, rule, why) = decided("please");
    assert_eq!((outcome, rule.as_str()), ("escalate", "writes-wait"));
    assert_eq!(why, format!("{words}; this is what holds with them and without"));
    let (outcome, rule, why) = decided("do it now");
    assert_eq!((outcome, rule.as_str()), ("deny", "rude"));
    assert_eq!(
        why,
        format!("{words}; without them it would be escalated by rule `writes-wait`, and the stricter holds")
    );
    let (outcome, rule, why) = decided("");
    assert_eq!((outcome, rule.as_str()), ("escalate", "writes-wait"));
    assert!(why.starts_with("the risk is"), "{why}");
}

#[test]
fn a_claim_cannot_talk_a_floor_away() {
    // `admin` weighs more than `delete`, and the floor is about deletes.
    let mut case = Case::new("db.delete", "prod-db/orders", r#"{"filter":"*"}"#);
    case.claims.kind = Some(Kind::Admin);
    let decision = case.decided(&published(""));
    assert_eq!(decision.assessment.level, Level::Critical);
    assert!(decision.denies());
}

#[test]
fn a_claim_of_less_says_nothing() {
    let mut case = Case::new("db.delete", "prod-db/customers", "{}");
    let plain = case.decided(&published(""));
    case.claims = Claims {
        kind: Some(Kind::Read),
        environment: Some(Environment::Test),
        sensitivity: Some(Sensitivity::Ordinary),
        rows: Some(0),
        irreversible: false,
        cost: None,
    };
    let claimed = case.decided(&published(""));
    assert_eq!((&claimed.outcome, &claimed.rule), (&plain.outcome, &plain.rule));
    assert_eq!(Assessment { anomalies: Vec::new(), ..claimed.assessment.clone() }, plain.assessment);
    // … except about the agent: whoever calls a deletion a look is watched from now on.
    let [anomaly] = &claimed.assessment.anomalies[..] else { panic!("{:?}", claimed.assessment.anomalies) };
    assert_eq!(anomaly.kind, AnomalyKind::Misdeclared);
    assert!(claimed.reasons.contains(&"anomaly: the agent declares `read` and it is `delete`".to_owned()));
}

#[test]
fn a_claim_of_more_is_named_as_a_claim() {
    let mut case = Case::new("db.read", "test-db/orders", "{}");
    case.claims.environment = Some(Environment::Production);
    let assessment = case.decided(&published("")).assessment;
    let factor = &assessment.factors[1];
    assert_eq!((factor.source, factor.value.thousandths()), (Source::Claim, 600));
    assert_eq!(factor.reason, "the agent itself says that this is `production`");
}

#[test]
fn claims_and_decisions_survive_the_record() {
    let policy = policy("version: 1\nname: x\ndefaults: {reviewers: ['role:oncall']}\nlevels: {}\n");
    let mut case = Case::new("db.read", "db", "{}");
    case.claims = Claims { rows: Some(u64::MAX), cost: Some(u64::MAX), ..Claims::default() };
    let decision = case.decided(&policy);
    let text = serde_json::to_string(&decision).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision);
    // The canonical form of the log takes no number beyond 2^53 - 1.
    for text in [text, serde_json::to_string(&case.claims).unwrap()] {
        let limits = countersign::operation::json::Limits { bytes: 65_536, depth: 32, members: 4096 };
        countersign::operation::json::read(text.as_bytes(), &limits).unwrap();
    }
}
