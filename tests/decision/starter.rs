//! The starter policy and its roster: what a platform team gets on the first day.

use super::support::Case;
use countersign::policy::Policy;
use countersign::reviewer::Directory;
use countersign::risk::Level;

const POLICY: &str = include_str!("../../examples/policies/starter.yaml");
const ROSTER: &str = include_str!("../../examples/policies/roster.yaml");

#[test]
fn it_decides_as_its_comments_say() {
    let policy = Policy::parse(POLICY, "starter.yaml").unwrap_or_else(|error| panic!("{error}"));
    // action, resource, parameters, effect, approvals, rule
    let table = [
        // Looking never waits …
        ("db.read", "prod/orders", "{}", "allow", 0, Some("ordinary-reads")),
        ("k8s.pods.list", "prod/default", "{}", "allow", 0, Some("ordinary-reads")),
        ("files.read", "nowhere-special", "{}", "allow", 0, Some("ordinary-reads")),
        // … unless it is sensitive or much.
        ("db.read", "prod/customers", "{}", "escalate", 1, None),
        ("db.read", "billing/invoices", "{}", "escalate", 1, None),
        ("db.read", "prod/orders", r#"{"limit":50000}"#, "escalate", 1, None),
        ("db.read", "test/customers", "{}", "allow", 0, None),
        // Test environments are for trying things out.
        ("files.write", "test/report", "{}", "allow", 0, None),
        ("deploy.service", "test/checkout", "{}", "allow", 0, None),
        ("db.rows.delete", "test/orders", "{}", "allow", 0, None),
        ("iam.role.create", "dev/reader", "{}", "allow", 0, None),
        // Deployments.
        ("deploy.service", "staging/checkout", "{}", "allow", 0, None),
        ("deploy.service", "prod/checkout", "{}", "escalate", 1, Some("deploy-to-production")),
        ("DEPLOY.service", "prod/checkout", "{}", "escalate", 1, Some("deploy-to-production")),
        // Destroying.
        (
            "db.rows.delete",
            "prod/orders",
            r#"{"where":"id = 7"}"#,
            "escalate",
            2,
            Some("destructive-in-production"),
        ),
        ("db.table.drop", "prod/orders", "{}", "escalate", 2, Some("destructive-in-production")),
        ("db.table.drop", "who-knows", "{}", "escalate", 2, Some("destructive-in-production")),
        ("db.rows.delete", "prod/orders", r#"{"where":"*"}"#, "deny", 0, Some("no-wildcard-deletes")),
        ("db.rows.delete", "staging/orders", r#"{"filter":{}}"#, "deny", 0, Some("no-wildcard-deletes")),
        // Access, secrets, money, and the rules themselves.
        ("secrets.get", "prod/api", "{}", "escalate", 2, Some("access-and-secrets")),
        ("iam.policy.attach", "prod/admin", "{}", "escalate", 2, Some("access-and-secrets")),
        ("payments.refund", "prod/stripe", "{}", "escalate", 2, Some("payments")),
        ("countersign.policy.update", "local", "{}", "deny", 0, Some("hands-off-countersign")),
        ("countersign.policy.change", "policy", "{}", "deny", 0, Some("hands-off-countersign")),
        // What nobody has heard of.
        ("quantum.entangle", "test/lab", "{}", "escalate", 1, None),
        ("quantum.entangle", "prod/lab", "{}", "escalate", 1, None),
    ];
    for (action, resource, parameters, effect, approvals, rule) in table {
        let decision = Case::new(action, resource, parameters).decided(&policy);
        let people = decision.terms().map_or(0, |terms| terms.requirement.people());
        let got = (decision.outcome.as_str(), people, decision.rule.as_deref());
        assert_eq!(
            got,
            (effect, approvals, rule),
            "{action} {resource} {parameters}: {:#?}",
            decision.reasons
        );
    }
}

#[test]
fn nothing_of_it_is_found_wanting_with_its_roster() {
    let policy = Policy::parse(POLICY, "starter.yaml").unwrap_or_else(|error| panic!("{error}"));
    let directory = Directory::parse(ROSTER, "roster.yaml").unwrap_or_else(|error| panic!("{error}"));
    let findings: Vec<String> = policy.check(&directory).iter().map(ToString::to_string).collect();
    assert_eq!(findings, Vec::<String>::new());
    assert!(policy.floors().iter().any(|floor| floor.level == Level::Critical));
}

#[test]
fn the_service_may_propose_new_rules_to_two_people_and_no_agent_may() {
    let policy = Policy::parse(POLICY, "starter.yaml").unwrap();
    for (agent, people, rule) in [
        ("countersign", 2, "changes-to-the-rules"),
        ("agent:countersign", 0, "hands-off-countersign"),
        ("countersign:agent", 0, "hands-off-countersign"),
        ("ada", 0, "hands-off-countersign"),
    ] {
        for resource in ["policy", "roster"] {
            let case =
                Case { agent: agent.to_owned(), ..Case::new("countersign.policy.change", resource, "{}") };
            let decision = case.decided(&policy);
            let asked = decision.terms().map_or(0, |terms| terms.requirement.people());
            assert_eq!((asked, decision.rule.as_deref()), (people, Some(rule)), "{agent} {resource}");
            assert_eq!(decision.denies(), people == 0);
        }
    }
}

#[test]
fn cut_off_at_the_end_of_any_line_before_its_levels_it_is_refused() {
    let until = POLICY.find("\nlevels:").unwrap();
    let ends: Vec<usize> = POLICY.match_indices('\n').map(|(at, _)| at).filter(|at| *at <= until).collect();
    assert!(ends.len() > 100);
    let taken: Vec<&str> =
        ends.iter().map(|at| &POLICY[..*at]).filter(|cut| Policy::parse(cut, "cut.yaml").is_ok()).collect();
    assert!(taken.is_empty(), "{} cuts are taken, one ends {:?}", taken.len(), taken[0].lines().last());
}
