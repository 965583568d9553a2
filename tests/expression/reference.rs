//! The page about conditions is made of the tables that the checker uses.

use super::world::World;
use countersign::policy::expression::Expression;
use std::fmt::Write as _;
use std::path::Path;

#[test]
fn docs_conditions_md_says_what_there_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conditions.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (prose, _) = page.split_once("\n## Names\n").expect("a heading `Names`");
    let mut made = format!("{prose}\n## Names\n");
    let mut group = "";
    for (name, kind, about) in Expression::names() {
        let this = name.split('.').next().unwrap();
        if this != group {
            write!(made, "\n| `{this}` | | |\n|---|---|---|\n").unwrap();
            group = this;
        }
        writeln!(made, "| `{name}` | {kind} | {about} |").unwrap();
    }
    made.push_str("\nEach act of `facts.acts` has\n\n| | | |\n|---|---|---|\n");
    for (name, kind, about) in Expression::act_fields() {
        writeln!(made, "| `{name}` | {kind} | {about} |").unwrap();
    }
    made.push_str("\n## Functions\n\n| | |\n|---|---|\n");
    for (form, about) in Expression::functions() {
        writeln!(made, "| `{form}` | {about} |").unwrap();
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    assert_eq!(made, page, "write it with UPDATE_GOLDEN=1");
}

#[test]
fn every_condition_on_the_page_can_be_used() {
    let page = include_str!("../../docs/conditions.md");
    let examples = page.split("```cel\n").skip(1).filter_map(|rest| rest.split_once("\n```"));
    let mut count = 0;
    for (example, _) in examples {
        Expression::compile(example).unwrap_or_else(|fault| panic!("{example}\n{fault}"));
        count += 1;
    }
    assert!(count >= 5, "{count}");
}

#[test]
fn every_name_has_a_value_of_its_type() {
    let world = World::new();
    for (name, kind, _) in Expression::names() {
        let source = match kind.as_str() {
            "bool" => format!("{name} || !{name}"),
            "int" | "double" => format!("{name} >= 0"),
            "string" => format!("{name} == {name}"),
            "dyn" => format!("size({name}) > 0"),
            list if list.starts_with("list") => format!("size({name}) >= 0"),
            words => {
                let last = words.rsplit(", ").next().unwrap();
                format!("{name} != {last:?} || {name} == {last:?}")
            }
        };
        assert_eq!(world.holds(&source), Ok(true), "{source}");
    }
}
