//! `policy check`, `test`, `explain`, `preview` and `schema`: a policy before it is used, as people and builds meet it.

use crate::process::{Ended, file, run, run_with};
use crate::world::World;
use std::path::Path;

const STARTER: &str = include_str!("../../examples/policies/starter.yaml");
const SUITE: &str = include_str!("../../examples/policies/starter.test.yaml");
const ROSTER: &str = include_str!("../../examples/policies/roster.yaml");
const SMALL: &str = "version: 1
name: small
defaults: {reviewers: [role:oncall]}
classify:
  - {action: \"*.read\", kind: read}
  - {action: \"*.write\", kind: write}
rules:
  - {name: reads, match: {kind: read}, decision: allow}
  - {name: never, match: {kind: read, rows_over: 9}, decision: deny}
levels: {}
";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("starter.yaml", STARTER),
        ("starter.test.yaml", SUITE),
        ("roster.yaml", ROSTER),
        ("small.yaml", SMALL),
    ] {
        file(folder.path(), name, text);
    }
    folder
}

fn policy(here: &Path, arguments: &[&str]) -> Ended {
    let all: Vec<&str> = ["policy"].iter().chain(arguments).copied().collect();
    run(here, &all)
}

/// Compares with the golden file, or writes it where `UPDATE_GOLDEN` is set.
pub(crate) fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{}", path.display());
}

#[test]
fn a_policy_is_checked_before_it_is_used() {
    let folder = folder();
    let here = folder.path();
    policy(here, &["check", "starter.yaml", "--roster", "roster.yaml", "--strict"])
        .prints(0, &["policy `starter`"]);
    let small = policy(here, &["check", "small.yaml", "--roster", "roster.yaml"]);
    golden("check.txt", &small.prints(0, &[]).out);
    policy(here, &["check", "small.yaml", "--strict"]).prints(1, &["policy.shadowed"]);
    policy(here, &["check", "small.yaml", "--no-notes"]).prints(0, &["0 notes"]);
    let document = policy(here, &["check", "small.yaml", "--json"]).prints(0, &[]).json();
    assert_eq!(document["ok"], true);
    assert_eq!(document["policy"]["score"]["highest"], 705);
    let found = document["findings"].as_array().unwrap();
    let shadowed = found.iter().find(|finding| finding["code"] == "policy.shadowed").unwrap();
    assert_eq!((&shadowed["line"], &shadowed["column"]), (&9.into(), &12.into()));
    assert_eq!(shadowed["severity"], "warning");

    file(here, "broken.yaml", SMALL.replace("decision: deny", "decision: dany"));
    policy(here, &["check", "broken.yaml"])
        .prints(1, &["broken.yaml:9:", "did you mean `deny`?", "document.unknown_word"]);
    let document = policy(here, &["check", "broken.yaml", "--json"]).prints(1, &[]).json();
    assert_eq!((&document["ok"], &document["policy"]), (&false.into(), &serde_json::Value::Null));
    assert_eq!(document["findings"][0]["code"], "document.unknown_word");
    policy(here, &["check", "missing.yaml"]).says(2, &["`missing.yaml`"]);
    let lonely = SMALL.replace("reviewers: [role:oncall]", "reviewers: [role:ghost]");
    file(here, "lonely.yaml", &lonely);
    policy(here, &["check", "lonely.yaml"]).prints(0, &[]);
    policy(here, &["check", "lonely.yaml", "--roster", "roster.yaml"]).prints(1, &["unknown role `ghost`"]);
    let piped = run_with(here, &["policy", "check", "-"], SMALL.as_bytes(), &[]);
    piped.prints(0, &["policy `small`"]);
}

#[test]
fn a_policy_is_tested_by_its_suite() {
    let folder = folder();
    let here = folder.path();
    let passed = policy(here, &["test", "starter.test.yaml", "--require-coverage", "--junit", "report.xml"]);
    passed.prints(0, &["✓ reading orders is allowed", "0 failed", "rules covered 8 of 8"]);
    let report = std::fs::read_to_string(here.join("report.xml")).unwrap();
    assert!(report.starts_with("<?xml") && report.contains("failures=\"0\""), "{report}");

    let case = "operation: {action: db.read, resource: \"<x> & \\\"y\\\"\"}";
    let suite = format!(
        "version: 1\npolicy: small.yaml\ndefaults: {{agent: agent:a}}\ncases:\n\
         - {{name: \"good <1>\", {case}, expect: {{rule: reads}}}}\n\
         - {{name: bad, {case}, expect: {{decision: deny, rule: never, level: high}}}}\n"
    );
    file(here, "small.test.yaml", &suite);
    let failed = policy(here, &["test", "small.test.yaml", "starter.test.yaml", "--junit", "report.xml"]);
    let out = failed.prints(1, &["starter.test.yaml", "18 passed, 0 failed"]).out.clone();
    golden("test.txt", out.split("starter.test.yaml").next().unwrap());
    golden(
        "junit.xml",
        std::fs::read_to_string(here.join("report.xml"))
            .unwrap()
            .split("  <testsuite name=\"starter")
            .next()
            .unwrap(),
    );
    let document = policy(here, &["test", "small.test.yaml", "--json"]).prints(1, &[]).json();
    let suite = &document["suites"][0];
    assert_eq!((&suite["passed"], &suite["failed"]), (&1.into(), &1.into()));
    assert_eq!(suite["coverage"]["rules"]["missed"], serde_json::json!(["never"]));
    assert_eq!(suite["cases"][1]["differences"][0]["key"], "decision");

    let good: String = std::fs::read_to_string(here.join("small.test.yaml")).unwrap();
    let good: Vec<&str> = good.lines().filter(|line| !line.contains("name: bad")).collect();
    file(here, "small.test.yaml", &(good.join("\n") + "\n"));
    policy(here, &["test", "small.test.yaml"]).prints(0, &["never decided: never"]);
    policy(here, &["test", "small.test.yaml", "--require-coverage"]).prints(1, &["coverage is not whole"]);
    policy(here, &["test", "small.test.yaml", "--policy", "starter.yaml"])
        .says(1, &["small.test.yaml:5:", "unknown rule `reads`"]);
    file(here, "wrong.test.yaml", "version: 1\npolicy: small.yaml\nkases: []\n");
    policy(here, &["test", "wrong.test.yaml"]).says(1, &["wrong.test.yaml:3:1", "did you mean `cases`?"]);
    policy(here, &["test"]).says(2, &["SUITE"]);
}

#[test]
fn an_operation_is_explained_under_a_policy() {
    let folder = folder();
    let here = folder.path();
    let asked =
        ["explain", "--policy", "starter.yaml", "--action", "db.rows.delete", "--resource", "prod/orders"];
    let with = |more: &[&'static str]| asked.iter().chain(more).copied().collect::<Vec<_>>();
    let words = policy(
        here,
        &with(&["--parameters", "{\"where\":\"id = 7\"}", "--kind", "read", "--agent", "agent:a"]),
    );
    golden("explain.txt", &words.prints(0, &["escalated", "destructive-in-production"]).out);
    let document = policy(here, &with(&["--json"])).prints(0, &[]).json();
    assert_eq!(document["decision"]["rule"], "destructive-in-production");
    let rules = document["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 8);
    assert_eq!((&rules[0]["role"], &rules[0]["key"]), (&"unlike".into(), &"scope".into()));
    let sql = [
        "--action",
        "sql.run",
        "--resource",
        "prod/orders",
        "--parameters",
        r#"{"sql":"DROP TABLE t; SELEC $"}"#,
    ];
    let sql: Vec<&str> = ["explain", "--policy", "starter.yaml"].iter().chain(&sql).copied().collect();
    policy(here, &sql).prints(0, &["payload 1", "DROP TABLE", "in doubt:"]);
    let scenario =
        "{\"operation\": {\"action\": \"db.read\", \"resource\": \"prod/orders\"}, \"agent\": \"agent:a\"}";
    let piped = ["policy", "explain", "--policy", "starter.yaml", "--scenario", "-"];
    run_with(here, &piped, scenario.as_bytes(), &[]).prints(0, &["allowed", "ordinary-reads"]);
    policy(here, &with(&["--kind", "reed"])).says(2, &["--kind reed", "delete"]);
    policy(here, &with(&["--parameters", "[]"])).says(2, &[]);
    policy(here, &["explain", "--policy", "starter.yaml"]).says(2, &["--action"]);
    policy(here, &["explain", "--decision", "nonsense"]).says(2, &["txn_"]);
}

#[test]
fn the_schema_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let schema = policy(folder.path(), &["schema"]).prints(0, &[]).json();
    assert!(schema["$schema"].as_str().unwrap().contains("2020-12"));
    assert!(schema["$defs"]["policy"]["properties"]["rules"].is_object());
}

#[test]
fn what_was_recorded_is_explained_and_previewed_beside_the_running_service() {
    let world = World::start();
    let here = world.folder();
    for _ in 0..3 {
        world.authorize("orders.read", "db/staging/orders", &[]).prints(0, &["allowed"]);
    }
    let denied = world.authorize("process.exec", "machine/never", &["--json"]);
    let denied = denied.prints(120, &[]).json();
    let asked = world.authorize("process.exec", "machine/other", &["--json"]).prints(123, &[]).json();

    let id = asked["decision_id"].as_str().unwrap();
    let told = policy(here, &["explain", "--decision", id, "--config", "countersign.yaml"]);
    told.prints(0, &["escalated", "process.exec", id, "rule `ask`", "→ line", "found `machine/other`"]);
    assert!(!told.out.contains("decided once more"), "{}", told.out);
    let id = denied["decision_id"].as_str().unwrap();
    let document =
        policy(here, &["explain", "--decision", id, "--data", "data", "--json"]).prints(0, &[]).json();
    assert_eq!(document["decision"]["rule"], "never");
    assert_eq!(document["differs_from_record"], serde_json::Value::Null);
    let missing = "txn_AAAAAAAAAAAAAAAAAAAAAA";
    policy(here, &["explain", "--decision", missing, "--data", "data"]).says(1, &["no decision", missing]);
    policy(here, &["explain", "--decision", missing, "--data", "nowhere"]).says(1, &["`nowhere`"]);

    let text = std::fs::read_to_string(world.path("policy.yaml")).unwrap();
    let preview = |text: &str, more: &[&str]| {
        file(here, "changed.yaml", text);
        let fixed = ["preview", "--config", "countersign.yaml", "--policy", "changed.yaml"];
        policy(here, &fixed.iter().chain(more).copied().collect::<Vec<_>>())
    };
    preview(&text, &[]).prints(0, &["5 decisions", "unchanged       5", "the same"]);
    let looser = text.replacen(
        "match: {action: process.exec, resource: \"*/never\"}\n    decision: deny\n    reason: not here",
        "match: {action: process.exec, resource: \"*/never\"}\n    decision: allow",
        1,
    );
    assert_ne!(looser, text);
    preview(&looser, &[])
        .prints(3, &["looser          1", "deny by rule `never` → allow by rule `never`", "machine/never"]);
    let stricter = text.replacen("- name: ask\n    match: {action: process.exec}\n    decision: escalate\n    escalation: {approvals: 1}", "- name: ask\n    match: {action: process.exec}\n    decision: escalate\n    escalation: {approvals: 2}", 1);
    assert_ne!(stricter, text);
    let document = preview(&stricter, &["--json", "--last", "1h"]).prints(0, &[]).json();
    assert_eq!((&document["safe"], &document["compared"]), (&true.into(), &5.into()));
    assert_eq!(document["stricter"]["count"], 1);
    assert_eq!(document["reviews"]["approvals"], serde_json::json!({ "before": 1, "after": 2 }));
    let load = document["load"].as_array().unwrap();
    assert!(load.iter().any(|one| one["person"] == "ada" && one["after"] == 1), "{load:?}");
    let one = preview(&looser, &["--json", "--limit", "1"]).prints(0, &[]).json();
    assert_eq!(one["compared"], 1);
    let alone = "version: 1\nroles: [engineer, oncall, platform-lead, security-lead]\npeople:\n  - {id: eve, roles: [engineer]}\n";
    file(here, "alone.yaml", alone);
    preview(&text, &["--roster", "alone.yaml"]).prints(0, &["nobody could approve 1 of them"]);
    preview("version: 1\n", &[]).says(1, &["changed.yaml:1:1"]);

    // The service had its record all the while.
    world.authorize("orders.read", "db/staging/orders", &[]).prints(0, &["allowed"]);
    world.served.stop();
}
