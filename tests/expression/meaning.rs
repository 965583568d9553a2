//! What a condition means: each operator and function, what goes wrong, and what settles it all the same.

use super::world::{World, compiled};
use countersign::operation::Operation;
use countersign::policy::expression::EvaluationFault;

#[test]
fn these_hold() {
    let world = World::new();
    for source in [
        "true",
        "operation.action == \"db.delete\" && operation.resource == 'prod/Orders'",
        "operation.digest.size() > 40",
        "operation.parameters.table == \"users\"",
        "operation.parameters.count == 3 && operation.parameters.count == 3.0",
        "operation.parameters.count + 1 == 4",
        "operation.parameters.ratio * 2 == 5.0",
        "operation.parameters.force",
        "operation.parameters.nothing == null",
        "operation.parameters.nested.deep.deeper == 'x'",
        "operation.parameters['a-b'] == 'dash'",
        "operation.parameters[\"nested\"][\"deep\"] != null",
        "operation.parameters.tags[1] == 'b'",
        "operation.parameters.tags == ['a', 'b', 'c']",
        "operation.parameters.numbers == [1, 2.5, 3]",
        "operation.parameters.numbers[0] < operation.parameters.numbers[1]",
        "'b' in operation.parameters.tags && !('z' in operation.parameters.tags)",
        "'table' in operation.parameters",
        "has(operation.parameters.table) && !has(operation.parameters.tabel)",
        "!has(operation.parameters.nested.shallow)",
        "operation.parameters.tags.exists(t, t == 'c')",
        "operation.parameters.tags.all(t, t.size() == 1)",
        "operation.parameters.nested.all(name, name == 'deep')",
        "operation.parameters.empty.all(t, t > 1) && !operation.parameters.empty.exists(t, t > 1)",
        "size(operation.parameters.tags) == 3 && size(operation.parameters.nested) == 1",
        // A number and a text are never equal, and that is no error.
        "operation.parameters.text != 17",
        "int(operation.parameters.text) == 17 && double(operation.parameters.text) == 17.0",
        "facts.kind == 'delete' && facts.environment != \"test\"",
        "facts.kind in ['delete', 'admin']",
        "facts.sensitivity == 'sensitive' && facts.scope == 'wide' && facts.irreversible",
        "has(facts.cost) && facts.cost > 200 && facts.cost < 250.5",
        "facts.rows == 1200 && facts.objects == 4 && facts.understood",
        "facts.acts.size() == 2 && facts.acts[0].what == 'DELETE'",
        "facts.acts.exists(a, a.kind == 'read' && a.targets == ['audit'])",
        "facts.acts.exists(a, a.targets.exists(t, t.startsWith('us')))",
        "facts.acts.exists_one(a, a.kind == 'read')",
        "!facts.acts.exists_one(a, a.targets.size() > 0)",
        "facts.targets == ['orders', 'users', 'audit'] && facts.places.size() == 2",
        "facts.places.all(p, p.startsWith('db-'))",
        "facts.targets[2] == 'audit'",
        "risk.score > 0.3 && risk.score <= 1",
        "risk.level == 'high' && risk.level.at_least('medium') && risk.level.at_least('high')",
        "!risk.level.at_least(\"critical\")",
        "risk.factors.operation == 0.7 && risk.factors.environment == 0.6",
        "agent.id == 'agent-7' && agent.on_behalf_of.endsWith('@acme.example')",
        "has(agent.on_behalf_of) && has(agent.id)",
        "history.anomalies == 2 && history.requests > 8 && history.rows >= 5000 && history.new_action",
        "!history.denied && history.objects == 0 && history.cost == 0",
        "request.reason.contains('clean') && request.executor == 'exec:db' && request.reasoning == ''",
        "request.alternatives.size() == 1",
        "now.hour == 12 && now.minute == 5 && now.weekday == 'tuesday' && now.working_hours",
        "now.date == '2026-11-24' && now.date < '2026-12-01' && now.unix > 1700000000",
        "operation.resource.lowerAscii() == 'prod/orders'",
        "operation.action.glob('db.*') && !operation.action.glob('DB.*') && !operation.action.glob('db')",
        "operation.action.matches('^db\\\\.(delete|drop)$') && operation.action.matches(r'\\.')",
        "'grün'.size() == 4 && 'a' + 'b' == 'ab'",
        "7 / 2 == 3 && -7 / 2 == -3 && 7 % 3 == 1 && -7 % 3 == -1 && 7.0 / 2 == 3.5",
        "2 + 3 * 4 == 14 && (2 + 3) * 4 == 20 && 10 - 3 - 2 == 5",
        "-9223372036854775808 < 0 && 0x10 == 16 && 1e3 == 1000.0 && .5 == 0.5",
        "1 < 2 == true && !false != false",
        "true ? true : operation.parameters.missing",
        "facts.rows > 1000 ? risk.score > 0.1 : false",
        "int(2.9) == 2 && int(-2.9) == -2 && string(3) == '3' && string(true) == 'true' && string(0.5) == '0.5'",
        "int('-12') == -12 && double('1.5e2') == 150.0",
        "'\\x41\\u00e9\\U0001F600\\101\\n' == \"Aé😀A\\n\" && '''a'b''' == \"a'b\" && r'\\n'.size() == 2",
        "[1, 2,] == [1, 2] && 2 in [1, 2] && [] == []",
        "1 == 1.0 && 1 in [1.0] && 9007199254740993 > 9007199254740992.0",
        "0.0 / 0.0 != 0.0 && !(0.0 / 0.0 < 1.0) && 1.0 / 0.0 > 1e300",
        "true // a comment\n && true",
    ] {
        assert_eq!(world.holds(source), Ok(true), "{source}");
    }
}

#[test]
fn these_cannot_be_said() {
    let world = World::new();
    let missing = |name: &str| EvaluationFault::Missing(name.into());
    for (source, expected, words) in [
        ("operation.parameters.tabel == 'x'", missing("tabel"), "there is no `tabel`"),
        ("operation.parameters['x'] == 1", missing("x"), "there is no `x`"),
        (
            "operation.parameters.table",
            EvaluationFault::WrongType("bool", "string"),
            "a string where a bool is needed",
        ),
        (
            "operation.parameters.table > 3",
            EvaluationFault::WrongType("string", "int"),
            "an int where a string is needed",
        ),
        (
            "operation.parameters.table + 1 > 3",
            EvaluationFault::WrongType("string", "int"),
            "an int where a string is needed",
        ),
        (
            "operation.parameters.table.x == 1",
            EvaluationFault::WrongType("map", "string"),
            "a string where a map is needed",
        ),
        (
            "has(operation.parameters.table.x)",
            EvaluationFault::WrongType("map", "string"),
            "a string where a map is needed",
        ),
        (
            "operation.parameters.force.contains('x')",
            EvaluationFault::WrongType("string", "bool"),
            "a bool where a string is needed",
        ),
        (
            "operation.parameters.count.exists(x, true)",
            EvaluationFault::WrongType("list", "int"),
            "an int where a list is needed",
        ),
        (
            "operation.parameters.tags['a'] == 1",
            EvaluationFault::WrongType("int", "string"),
            "a string where an int is needed",
        ),
        ("operation.parameters.tags[3] == 'd'", EvaluationFault::OutOfRange, "a list has no such element"),
        ("operation.parameters.tags[-1] == 'd'", EvaluationFault::OutOfRange, "a list has no such element"),
        ("facts.rows / 0 == 1", EvaluationFault::DivisionByZero, "a division by zero"),
        ("facts.rows % 0 == 1", EvaluationFault::DivisionByZero, "a division by zero"),
        (
            "9223372036854775807 + facts.objects > 0",
            EvaluationFault::Overflow,
            "a number that is out of range",
        ),
        ("-(-9223372036854775808) > 0", EvaluationFault::Overflow, "a number that is out of range"),
        ("-9223372036854775808 / -1 > 0", EvaluationFault::Overflow, "a number that is out of range"),
        ("int(1e30) > 0", EvaluationFault::Overflow, "a number that is out of range"),
        ("int('12x') > 0", EvaluationFault::NotANumber, "a text that is not a number"),
        ("double('inf') > 0", EvaluationFault::NotANumber, "a text that is not a number"),
        (
            "operation.parameters.tags.exists(t, t > 1)",
            EvaluationFault::WrongType("string", "int"),
            "an int where a string is needed",
        ),
    ] {
        let fault = world.holds(source).expect_err(source);
        assert_eq!((fault.to_string().as_str(), &fault), (words, &expected), "{source}");
    }
}

#[test]
fn what_settles_a_condition_settles_it_whatever_goes_wrong_beside() {
    let world = World::new();
    let wrong = "operation.parameters.missing == 1";
    for (source, expected) in [
        (format!("false && {wrong}"), Some(false)),
        (format!("{wrong} && false"), Some(false)),
        (format!("true || {wrong}"), Some(true)),
        (format!("{wrong} || true"), Some(true)),
        (format!("{wrong} || false"), None),
        (format!("true && {wrong}"), None),
        (format!("false ? {wrong} : true"), Some(true)),
        (format!("{wrong} ? true : true"), None),
        (format!("!({wrong})"), None),
        ("operation.parameters.numbers.exists(n, n > 2 || n.x == 1)".to_owned(), Some(true)),
        ("operation.parameters.tags.exists(t, t == 'c' || int(t) == 1)".to_owned(), Some(true)),
        ("operation.parameters.tags.all(t, t == 'c' && int(t) == 1)".to_owned(), Some(false)),
        ("operation.parameters.tags.exists_one(t, t == 'c' || int(t) == 1)".to_owned(), None),
    ] {
        assert_eq!(world.holds(&source).ok(), expected, "{source}");
    }
}

#[test]
fn what_is_not_there_is_an_error_unless_it_is_asked_for() {
    let mut world = World::new();
    world.assessment.facts.cost.value = None;
    world.on_behalf_of = None;
    assert_eq!(world.holds("facts.cost > 1"), Err(EvaluationFault::Absent("facts.cost")));
    assert_eq!(world.holds("has(facts.cost) && facts.cost > 1"), Ok(false));
    assert_eq!(world.holds("agent.on_behalf_of == ''"), Err(EvaluationFault::Absent("agent.on_behalf_of")));
    assert_eq!(world.holds("!has(agent.on_behalf_of)"), Ok(true));
}

/// `!has(operation.parameters.force)` must not hold for a payload of which nothing is known.
#[test]
fn a_raw_payload_has_no_parameters_to_ask_about() {
    let mut world = World::new();
    world.operation = Operation::from_payload("db.delete", "prod/orders", b"\x00").unwrap();
    world.parameters = world.operation.parameters();
    for source in [
        "has(operation.parameters.force)",
        "'force' in operation.parameters",
        "size(operation.parameters) == 0",
    ] {
        assert_eq!(world.holds(source), Err(EvaluationFault::Raw), "{source}");
    }
}

#[test]
fn it_is_known_which_conditions_read_the_agents_own_words() {
    for (source, reads) in [
        ("facts.rows > 1 && operation.parameters.request == 1", false),
        ("facts.rows > 1 && size(request.alternatives) > 0", true),
        ("facts.targets.exists(t, t == request.reason)", true),
        ("has(request.reason)", true),
        ("true ? true : request.executor == ''", true),
    ] {
        assert_eq!(compiled(source).reads_request(), reads, "{source}");
    }
}
