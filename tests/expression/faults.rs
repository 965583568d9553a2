//! What is no condition, where exactly, in which words, and what was probably meant.

use countersign::policy::expression::{Expression, ExpressionProblem};

/// Line, column, message and hint.
fn said(source: &str) -> String {
    let fault = Expression::compile(source).expect_err(source);
    let hint = fault.problem.hint().map(|hint| format!(" | {hint}")).unwrap_or_default();
    format!("{fault}{hint}")
}

#[track_caller]
fn check(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(source, expected)| {
            let said = said(source);
            (said != *expected).then(|| format!("{source}\n  is      {said}\n  and not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_name_that_is_not_known_is_a_fault_with_the_likely_one() {
    check(&[
        (
            "facts.enviroment == \"test\"",
            "1:7: `facts` has no field `enviroment` | did you mean `facts.environment`?",
        ),
        ("fact.kind == \"read\"", "1:1: unknown name `fact` | did you mean `facts`?"),
        ("environment == \"test\"", "1:1: unknown name `environment` | did you mean `facts.environment`?"),
        (
            "agent.environment == \"test\"",
            "1:7: `agent` has no field `environment` | did you mean `facts.environment`?",
        ),
        (
            "risk.factors.size > 1.0",
            "1:14: `risk.factors` has no field `size` | did you mean `risk.factors.scope`?",
        ),
        ("facts == facts", "1:1: `facts` is no value by itself | name a field of it, such as `facts.kind`"),
        (
            "risk.factors == 1",
            "1:1: `risk.factors` is no value by itself | name a field of it, such as `risk.factors.operation`",
        ),
        (
            "params.x == 1",
            "1:1: unknown name `params` | known: `operation`, `facts`, `risk`, `agent`, `history`, `request`, `now`",
        ),
        ("facts.kind.x == 1", "1:12: a kind of operation has no fields"),
        (
            "facts.acts.exists(a, a.kinds == \"read\")",
            "1:24: an act has no field `kinds` | did you mean `kind`?",
        ),
        (
            "facts.acts.exists(a, b.kind == \"read\")",
            "1:22: unknown name `b` | known: `operation`, `facts`, `risk`, `agent`, `history`, `request`, `now`",
        ),
        (
            "facts.rows > 1 &&\n  facts.row > 2",
            "2:9: `facts` has no field `row` | did you mean `facts.rows`?",
        ),
        (
            "operation.action.lower() == \"x\"",
            "1:18: unknown function `lower` | known: `has`, `size`, `contains`, `startsWith`, `endsWith`, `matches`, `glob`, `lowerAscii`, `at_least`, `exists`, `all`, `exists_one`, `int`, `double`, `string`",
        ),
        (
            "operation.action.startswith(\"x\")",
            "1:18: unknown function `startswith` | did you mean `startsWith`?",
        ),
        (
            "facts.targets.map(t, t) == []",
            "1:15: unknown function `map` | known: `has`, `size`, `contains`, `startsWith`, `endsWith`, `matches`, `glob`, `lowerAscii`, `at_least`, `exists`, `all`, `exists_one`, `int`, `double`, `string`",
        ),
    ]);
}

#[test]
fn a_word_outside_its_closed_set_is_a_fault() {
    check(&[
        (
            "facts.environment == \"prod\"",
            "1:22: this is never `prod` | known: `test`, `staging`, `production`",
        ),
        (
            "facts.environment == \"prodution\"",
            "1:22: this is never `prodution` | did you mean `production`?",
        ),
        ("\"Delete\" == facts.kind", "1:1: this is never `Delete` | did you mean `delete`?"),
        ("facts.kind in [\"read\", \"writ\"]", "1:24: this is never `writ` | did you mean `write`?"),
        (
            "facts.acts.exists(a, a.kind != \"drop\")",
            "1:32: this is never `drop` | known: `read`, `write`, `update`, `external_call`, `delete`, `admin`, `unknown`",
        ),
        ("now.weekday == \"Sunday\"", "1:16: this is never `Sunday` | did you mean `sunday`?"),
        (
            "risk.level.at_least(\"severe\")",
            "1:21: this is never `severe` | known: `low`, `medium`, `high`, `critical`",
        ),
        (
            "risk.level >= \"high\"",
            "1:12: these words have no order but the alphabet's | a level can be asked for: `risk.level.at_least(\"high\")`",
        ),
        (
            "facts.kind == facts.environment",
            "1:12: `==` does not stand between a kind of operation and an environment",
        ),
    ]);
}

#[test]
fn operands_of_the_wrong_type_are_a_fault() {
    check(&[
        ("facts.rows == \"many\"", "1:12: `==` does not stand between an int and a string"),
        (
            "facts.kind > 3",
            "1:12: these words have no order but the alphabet's | a level can be asked for: `risk.level.at_least(\"high\")`",
        ),
        ("agent.id > 3", "1:10: `>` does not stand between a string and an int"),
        ("agent.id + 1 == \"\"", "1:10: `+` does not stand between a string and an int"),
        ("agent.id - \"x\" == \"\"", "1:10: `-` does not stand between a string and a string"),
        ("5.5 % 2.0 == 1.5", "1:5: `%` does not stand between a double and a double"),
        ("facts.rows in 3", "1:12: `in` does not stand between an int and an int"),
        ("1 in facts.targets", "1:3: `in` does not stand between an int and a list of string"),
        ("facts.rows && true", "1:1: `&&` takes a bool, not an int"),
        ("true || agent.id", "1:9: `||` takes a bool, not a string"),
        ("!facts.kind", "1:2: `!` takes a bool, not a kind of operation"),
        ("-agent.id == \"\"", "1:1: `-` takes a number, not a string"),
        ("agent.id ? true : false", "1:1: `?` takes a bool, not a string"),
        ("agent.id.contains(3)", "1:19: `contains` takes a string, not an int"),
        ("facts.rows.startsWith(\"1\")", "1:1: `startsWith` takes a string, not an int"),
        ("size(facts.rows) > 1", "1:6: `size` takes a string or a list, not an int"),
        ("int(true) == 1", "1:5: `int` takes a number or a string, not a bool"),
        ("agent.id.exists(x, true)", "1:10: `exists` takes a list, not a string"),
        ("facts.targets.exists(x, x)", "1:25: `exists` takes a bool, not a string"),
        ("facts.targets[\"a\"] == \"\"", "1:15: the index of a list takes a number, not a string"),
        ("agent.id[0] == \"a\"", "1:9: `[]` takes a list, not a string"),
        ("facts.kind.at_least(\"high\")", "1:12: `at_least` takes a level of risk, not a kind of operation"),
        ("agent.id == null", "1:10: `==` does not stand between a string and a null"),
        ("facts.acts[0] == facts.acts[1]", "1:15: `==` does not stand between an act and an act"),
        ("facts.rows", "1:1: a condition is true or false, and this is an int | compare it with something"),
        (
            "operation.action",
            "1:1: a condition is true or false, and this is a string | compare it with something",
        ),
    ]);
}

#[test]
fn a_call_in_another_form_is_a_fault() {
    check(&[
        ("has(facts)", "1:1: this is called as `has(operation.parameters.x)`"),
        (
            "has(facts.colour)",
            "1:11: `facts` has no field `colour` | known: `facts.kind`, `facts.environment`, `facts.sensitivity`, `facts.scope`, `facts.irreversible`, `facts.cost`, `facts.rows`, `facts.objects`, `facts.critical`, `facts.understood`, `facts.acts`, `facts.targets`, `facts.places`",
        ),
        ("contains(agent.id, \"a\")", "1:1: this is called as `text.contains(text)`"),
        ("agent.id.contains()", "1:10: this is called as `text.contains(text)`"),
        ("agent.id.matches(agent.id)", "1:18: what `matches` takes must be written out as a text"),
        ("agent.id.matches(\"(\")", "1:18: unclosed group"),
        ("agent.id.matches(\"(a{1000}){1000}\")", "1:18: the regular expression is too large"),
        ("agent.id.glob(operation.action)", "1:15: what `glob` takes must be written out as a text"),
        ("agent.id.glob(\"\")", "1:15: a pattern has 1 to 512 bytes"),
        ("facts.targets.exists(1, true)", "1:22: expected the name of a variable, found a value"),
        ("facts.targets.exists(facts, true)", "1:22: `facts` is the name of something else already"),
        (
            "facts.targets.exists(x, facts.targets.exists(x, true))",
            "1:46: `x` is the name of something else already",
        ),
        (
            "facts.targets.all(x, facts.targets.all(y, facts.targets.all(z, true)))",
            "1:57: quantifiers are nested twice at most",
        ),
    ]);
}

#[test]
fn a_malformed_source_is_a_fault_where_it_goes_wrong() {
    check(&[
        ("", "1:1: a condition that says nothing"),
        ("  // only a comment\n", "1:1: a condition that says nothing"),
        ("facts.rows = 3", "1:12: expected an operator, found `=` | did you mean `==`?"),
        ("true & false", "1:6: expected an operator, found `&` | did you mean `&&`?"),
        ("true and false", "1:6: expected an operator, found `and` | did you mean `&&`?"),
        ("true true", "1:6: expected an operator, found `true`"),
        ("true &&", "1:8: expected a value, found the end"),
        ("(true", "1:6: expected an operator or `)`, found the end"),
        ("true)", "1:5: expected an operator, found `)`"),
        ("[1, 2 == 3", "1:11: expected `,` or `]`, found the end"),
        ("true ? false", "1:13: expected `:` and what else it is, found the end"),
        ("facts.", "1:7: expected the name of a field, found the end"),
        ("facts.true", "1:7: `true` is a reserved word"),
        ("if == 3", "1:1: `if` is a reserved word"),
        ("\"abc", "1:1: a text without its closing quote"),
        ("agent.id == 'a\nb'", "1:13: a text without its closing quote"),
        (
            "agent.id == \"\\d\"",
            "1:14: a backslash before something that it does not change | in a raw text, r\"…\", a backslash is itself",
        ),
        (
            "agent.id == \"\\ud800\"",
            "1:14: a backslash before something that it does not change | in a raw text, r\"…\", a backslash is itself",
        ),
        ("facts.rows > 9223372036854775808", "1:14: `9223372036854775808` is not a number in range"),
        ("facts.rows > 99999999999999999999", "1:14: `99999999999999999999` is not a number in range"),
        ("risk.score > 1e999", "1:14: `1e999` is not a number in range"),
        ("facts.rows > 12abc", "1:14: `12abc` is not a number in range"),
        ("facts.rows > 5u", "1:14: conditions have no unsigned numbers"),
        ("agent.id == b'x'", "1:13: conditions have no bytes"),
        ("{'a': 1}.a == 1", "1:1: conditions have no maps"),
        ("Act{what: 'x'} == 1", "1:4: conditions have no messages"),
        ("agent.id == 'ä' && €", "1:20: `€` means nothing here"),
        ("facts.kind == \u{201c}read\u{201d}", "1:15: `\u{201c}` means nothing here"),
        (".facts", "1:1: expected a value, found `.`"),
        ("size(agent.id,)", "1:15: expected a value, found `)`"),
    ]);
}

#[test]
fn the_limits_are_exact() {
    let long = |length: usize| format!("true{}", " ".repeat(length - 4));
    assert!(Expression::compile(&long(Expression::MAX_SOURCE)).is_ok());
    let fault = Expression::compile(&long(Expression::MAX_SOURCE + 1)).unwrap_err();
    assert_eq!(fault.problem, ExpressionProblem::TooLong(4096));

    let deep = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::compile(&deep(Expression::MAX_DEPTH - 1)).is_ok());
    let fault = Expression::compile(&deep(Expression::MAX_DEPTH)).unwrap_err();
    assert_eq!(fault.problem, ExpressionProblem::TooDeep(48));

    // A chain of `&&` is flat; its parts are counted.
    let wide = |parts: usize| vec!["true"; parts - 1].join(" && ");
    assert!(Expression::compile(&wide(Expression::MAX_PARTS)).is_ok());
    let fault = Expression::compile(&wide(Expression::MAX_PARTS + 1)).unwrap_err();
    assert_eq!(fault.problem, ExpressionProblem::TooManyParts(512));

    // A chain of `+` is as deep as it is long.
    let sum = |parts: usize| format!("{} == 0", vec!["1"; parts].join("+"));
    assert!(Expression::compile(&sum(Expression::MAX_DEPTH - 1)).is_ok());
    assert!(Expression::compile(&sum(Expression::MAX_DEPTH)).is_err());
}
