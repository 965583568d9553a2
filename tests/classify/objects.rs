//! Kubernetes objects, Terraform plans, MCP tool calls and parameters, by the corpus.

use super::corpus::check;
use countersign::classify::{Act, Kind, Language, Reading, detect, kubernetes, mcp, terraform};
use countersign::operation::json::{Limits, Object, Value, read};
use proptest::prelude::*;

fn json(text: &str) -> Value {
    read(text.as_bytes(), &Limits::OPERATION).expect(text)
}

fn object(text: &str) -> Object {
    json(text).as_object().expect(text).clone()
}

fn parameters(arguments: &Object) -> Vec<Reading> {
    detect::read(arguments, &[])
}

#[test]
fn kubernetes_objects_do_what_the_corpus_says() {
    check("kubernetes.txt", include_str!("kubernetes.txt"), |text| {
        let verb = text.strip_prefix("verb: ").and_then(|rest| rest.split_once('\n'));
        let (verb, text) = verb.map_or((None, text), |(verb, text)| (Some(verb), text));
        kubernetes::read_text(verb, text)
    });
}

#[test]
fn terraform_plans_do_what_the_corpus_says() {
    check("terraform.txt", include_str!("terraform.txt"), |text| {
        if text.starts_with(['{', '"']) {
            return terraform::read(&json(text));
        }
        let changes = text.lines().map(|line| {
            let (actions, address) = line.split_once(' ').unwrap();
            let actions: Vec<Value> = actions.split(',').map(Value::from).collect();
            let kind = address.split('.').rev().nth(1).unwrap();
            let object = Object::new().with("address", address).with("type", kind);
            Value::from(object.with("change", Object::new().with("actions", actions)))
        });
        terraform::read(&Value::from(Object::new().with("resource_changes", changes.collect::<Vec<_>>())))
    });
}

#[test]
fn tool_calls_do_what_the_corpus_says() {
    check("mcp.txt", include_str!("mcp.txt"), |text| mcp::read(&object(text), &parameters));
}

#[test]
fn parameters_do_what_the_corpus_says() {
    check("detect.txt", include_str!("detect.txt"), |text| {
        let mut all = Reading::new(Language::Sql);
        parameters(&object(text)).into_iter().for_each(|reading| all.absorb(reading));
        all
    });
}

#[test]
fn declared_parameters_are_read_as_told_or_missing() {
    let declared = |language, name: &str, text| {
        let readings = detect::read(&object(text), &[(language, name.into())]);
        assert_eq!(readings.len(), 1, "{text}");
        assert_eq!(readings[0].language, language, "{text}");
        let acts = readings[0].acts.iter().map(ToString::to_string);
        acts.chain(readings[0].doubts.iter().map(ToString::to_string)).collect::<Vec<_>>().join("; ")
    };
    for (language, name, text, expected) in [
        (Language::Sql, "q", r#"{"q": "DELETE FROM t"}"#, "delete: DELETE on t, everything"),
        (Language::Sql, "q", r#"{"q": ["SELECT 1", "SELECT 2"]}"#, "read: SELECT; read: SELECT"),
        (Language::Sql, "q", r#"{"sql": "SELECT 1"}"#, "? missing: q"),
        (Language::Sql, "q", r#"{"q": 7}"#, "? missing: q"),
        (Language::Sql, "q", r#"{"q": []}"#, "? missing: nothing"),
        (Language::Sql, ".", r#"{"sql": "SELECT 1"}"#, "? missing: ."),
        (
            Language::Http,
            "u",
            r#"{"u": "https://a.example/x", "method": "PUT"}"#,
            "update: PUT on a.example/x at a.example",
        ),
        (Language::Http, ".", r#"{"url": "https://a.example/x"}"#, "read: GET on a.example/x at a.example"),
        (Language::Http, ".", r#"{"u": "https://a.example/x"}"#, "? missing: ."),
        (
            Language::Kubernetes,
            ".",
            r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}"#,
            "update: apply ConfigMap on configmap/a, at most 1",
        ),
        (Language::Terraform, "plan", r#"{"plan": "{}"}"#, "? missing: resource_changes"),
        (Language::Terraform, "plan", r#"{"plan": "no json"}"#, "? missing: plan"),
        (Language::Mcp, "call", r#"{"call": {"name": "x"}}"#, "unknown: mcp tool x"),
        (Language::Mcp, "call", r#"{"call": "x"}"#, "? missing: call"),
        (Language::Argv, "argv", r#"{"argv": "ls"}"#, "? missing: argv"),
    ] {
        assert_eq!(declared(language, name, text), expected, "{text}");
    }
}

#[test]
fn a_thousand_objects_are_counted_and_told_in_part() {
    let changes = (0..1_000).map(|at| {
        json(&format!(r#"{{"address": "aws_instance.n{at}", "type": "aws_instance", "change": {{"actions": ["delete"]}}}}"#))
    });
    let plan = Value::from(Object::new().with("resource_changes", changes.collect::<Vec<_>>()));
    let reading = terraform::read(&plan);
    assert_eq!(reading.acts.len(), 1);
    assert_eq!(reading.acts[0].targets.len(), Act::MAX_NAMES);
    assert!(reading.acts[0].to_string().ends_with("at most 1000, for good"));
}

/// JSON of the names that the readers look for.
fn any_value() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "sql",
        "query",
        "command",
        "args",
        "url",
        "method",
        "headers",
        "manifest",
        "apiVersion",
        "kind",
        "metadata",
        "name",
        "namespace",
        "items",
        "spec",
        "replicas",
        "resource_changes",
        "change",
        "actions",
        "address",
        "type",
        "arguments",
        "annotations",
        "destructiveHint",
        "params",
        "jsonrpc",
        "plan",
        "input",
        "configuration",
        "privileged",
    ]);
    let text = prop::sample::select(vec![
        "SELECT 1",
        "DROP TABLE t",
        "Deployment",
        "List",
        "v1",
        "tools/call",
        "delete",
        "create",
        "http://a/",
        "x",
        "",
        "{}",
    ]);
    let leaf = prop_oneof![
        text.prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<u32>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                Value::from(
                    members.into_iter().fold(Object::new(), |object, (name, value)| object.with(name, value)),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_is_read_without_panic_and_within_bounds(value in any_value()) {
        let mut readings = vec![terraform::read(&value), kubernetes::read(Some("delete"), &value)];
        if let Value::Object(object) = &value {
            readings.push(mcp::read(object, &parameters));
            readings.extend(parameters(object));
            for language in Language::ALL {
                readings.extend(detect::read(object, &[(*language, ".".into()), (*language, "sql".into())]));
            }
        }
        for reading in readings {
            prop_assert!(reading.acts.len() <= Reading::MAX_ACTS && reading.doubts.len() <= Reading::MAX_ACTS);
        }
    }

    #[test]
    fn any_text_is_a_manifest_or_a_doubt(text in prop_oneof![any::<String>(), "[-:{}\\[\\] a-z&*#|>\n]{0,200}"]) {
        let reading = kubernetes::read_text(None, &text);
        prop_assert!(!reading.doubts.is_empty() || !reading.acts.is_empty());
    }

    #[test]
    fn annotations_never_lower(name in "[a-zA-Z_]{1,20}", read_only: bool, destructive: bool, open: bool) {
        let plain = mcp::read(&Object::new().with("name", name.as_str()), &parameters);
        let hints = Object::new()
            .with("readOnlyHint", read_only)
            .with("destructiveHint", destructive)
            .with("openWorldHint", open);
        let hinted = mcp::read(&Object::new().with("name", name.as_str()).with("annotations", hints), &parameters);
        let rank = |kind: Kind| match kind {
            Kind::Read | Kind::Write | Kind::Update => 0,
            Kind::ExternalCall | Kind::Unknown => 1,
            Kind::Delete => 2,
            Kind::Admin => 3,
        };
        let worst = |reading: &Reading| reading.acts.iter().map(|act| rank(act.kind)).max();
        prop_assert!(worst(&hinted) >= worst(&plain) && worst(&plain) >= Some(1));
    }
}
