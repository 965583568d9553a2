//! Hostile sources and hostile parameters: there is always an answer, soon, on a small stack.

use super::world::{World, compiled};
use countersign::policy::expression::{EvaluationFault, Expression};
use proptest::prelude::*;

#[test]
fn deep_long_and_wide_sources_are_refused_on_a_small_stack() {
    let sources: Vec<String> = vec![
        "(".repeat(4000),
        "[".repeat(4000),
        "!".repeat(4090),
        "-".repeat(4090),
        format!("{}true{}", "(".repeat(2000), ")".repeat(2000)),
        format!("{}1", "1+".repeat(2000)),
        format!("{}1", "1-".repeat(2000)),
        format!("a{}", ".b".repeat(2000)),
        format!("a{}", "[0]".repeat(1300)),
        format!("{}true", "true?true:".repeat(400)),
        format!("{}true", "true?".repeat(800)),
        format!("{}true", "true&&".repeat(600)),
        format!("{}true", "size(".repeat(800)),
        format!("{}true", "[1].all(x,".repeat(400)),
        format!("{}1 == 1", "1 == ".repeat(800)),
        "\"".repeat(4096),
        "'''".to_owned() + &"\\".repeat(4000),
        "\\".repeat(4096),
        "0x".repeat(2000),
        "1e".repeat(2000),
        "9".repeat(4096),
        "a".repeat(4096),
        "/".repeat(4096),
        "é".repeat(2048),
        "\u{202e}true".to_owned(),
        "true\u{0}".to_owned(),
        "\u{feff}true".to_owned(),
        "facts.k\u{456}nd == 'read'".to_owned(),
        "true".repeat(100_000),
    ];
    // As small a stack as any thread of the product has; it would end the process to need more.
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || {
        for source in sources {
            let fault = Expression::compile(&source).expect_err(&source);
            let shown = format!("{fault} {:?}", fault.problem.hint());
            assert!(shown.len() < 1000, "{shown}");
            assert!(source.is_char_boundary(fault.offset), "{source}");
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn the_deepest_condition_is_evaluated_on_a_small_stack() {
    let deep = Expression::MAX_DEPTH - 1;
    let sources = [
        format!("{}true", "!".repeat(deep)),
        format!("{}1 == 0", "1+".repeat(deep - 2)),
        format!("{}true", "true ? true : ".repeat(deep - 2)),
        format!("operation.parameters{} == 1", ".a".repeat(deep - 4)),
    ];
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || {
        for source in sources {
            let _ = World::new().holds(&source);
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn what_costs_too_much_is_given_up() {
    let many = format!(r#"{{"list": [{}], "text": "{}"}}"#, ["1"; 60_000].join(","), "a".repeat(100_000));
    let world = World::with(&many);
    let costly = Err(EvaluationFault::TooCostly);
    for source in [
        "operation.parameters.list.all(x, operation.parameters.list.all(y, x == y))",
        "operation.parameters.list.exists(x, x + 1 + 1 + 1 == 0)",
        "operation.parameters.list.exists(x, operation.parameters.text.contains('b'))",
        "operation.parameters.list.exists(x, operation.parameters.text.matches('b$'))",
        "operation.parameters.list.exists(x, operation.parameters == operation.parameters && false)",
        // It is not hidden behind what would settle it.
        "operation.parameters.list.exists(x, x + 1 + 1 + 1 == 0) || true",
    ] {
        assert_eq!(world.holds(source), costly, "{source}");
    }
    for (source, expected) in [
        ("2 in operation.parameters.list", false),
        ("operation.parameters.list.exists(x, x == 1)", true),
        ("operation.parameters.text.contains('b')", false),
        ("operation.parameters.text.matches('(a|a)*b$')", false),
        ("operation.parameters.text.glob('*a*a*a*b')", false),
        ("operation.parameters == operation.parameters", true),
    ] {
        assert_eq!(world.holds(source), Ok(expected), "{source}");
    }
    let sum = "operation.parameters.text + 'b' == ''";
    assert_eq!(world.holds(sum), Err(EvaluationFault::TooLong));
}

/// Words that mean something, and some that do not.
const WORDS: &[&str] = &[
    "facts",
    "facts.kind",
    "facts.rows",
    "facts.acts",
    "facts.targets",
    "operation.parameters",
    "risk.level",
    "risk.score",
    "agent.id",
    "request.reason",
    "now.hour",
    "x",
    "y",
    "true",
    "false",
    "null",
    "in",
    "has",
    "size",
    "exists",
    "all",
    "exists_one",
    "matches",
    "glob",
    "contains",
    "at_least",
    "int",
    "double",
    "string",
    "lowerAscii",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    "?",
    ":",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "=",
    "\"",
    "'",
    "'a'",
    "\"high\"",
    "\"read\"",
    "'^a'",
    "r'",
    "1",
    "0",
    "2.5",
    "9223372036854775807",
    "1e3",
    "0x",
    "u",
    "//",
    "\n",
    "é",
    "\u{202e}",
    "\\",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_condition_or_a_fault(source in "\\PC{0,60}") {
        let _ = Expression::compile(&source).map_err(|fault| fault.to_string());
    }

    #[test]
    fn any_soup_of_words_is_a_condition_or_a_fault(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..24), spaced in any::<bool>(),
    ) {
        let source = words.join(if spaced { " " } else { "" });
        match Expression::compile(&source) {
            Ok(condition) => {
                let world = World::new();
                let first = condition.holds(&world.inputs());
                prop_assert_eq!(first, condition.holds(&world.inputs()));
            }
            Err(fault) => {
                prop_assert!(source.is_char_boundary(fault.offset), "{}", source);
                prop_assert!(fault.at.line <= source.matches('\n').count() + 1);
            }
        }
    }
}

#[test]
fn a_condition_can_be_shared_between_threads() {
    let condition = compiled("facts.targets.exists(t, t.matches('^us'))");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let world = World::new();
                for _ in 0..100 {
                    assert_eq!(condition.holds(&world.inputs()), Ok(true));
                }
            });
        }
    });
}
