//! A second opinion: whatever another implementation of CEL says of a random condition, ours says too.

use super::world::{PARAMETERS, World};
use cel::{Context, Program, Value};
use countersign::policy::expression::{EvaluationFault, Expression};
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use std::collections::HashMap;

fn one_of(options: Vec<BoxedStrategy<String>>) -> BoxedStrategy<String> {
    Union::new(options).boxed()
}

fn words(words: &'static [&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(words).prop_map(str::to_owned).boxed()
}

/// `form` with each `#` replaced by one of these.
fn filled(form: &'static str, parts: Vec<BoxedStrategy<String>>) -> BoxedStrategy<String> {
    parts
        .prop_map(move |parts| {
            let mut pieces = form.split('#');
            let first = pieces.next().unwrap_or_default().to_owned();
            assert_eq!(pieces.clone().count(), parts.len(), "{form}");
            parts.iter().zip(pieces).fold(first, |text, (part, piece)| text + part + piece)
        })
        .boxed()
}

fn number(depth: u32) -> BoxedStrategy<String> {
    let leaf = words(&[
        "0",
        "1",
        "-1",
        "2",
        "3",
        "17",
        "-7",
        "9223372036854775807",
        "-9223372036854775808",
        "0.0",
        "0.5",
        "2.5",
        "-2.5",
        "1e3",
        "1e19",
        "facts.rows",
        "facts.cost",
        "risk.score",
        "history.anomalies",
        "now.hour",
        "operation.parameters.count",
        "operation.parameters.ratio",
        "operation.parameters.numbers[0]",
        "operation.parameters.numbers[1]",
        "operation.parameters.missing",
        "operation.parameters.numbers[7]",
        "int('12')",
        "int(2.9)",
        "int(-2.9)",
        "double(3)",
        "double('2.5')",
    ]);
    if depth == 0 {
        return leaf;
    }
    let inner = || number(depth - 1);
    one_of(vec![
        leaf.clone(),
        leaf,
        filled("(###)", vec![inner(), words(&[" + ", " - ", " * ", " / ", " % "]), inner()]),
        filled("-(#)", vec![inner()]),
        filled("size(#)", vec![one_of(vec![text(depth - 1), list()])]),
        filled("(# ? # : #)", vec![truth(depth - 1), inner(), inner()]),
    ])
}

fn text(depth: u32) -> BoxedStrategy<String> {
    let leaf = words(&[
        "''",
        "'a'",
        "'b'",
        "\"users\"",
        "r'\\d'",
        "'\\x41é\\n'",
        "operation.action",
        "operation.resource",
        "agent.id",
        "facts.kind",
        "risk.level",
        "now.date",
        "request.reason",
        "operation.parameters.table",
        "operation.parameters.tags[1]",
        "operation.parameters.text",
        "operation.parameters['a-b']",
        "operation.parameters.nested.deep.deeper",
        "operation.parameters.nested.missing",
        "facts.acts[0].what",
        "facts.acts[1].targets[0]",
        "string(3)",
        "string(true)",
    ]);
    if depth == 0 {
        return leaf;
    }
    one_of(vec![
        leaf.clone(),
        leaf,
        filled("(# + #)", vec![text(depth - 1), text(depth - 1)]),
        filled("(# ? # : #)", vec![truth(depth - 1), text(depth - 1), text(depth - 1)]),
    ])
}

fn list() -> BoxedStrategy<String> {
    words(&[
        "facts.targets",
        "facts.places",
        "operation.parameters.tags",
        "operation.parameters.numbers",
        "operation.parameters.empty",
        "['a', 'b']",
        "[1, 2.5]",
        "[]",
        "request.alternatives",
        "facts.acts[0].targets",
    ])
}

fn truth(depth: u32) -> BoxedStrategy<String> {
    let leaf = words(&[
        "true",
        "false",
        "facts.irreversible",
        "facts.understood",
        "history.new_action",
        "history.denied",
        "now.working_hours",
        "operation.parameters.force",
        "operation.parameters.nothing == null",
        "has(operation.parameters.table)",
        "has(operation.parameters.nope)",
        "has(operation.parameters.nested.deep.no)",
        "has(facts.cost)",
        "'table' in operation.parameters",
        "facts.kind in ['read', 'delete']",
        "facts.acts.exists(a, a.kind == 'read')",
        "operation.parameters.nested == operation.parameters.nested",
    ]);
    if depth == 0 {
        return leaf;
    }
    let inner = || truth(depth - 1);
    let compared = words(&[" == ", " != ", " < ", " <= ", " > ", " >= "]);
    let quantified = |form: &'static str| {
        filled(
            form,
            vec![list(), words(&["exists", "all", "exists_one"]), words(&[" == ", " != ", " < "]), number(0)],
        )
    };
    one_of(vec![
        leaf,
        filled("(# && #)", vec![inner(), inner()]),
        filled("(# || #)", vec![inner(), inner()]),
        filled("!(#)", vec![inner()]),
        filled("(# ? # : #)", vec![inner(), inner(), inner()]),
        filled("(###)", vec![number(depth - 1), compared.clone(), number(depth - 1)]),
        filled("(###)", vec![text(depth - 1), compared, text(depth - 1)]),
        filled("(# in #)", vec![text(depth - 1), list()]),
        filled("(# in #)", vec![number(depth - 1), list()]),
        filled("#.contains(#)", vec![text(depth - 1), text(depth - 1)]),
        filled("#.startsWith(#)", vec![text(depth - 1), text(depth - 1)]),
        filled("#.endsWith(#)", vec![text(depth - 1), text(depth - 1)]),
        filled("#.matches(#)", vec![text(depth - 1), words(&["'^a'", "'s$'", "r'\\d+'", "'[[:alpha:]]'"])]),
        quantified("#.#(x, x##)"),
        filled("#.#(x, size(x)##)", vec![list(), words(&["exists", "all"]), words(&[" > "]), number(0)]),
        filled(
            "facts.acts.#(a, a.targets.#(t, t##))",
            vec![words(&["exists", "all"]), words(&["exists", "all"]), words(&[" == ", " > "]), text(0)],
        ),
    ])
}

fn theirs(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap()), Value::Int)
        }
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(values) => Value::from(values.iter().map(theirs).collect::<Vec<_>>()),
        serde_json::Value::Object(members) => Value::from(
            members.iter().map(|(name, value)| (name.clone(), theirs(value))).collect::<HashMap<_, _>>(),
        ),
    }
}

fn their_world(world: &World) -> Context<'static, 'static> {
    let inputs = world.inputs();
    let mut acts = Vec::new();
    for act in &inputs.facts.acts {
        acts.push(json!({"what": act.what, "kind": act.kind.as_str(), "targets": act.targets, "places": act.places}));
    }
    let all = |names: fn(&countersign::classify::Act) -> &Vec<String>| -> Vec<String> {
        inputs.facts.acts.iter().flat_map(names).cloned().collect()
    };
    let mut context = Context::default();
    let parameters: serde_json::Value = serde_json::from_str(PARAMETERS).unwrap();
    for (name, value) in [
        ("operation", json!({"action": "db.delete", "resource": "prod/Orders", "parameters": parameters})),
        (
            "facts",
            json!({
                "kind": "delete", "irreversible": true, "cost": 250, "rows": 1200, "objects": 4, "understood": true,
                "acts": acts, "targets": all(|act| &act.targets), "places": all(|act| &act.places),
            }),
        ),
        ("risk", json!({"score": f64::from(inputs.score.thousandths()) / 1000.0, "level": "high"})),
        ("agent", json!({"id": "agent-7"})),
        ("history", json!({"anomalies": 2, "new_action": true, "denied": false})),
        ("request", json!({"reason": "clean up", "alternatives": ["wait"]})),
        ("now", json!({"hour": 12, "date": "2026-11-24", "working_hours": true})),
    ] {
        context.add_variable_from_value(name, theirs(&value));
    }
    context
}

#[test]
fn whatever_the_other_implementation_says_ours_says_too() {
    // Their parser needs much stack in a debug build.
    let thread = std::thread::Builder::new().stack_size(64 * 1024 * 1024).spawn(compare).unwrap();
    let agreed = thread.join().unwrap();
    assert!(agreed > 700, "only {agreed} conditions were compared");
}

fn compare() -> u32 {
    let world = World::new();
    let context = their_world(&world);
    let agreed = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 1500, failure_persistence: None, ..Config::default() });
    let done = runner.run(&truth(3), |source| {
        // What we refuse for its types, they may well evaluate.
        let Ok(condition) = Expression::compile(&source) else { return Ok(()) };
        let program =
            Program::compile(&source).map_err(|error| TestCaseError::fail(format!("{source}: {error}")))?;
        let ours = condition.holds(&world.inputs());
        match (program.execute(&context), &ours) {
            (Ok(Value::Bool(theirs)), Ok(ours)) => {
                agreed.set(agreed.get() + 1);
                prop_assert_eq!(*ours, theirs, "{}", source);
            }
            (Ok(Value::Bool(theirs)), Err(fault)) => {
                return Err(TestCaseError::fail(format!("{source}: they say {theirs}, we say {fault}")));
            }
            // To them, an int beside a double is an error.
            (Err(error), Ok(_)) => {
                let arithmetic = [" + ", " - ", " * ", " / "].iter().any(|sign| source.contains(sign));
                prop_assert!(arithmetic, "{}: we say {:?}, they say {}", source, ours, error);
            }
            (Ok(_) | Err(_), Err(_)) | (Ok(_), Ok(_)) => {}
        }
        prop_assert_ne!(ours, Err(EvaluationFault::TooCostly));
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
    agreed.get()
}
