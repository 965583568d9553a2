//! The JSON Schema that editors use says what the reader says, as far as a schema can.

use super::support::folder;
use countersign::policy::Policy;
use serde_json::Value;
use std::path::Path;

fn schema() -> Value {
    serde_json::from_slice(&Policy::json_schema().to_canonical()).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A validator of what the schema uses, and of nothing else: any other keyword is a failure.
struct Validator {
    root: Value,
}

impl Validator {
    fn new() -> Self {
        Self { root: schema() }
    }

    fn accepts(&self, value: &Value) -> bool {
        self.valid(&self.root, value)
    }

    fn valid(&self, schema: &Value, value: &Value) -> bool {
        let schema = schema.as_object().expect("a schema is an object");
        schema.iter().all(|(keyword, says)| match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let path = says.as_str().unwrap().strip_prefix('#').unwrap();
                self.valid(self.root.pointer(path).unwrap_or_else(|| panic!("nothing at {path}")), value)
            }
            "const" => value == says,
            "enum" => says.as_array().unwrap().contains(value),
            "anyOf" => says.as_array().unwrap().iter().any(|one| self.valid(one, value)),
            "type" => match says.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "number" => value.is_number(),
                "integer" => value.is_i64() || value.is_u64(),
                other => panic!("type {other}"),
            },
            "minimum" => value.as_f64().is_none_or(|number| number >= says.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= says.as_f64().unwrap()),
            "minLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 >= says.as_u64().unwrap())
            }
            "maxLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 <= says.as_u64().unwrap())
            }
            "pattern" => {
                let pattern = regex::Regex::new(says.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "items" => value.as_array().is_none_or(|list| list.iter().all(|one| self.valid(says, one))),
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= says.as_u64().unwrap()),
            "minProperties" => value.as_object().is_none_or(|map| map.len() as u64 >= says.as_u64().unwrap()),
            "maxProperties" => value.as_object().is_none_or(|map| map.len() as u64 <= says.as_u64().unwrap()),
            "required" => value.as_object().is_none_or(|map| {
                says.as_array().unwrap().iter().all(|name| map.contains_key(name.as_str().unwrap()))
            }),
            "properties" => value.as_object().is_none_or(|map| {
                let known = says.as_object().unwrap();
                map.iter().all(|(name, value)| known.get(name).is_none_or(|one| self.valid(one, value)))
            }),
            "additionalProperties" => {
                assert_eq!(says, &Value::Bool(false));
                let known = schema["properties"].as_object().unwrap();
                value.as_object().is_none_or(|map| map.keys().all(|name| known.contains_key(name)))
            }
            other => panic!("keyword {other}"),
        })
    }
}

fn policies(folder: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    found
}

/// Every key of every block, once in each form that it takes.
const EVERYTHING: &str = r#"
version: 1
name: everything
defaults: {reviewers: ['role:a', role: b], min_role: a, assurance: signed, timeout: 1h30m, timeout_action: deny,
  claim_within: 10m, execute_within: 5m, min_review: 10s, channels: [slack:#ops, email], exclude: team,
  escalation_pool: none, diligence: {poor_votes: flag, nights: false}}
escalations: {open_per_agent: 5}
fleet: {stale_after: 30m, when_stale: deny}
risk:
  weights: {operation: 0.25, environment: 0.25, sensitivity: 0.2, behaviour: 0.15, scope: 0.1, timing: 0.05}
  operation: {read: 0, write: 0.3, update: 0.4, external_call: 0.5, delete: 0.7, admin: 0.8, unknown: 1}
  environment: {test: 0, staging: 0.3, production: 0.6, unknown: production, test_words: t, staging_words: [s], production_words: [p, q]}
  sensitivity: {ordinary: 0.2, bulk: 0.5, sensitive: 0.7, bulk_over: 1000, words: [customer]}
  behaviour: {usual: 0.1, concerning: 0.5, concerning_over: 2, anomalous: 0.8, anomalous_over: 5, window: 1h}
  scope: {narrow: 0.1, wide: 0.4, wide_over: 1000, huge: 0.7, huge_over: 10000, everything: 0.8, unknown: 0.4,
    filter_fields: [filter], rows_fields: rows, limit_fields: [limit], cost_fields: [cost, amount]}
  timing: {quiet: 0.3, otherwise: 0, from: '22:00', to: '06:00', time_zone: Europe/Berlin,
    working_hours: {days: [mon, tuesday], from: '09:00', to: '17:00'}}
  evasion: {window: 1h, just_below: 0.1, just_below_count: 3, pieces_count: 3, denial_stands: 30m}
  thresholds: {medium: 0.3, high: 0.6, critical: 0.8}
  blocked_from: critical
  standard_floors: true
classify:
- {action: 'db.*', kind: payload, irreversible: false, payload: {sql: [statement, query], shell: command}}
- {action: [a, b], kind: read, payload: none}
resources:
- {resource: 'x/*', environment: test, sensitivity: ordinary, critical: true}
floors:
- name: all
  match: {action: a, resource: [b], environment: test, kind: [read, delete], sensitivity: bulk, scope: wide, irreversible: true,
    cost_over: 1, rows_over: 2, objects_over: 3, critical: false, understood: false, doubt: [dynamic], new_action: true,
    new_resource: true, new_environment: true}
  level: high
limits:
- {name: many, match: {agent: a, action: a, resource: b, environment: test, kind: read, sensitivity: bulk, critical: true},
  window: 1h, requests: 10, rows: 10, objects: 10, cost: 10, level: high}
secrets: [password, headers.authorization]
roles: [b, a]
rules:
- {name: one, match: {agent: a, on_behalf_of: [b], level: [low, medium], kind: read}, when: facts.rows > 1, decision: allow,
  conditions: [dry_run, 'canary:max_percent=10'], reason: why, witnesses: 2}
- name: two
  decision: escalate
  conditions: dry_run
  escalation: {type: multi_party, approvals: 2, reviewers: 'user:x@example.com', min_role: a, assurance: channel,
    delegation: [{after: 5m, any_of: ['role:a', {approvals: 2, reviewers: 'role:b'}], min_approvals: 1}], timeout: 1h,
    timeout_action: escalate, escalate_to: {timeout: 1h, reviewers: 'role:a'}, min_review: 1m, claim_within: 5m, execute_within: 5m,
    channels: console, deny_threshold: 2, hidden_votes: true, exclude: [team, manager], escalation_pool: {any_of: ['role:a', {reviewers: 'role:b'}]},
    diligence: {poor_votes: add_seat, add_seat: {all_of: ['role:a']}, must_open: true, must_open_evidence: false, reading_speed: 0,
      burst: {votes: 15, within: 8s}, streak: 50, nights: true},
    break_glass: {approvals: 1, reviewers: 'role:b', assurance: signed, execute_within: 1m, review_within: 2h,
      review: {reviewers: ['team:t', role: a], min_role: b, assurance: session}}}
- name: three
  decision: escalate
  escalation: {type: all-of, all_of: ['role:a', role: b]}
levels:
  low: {decision: allow, conditions: dry_run}
  medium: escalate
  high: {decision: escalate, escalation: {approvals: 2, reviewers: ['user:x', 'role:a', 'team:t']}}
  critical: {decision: deny}
"#;

/// The two people that rule `two` needs.
fn everything() -> String {
    EVERYTHING.replace("reviewers: 'user:x@example.com'", "reviewers: ['user:x@example.com', 'user:y']")
}

#[test]
fn whatever_the_reader_accepts_the_schema_accepts() {
    let validator = Validator::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policies");
    let mut found = policies(&examples);
    found.retain(|(path, _)| !path.ends_with("roster.yaml"));
    found.extend(policies(&folder().join("findings")));
    found.push(("everything".to_owned(), everything()));
    let mut count = 0;
    for (path, text) in found {
        // Suites and rosters may stand beside policies.
        if path != "everything" && !text.contains("\nlevels:") && !text.starts_with("levels:") {
            continue;
        }
        Policy::parse(&text, &path).unwrap_or_else(|error| panic!("{error}"));
        assert!(validator.accepts(&yaml(&text)), "{path} is a policy and not of the schema");
        count += 1;
    }
    assert!(count >= 5, "{count}");
}

/// Mistakes that a schema can see.
const SEEN: &[&str] = &[
    "document.unknown_key",
    "document.unknown_word",
    "document.wrong_type",
    "document.empty_list",
    "document.version",
    "document.missing_key",
];

#[test]
fn a_mistake_that_a_schema_can_see_is_refused_by_it() {
    let validator = Validator::new();
    let (mut seen, mut missed) = (0, Vec::new());
    for (path, text) in policies(&folder().join("policy_errors")) {
        let Err(error) = Policy::parse(&text, &path) else { panic!("{path} was accepted") };
        let Ok(value) = serde_saphyr::from_str::<Value>(&text) else { continue };
        if SEEN.contains(&error.problem.code()) {
            seen += 1;
            if validator.accepts(&value) {
                missed.push(path);
            }
        }
    }
    // One of two keys, and who is named without being declared, are more than this schema says.
    missed.retain(|path| !path.ends_with("missing_declaration.yaml"));
    assert_eq!(missed, Vec::<String>::new());
    assert!(seen >= 20, "{seen}");
}

/// The places of all mappings in a value.
fn mappings(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.push(at.to_owned());
            members.iter().for_each(|(name, value)| mappings(value, &format!("{at}/{name}"), found));
        }
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(n, value)| mappings(value, &format!("{at}/{n}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A policy as JSON, which is YAML too; its last key is `levels`.
fn written(policy: &Value) -> String {
    let mut rest = policy.as_object().unwrap().clone();
    let levels = rest.remove("levels").unwrap();
    let rest = serde_json::to_string(&rest).unwrap();
    format!("{},\"levels\":{levels}}}", rest.strip_suffix('}').unwrap())
}

#[test]
fn a_policy_can_be_written_as_json() {
    let policy =
        Policy::parse(&written(&yaml(&everything())), "p.json").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(policy.rules().len(), 3);
}

#[test]
fn an_unknown_key_is_refused_wherever_it_stands_by_both() {
    let validator = Validator::new();
    let whole = yaml(&everything());
    let mut places = Vec::new();
    mappings(&whole, "", &mut places);
    assert!(places.len() > 30, "{}", places.len());
    for place in places {
        let mut changed = whole.clone();
        let target = changed.pointer_mut(&place).unwrap().as_object_mut().unwrap();
        target.insert("colour".to_owned(), Value::from("blue"));
        assert!(!validator.accepts(&changed), "the schema accepts an unknown key at {place}");
        let error = Policy::parse(&written(&changed), "p.yaml").expect_err(&place);
        let code = error.problem.code();
        // The languages of a payload are words.
        let expected =
            if place.ends_with("/payload") { "document.unknown_word" } else { "document.unknown_key" };
        // A member is one mapping of one group, and behind a policy's last key nothing stands.
        let other =
            ["document.wrong_type", "document.malformed"].contains(&code) && place.contains("/reviewers/");
        assert!(code == expected || other, "{place}: {error}");
    }
}

/// So that no table has a key that the reader forgets: `EVERYTHING` uses each, and with nonsense in it is refused.
#[test]
fn every_key_of_the_schema_is_read() {
    let whole = yaml(&everything());
    let mut places = Vec::new();
    mappings(&whole, "", &mut places);
    let mut used = std::collections::BTreeSet::new();
    for place in &places {
        let members = whole.pointer(place).unwrap().as_object().unwrap();
        for name in members.keys() {
            used.insert(name.clone());
            let mut changed = whole.clone();
            changed.pointer_mut(place).unwrap()[name] = serde_json::json!([[{"nonsense": true}]]);
            assert!(Policy::parse(&written(&changed), "p.yaml").is_err(), "{place}/{name} is not read");
        }
    }
    let schema = schema();
    for (block, definition) in schema["$defs"].as_object().unwrap() {
        for name in definition["properties"].as_object().unwrap().keys() {
            assert!(used.contains(name), "nothing uses `{name}` of `{block}`");
        }
    }
}

#[test]
fn the_schema_says_what_it_is() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for (block, definition) in schema["$defs"].as_object().unwrap() {
        for (name, key) in definition["properties"].as_object().unwrap() {
            assert!(
                key["description"].as_str().is_some_and(|text| text.ends_with(['.', '`'])),
                "{block}.{name}"
            );
        }
    }
}
