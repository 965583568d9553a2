//! Explanations of whole policies: what every rule has to do with a decision, word for word.

use super::support::{folder, golden, policy};
use core::fmt::Write as _;
use countersign::decision::scenario::Scenario;
use countersign::policy::Policy;

fn explained(policy: &Policy, scenario: &str) -> String {
    let read = Scenario::parse(scenario, "case.yaml").unwrap_or_else(|error| panic!("{error}"));
    let explanation = read.explain(policy, scenario, "case.yaml").unwrap_or_else(|error| panic!("{error}"));
    let mut text = format!("{scenario}\n{}\n", explanation.decision.reasons.join("\n"));
    for rule in &explanation.rules {
        writeln!(text, "{}: {} ({}) {}", rule.line, rule.name, rule.effect, rule.part).unwrap();
    }
    assert_eq!(explanation.rules.len(), policy.rules().len());
    text
}

#[test]
fn every_rule_says_what_kept_it_from_deciding() {
    let text = include_str!("../../examples/policies/starter.yaml");
    let starter = Policy::parse(text, "starter.yaml").unwrap();
    for (name, scenario) in [
        ("read", "operation: {action: db.read, resource: prod/orders}\nagent: agent:a\n"),
        (
            "delete",
            "operation: {action: db.rows.delete, resource: prod/orders, parameters: {where: id = 7}}\nagent: agent:a\n\
             history: {recent: {requests: 30, rows: 30, objects: 30}, limits: {many-deletes: {requests: 30}}, new: [action]}\n",
        ),
        (
            "unknown",
            "{\"operation\": {\"action\": \"quantum.entangle\", \"resource\": \"test/lab\"}, \"agent\": \"agent:a\"}\n",
        ),
    ] {
        golden(&folder().join(format!("explained/starter-{name}.txt")), &explained(&starter, scenario));
    }
    let every = policy(
        "version: 1\nname: every\ndefaults: {reviewers: [role:oncall]}\n\
         classify: [{action: '*.write', kind: write}]\n\
         rules:\n\
         - {name: action, match: {action: [a.*, b.*]}, decision: deny}\n\
         - {name: resource, match: {resource: 'x/*'}, decision: deny}\n\
         - {name: kind, match: {kind: [read, delete]}, decision: deny}\n\
         - {name: environment, match: {environment: test}, decision: deny}\n\
         - {name: sensitivity, match: {sensitivity: sensitive}, decision: deny}\n\
         - {name: scope, match: {scope: huge}, decision: deny}\n\
         - {name: irreversible, match: {irreversible: true}, decision: deny}\n\
         - {name: cost, match: {cost_over: 5}, decision: deny}\n\
         - {name: rows, match: {rows_over: 7}, decision: deny}\n\
         - {name: objects, match: {objects_over: 9}, decision: deny}\n\
         - {name: critical, match: {critical: true}, decision: deny}\n\
         - {name: understood, match: {understood: false}, decision: deny}\n\
         - {name: doubt, match: {doubt: [encoded, disguised]}, decision: deny}\n\
         - {name: new, match: {new_action: true}, decision: deny}\n\
         - {name: new-resource, match: {new_resource: true}, decision: deny}\n\
         - {name: new-environment, match: {new_environment: true}, decision: deny}\n\
         - {name: level, match: {level: [high, critical]}, decision: deny}\n\
         - {name: agent, match: {agent: 'agent:b*'}, decision: deny}\n\
         - {name: person, match: {on_behalf_of: ada}, decision: deny}\n\
         - {name: condition, when: 'operation.parameters.n > 5', decision: deny}\n\
         - {name: in-doubt, when: 'operation.parameters.missing > 5', decision: allow}\n\
         - {name: in-doubt-too, when: 'operation.parameters.missing > 5', decision: escalate}\n\
         - {name: decides, match: {kind: write}, decision: escalate}\n\
         - {name: late, decision: deny}\n\
         levels: {}\n",
    );
    let scenario = "operation: {action: c.write, resource: prod/y, parameters: {n: 2}}\nagent: agent:a\n";
    golden(&folder().join("explained/every.txt"), &explained(&every, scenario));
}
