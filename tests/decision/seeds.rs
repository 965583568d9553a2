//! The examples of the five sources, in our syntax: each decides as its source says.

use super::support::Case;
use countersign::condition::Condition;
use countersign::decision::{Decision, Outcome, Terms};
use countersign::escalation::OnTimeout;
use countersign::policy::{Channel, Policy};
use countersign::risk::Level;
use std::time::Duration;

fn example(name: &str) -> Policy {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policies").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    Policy::parse(&text, name).unwrap_or_else(|error| panic!("{error}"))
}

fn decide(policy: &Policy, action: &str, resource: &str, parameters: &str) -> Decision {
    Case::new(action, resource, parameters).decided(policy)
}

fn terms(decision: &Decision) -> &Terms {
    decision.terms().unwrap_or_else(|| panic!("not escalated: {:?}", decision.reasons))
}

fn words(decision: &Decision) -> String {
    terms(decision).requirement.to_string()
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

fn channels(decision: &Decision) -> Vec<&str> {
    terms(decision).channels.iter().map(Channel::as_str).collect()
}

#[test]
fn intended_holds_a_production_deployment_for_one_approver() {
    let policy = example("intended.yaml");
    let staging = decide(&policy, "infrastructure.deployment.release", "shop/staging", "{}");
    assert_eq!((staging.outcome.as_str(), staging.rule.as_deref()), ("allow", Some("deploying-to-staging")));
    let deletes = decide(&policy, "bucket.delete", "assets/production", r#"{"id":1}"#);
    assert!(deletes.denies());
    let held = decide(&policy, "infrastructure.deployment.release", "shop/production", "{}");
    assert_eq!(words(&held), "1 of role deployment-approver, signed");
    assert_eq!(terms(&held).decide_within, minutes(30));
    assert_eq!(terms(&held).on_timeout, OnTimeout::Deny);
    assert_eq!(channels(&held), ["slack", "email"]);
    // "canary required", where the policy says so.
    let canary = decide(&policy, "infrastructure.config.apply", "shop/production", "{}");
    assert_eq!(terms(&canary).conditions, [Condition::parse_short("canary:max_percent=10").unwrap()]);
}

#[test]
fn intended_asks_any_two_of_three_roles_for_an_international_transfer() {
    let policy = example("intended.yaml");
    let transfer = decide(&policy, "financial.transfer.international", "bank/production", r#"{"amount":5}"#);
    assert_eq!(
        words(&transfer),
        "2 of role compliance-officer, role department-head or role finance-approver, signed"
    );
    assert_eq!(terms(&transfer).decide_within, minutes(120));
    assert!(terms(&transfer).ladder.is_empty());
}

#[test]
fn intended_delegates_a_bulk_export_from_alice_to_her_team_to_the_directors() {
    let policy = example("intended.yaml");
    let export = decide(&policy, "data.customer.bulk-export", "warehouse/production/customers", "{}");
    assert_eq!(words(&export), "1 of alice@company.com, signed");
    let ladder: Vec<(Duration, String)> =
        terms(&export).ladder.iter().map(|stage| (stage.after, stage.requirement.to_string())).collect();
    assert_eq!(
        ladder,
        [
            (minutes(15), "1 of team data-governance, signed".to_owned()),
            (minutes(30), "1 of role engineering-director, signed".to_owned()),
        ]
    );
    assert_eq!(terms(&export).decide_within, minutes(60));
    assert!(
        export
            .reasons
            .iter()
            .any(|reason| reason == "after 15m, 1 of team data-governance, signed will do as well"),
        "{:?}",
        export.reasons
    );
}

#[test]
fn expacti_asks_everyone_of_a_group_anyone_of_a_group_or_somebody_senior() {
    let policy = example("expacti.yaml");
    for (action, resource, rule, people, asked) in [
        (
            "migrate.users",
            "db/production",
            "schema-migration",
            3,
            "all of (1 of role dev-lead, signed; 1 of role dba, signed; 1 of role security, signed)",
        ),
        (
            "iam.grant",
            "project/production",
            "access-policy",
            2,
            "all of (1 of role eng-manager, role oncall-primary or role security-lead, signed; \
             1 of role eng-manager, role oncall-primary or role security-lead, security-lead or above, signed)",
        ),
        (
            "deploy.web",
            "shop/production",
            "prod-deploy",
            1,
            "1 of role admin, role eng-manager or role security-lead, admin or above, signed",
        ),
        (
            "deploy.web",
            "shop/staging",
            "deploy-elsewhere",
            2,
            "any 2 of (1 of role oncall-primary, signed; 1 of role oncall-secondary, signed; \
             1 of role eng-manager, signed)",
        ),
        (
            "restart.web",
            "shop/test",
            "on-call-approve",
            1,
            "1 of role eng-manager, role oncall-primary or role oncall-secondary, signed",
        ),
    ] {
        let decision = decide(&policy, action, resource, "{}");
        assert_eq!(decision.rule.as_deref(), Some(rule), "{action}: {:?}", decision.reasons);
        assert_eq!(words(&decision), asked, "{action}");
        assert_eq!(terms(&decision).requirement.people(), people, "{action}");
    }
    // The catch-all stands last: had it come first, every migration would wait for one person of the pool.
    assert!(decide(&policy, "pods.show", "cluster/test", "{}").allows());
}

#[test]
fn two_people_decide_what_is_irreversible_far_reaching_or_expensive() {
    let policy = example("two-person.yaml");
    for (action, resource, parameters, rule) in [
        ("db.execute", "orders-db/staging", r#"{"statement":"DROP TABLE carts"}"#, "irreversible"),
        ("instance.terminate", "web/test/i-1", "{}", "irreversible"),
        ("object.delete", "assets/test/logo.png", "{}", "irreversible"),
        ("shell.run", "build/test", r#"{"command":"git push --force origin main"}"#, "irreversible"),
        ("shell.run", "build/test", r#"{"command":"touch a b c"}"#, "many-resources"),
        ("disk.resize", "checkout/test", r#"{"gb":10}"#, "critical-path"),
        ("disk.resize", "customers/test", r#"{"gb":10}"#, "customer-data"),
    ] {
        let decision = decide(&policy, action, resource, parameters);
        assert_eq!(decision.rule.as_deref(), Some(rule), "{action} {parameters}: {:#?}", decision.reasons);
        assert_eq!(terms(&decision).requirement.people(), 2, "{action}");
        assert!(matches!(decision.outcome, Outcome::Escalate(_)));
    }
    let mut dear = Case::new("disk.resize", "web/test", r#"{"gb":10}"#);
    dear.claims.cost = Some(1001);
    assert_eq!(dear.decided(&policy).rule.as_deref(), Some("cost"));
    dear.claims.cost = Some(1000);
    assert!(dear.decided(&policy).allows());
    assert!(decide(&policy, "disk.get", "web/test", "{}").allows());
    assert!(decide(&policy, "db.query", "web/test", r#"{"statement":"select 1"}"#).allows());
}

#[test]
fn humanlayer_reaches_people_by_how_urgent_it_is() {
    let policy = example("humanlayer.yaml");
    let delete = decide(&policy, "delete_user_data", "app/production", r#"{"user_id":"user_123"}"#);
    assert_eq!(delete.rule.as_deref(), Some("delete-user-data"));
    assert_eq!(channels(&delete), ["slack:#agent-approvals", "sms:+1234567890"]);
    for (action, resource, level, expected) in [
        ("lookup_user", "app/test", Level::Low, &["email:team@company.com"][..]),
        ("update_settings", "app/production", Level::Medium, &["slack:#agent-review"]),
        ("charge_card", "payment/production", Level::High, &["slack:#agent-approvals", "sms:+1234567890"]),
    ] {
        let decision = decide(&policy, action, resource, "{}");
        assert_eq!(decision.assessment.level, level, "{action}");
        assert_eq!(channels(&decision), expected, "{action}");
    }
}

#[test]
fn no_example_is_wanting_in_form() {
    for name in ["intended.yaml", "expacti.yaml", "two-person.yaml", "humanlayer.yaml", "starter.yaml"] {
        let policy = example(name);
        assert!(!policy.name().is_empty(), "{name}");
    }
}
