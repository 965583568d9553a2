//! Explanations as people read them, word for word (D1): one golden file per decision.

use super::support::{Case, folder, golden, policy};
use core::fmt::Write as _;
use countersign::decision::Decision;
use countersign::moment::Moment;
use countersign::operation::Operation;
use countersign::policy::Policy;
use countersign::risk::{Claims, Environment, Kind};

fn starter() -> Policy {
    let text = include_str!("../../examples/policies/starter.yaml");
    Policy::parse(text, "starter.yaml").unwrap_or_else(|error| panic!("{error}"))
}

fn explained(case: &Case, decision: &Decision) -> String {
    let mut text = format!("{} on {} {}\n", case.action, case.resource, case.parameters);
    writeln!(
        text,
        "{} · rule {} · risk {} {}\n",
        decision.outcome.as_str(),
        decision.rule.as_deref().unwrap_or("none"),
        decision.assessment.score,
        decision.assessment.level
    )
    .unwrap();
    for reason in &decision.reasons {
        writeln!(text, "- {reason}").unwrap();
    }
    text
}

#[test]
fn explanations_say_everything() {
    let starter = starter();
    let night = |mut case: Case| {
        case.at = Moment::from_unix_seconds(super::support::NOON + 11 * 3600);
        case
    };
    let claiming = |mut case: Case, claims: Claims| {
        case.claims = claims;
        case
    };
    let cases = [
        ("read", Case::new("db.read", "prod/orders", r#"{"limit":10}"#)),
        ("read-in-bulk-at-night", night(Case::new("db.query", "prod/orders", r#"{"limit":"50000"}"#))),
        ("delete-customers", Case::new("db.rows.delete", "prod/customers", r#"{"where":"id = 7"}"#)),
        ("delete-everything", Case::new("db.rows.delete", "prod/customers", r#"{"where":"1 = 1"}"#)),
        ("deploy", Case::new("deploy.service", "prod/checkout", r#"{"image":"checkout:1.2"}"#)),
        ("unknown-action", Case::new("quantum.entangle", "somewhere", "{}")),
        (
            "claims-raise",
            claiming(
                Case::new("files.write", "test/report.txt", "{}"),
                Claims {
                    kind: Some(Kind::Delete),
                    environment: Some(Environment::Production),
                    irreversible: true,
                    cost: Some(5000),
                    ..Claims::default()
                },
            ),
        ),
        (
            "look-alike",
            Case::new("db.update", "test-\u{440}rod/\u{202e}x", r#"{"affected_rows_estimate":"many"}"#),
        ),
    ];
    for (name, case) in &cases {
        let decision = case.decided(&starter);
        golden(&folder().join(format!("explanations/{name}.txt")), &explained(case, &decision));
    }

    let mut case = Case::new("db.rows.delete", "prod/orders", "(1 MiB of SQL)");
    let operation = Operation::from_payload("db.rows.delete", "prod/orders", b"DELETE FROM orders;").unwrap();
    case.anomalies = 4;
    let decision = case.decided_as(&operation, &starter);
    golden(&folder().join("explanations/raw-payload.txt"), &explained(&case, &decision));

    // Everything that an escalation can say besides who must agree.
    let asking = policy(include_str!("explanations/asking.yaml"));
    for name in ["asking", "asking-otherwise"] {
        let case = Case::new(&format!("x.{name}"), "y", "{}");
        golden(&folder().join(format!("explanations/{name}.txt")), &explained(&case, &case.decided(&asking)));
    }

    // By level, with conditions, and where the claims and the policy cannot be reconciled.
    let odd = policy(
        "version: 1\nname: odd\ndefaults: {reviewers: ['role:dba']}\nclassify: [{action: '*.write', kind: write}]\n\
         rules:\n\
         - {name: usd, match: {kind: write}, decision: escalate, conditions: ['max_amount:currency=USD,minor=100']}\n\
         - {name: eur, match: {kind: delete}, decision: escalate, conditions: ['max_amount:currency=EUR,minor=100']}\n\
         levels: {medium: {decision: allow, conditions: [dry_run]}}\n",
    );
    let by_level = Case::new("x.unheard", "y", "{}");
    let decision = by_level.decided(&odd);
    golden(&folder().join("explanations/by-level.txt"), &explained(&by_level, &decision));
    let torn = claiming(
        Case::new("x.write", "test", "{}"),
        Claims { kind: Some(Kind::Delete), ..Claims::default() },
    );
    let decision = torn.decided(&odd);
    assert!(decision.denies());
    golden(&folder().join("explanations/irreconcilable.txt"), &explained(&torn, &decision));
}

#[test]
fn the_wire_form_of_a_decision_is_stable() {
    let case = Case::new("deploy.service", "prod/checkout", "{}");
    let text = serde_json::to_string_pretty(&case.decided(&policy(
        "version: 1\nname: stable\nclassify: [{action: deploy.*, kind: update}]\n\
         rules: [{name: deploy, decision: escalate, conditions: ['canary:max_percent=10'], escalation: {approvals: 2, reviewers: ['role:oncall', 'user:ada', 'team:web']}}]\n\
         defaults: {reviewers: ['role:oncall']}\nlevels: {}\n",
    )));
    golden(&folder().join("explanations/decision.json"), &(text.unwrap() + "\n"));
}
