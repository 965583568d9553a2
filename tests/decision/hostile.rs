//! Hostile YAML: a clear error in bounded time, never a panic.

use countersign::policy::{MAX_RULES, Policy, PolicyError, Problem};
use countersign::reviewer::Directory;
use proptest::prelude::*;
use std::time::{Duration, Instant};

const HEAD: &str = "version: 1\nname: x\ndefaults: {reviewers: ['role:a']}\n";

fn refused(text: &str) -> PolicyError {
    let start = Instant::now();
    let error = Policy::parse(text, "hostile.yaml").expect_err("it must be refused");
    assert!(Directory::parse(text, "hostile.yaml").is_err());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(error.to_string().len() < 1200, "{error}");
    error
}

#[test]
fn an_alias_bomb_is_stopped() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let before = n - 1;
        text += &format!(
            "a{n}: &a{n} [*a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}]\n"
        );
    }
    assert_eq!(refused(&text).problem.code(), "document.yaml");
}

#[test]
fn many_aliases_of_something_large_are_stopped() {
    let mut text = format!("name: &a [{}]\nrules:\n", "x, ".repeat(2000));
    text += &"- *a\n".repeat(5000);
    assert_eq!(refused(&text).problem.code(), "document.yaml");
}

#[test]
fn depth_is_bounded_in_flow_and_in_blocks() {
    for depth in [40, 1000, 100_000] {
        assert_eq!(
            refused(&format!("name: {}{}", "[".repeat(depth), "]".repeat(depth))).problem.code(),
            "document.yaml"
        );
        assert_eq!(refused(&format!("name: {}", "[".repeat(depth))).problem.code(), "document.yaml");
        assert_eq!(refused(&format!("name: {}", "{a: ".repeat(depth))).problem.code(), "document.yaml");
        let block = "- ".repeat(depth.min(500_000));
        assert_eq!(refused(&block).problem.code(), "document.yaml");
    }
    let mut ladder = String::new();
    for depth in 0..600 {
        ladder += &format!("{}a:\n", " ".repeat(depth));
    }
    assert_eq!(refused(&ladder).problem.code(), "document.yaml");
}

#[test]
fn size_is_bounded() {
    let too_large = format!("{HEAD}# {}\n", "x".repeat(2 * 1024 * 1024));
    assert_eq!(refused(&too_large).problem, Problem::TooLarge(2 * 1024 * 1024));
    let rule = "- {name: n, decision: deny}\n";
    let rules = rule.repeat(MAX_RULES + 1);
    assert_eq!(refused(&format!("{HEAD}rules:\n{rules}")).problem, Problem::TooMany(MAX_RULES));
    let classes = "- {action: a, kind: read}\n".repeat(MAX_RULES + 1);
    assert_eq!(refused(&format!("{HEAD}classify:\n{classes}")).problem, Problem::TooMany(MAX_RULES));
    // One scalar of a whole megabyte, and a million dots.
    let scalar = format!("{HEAD}roles: [{}]\n", ".".repeat(1_000_000));
    assert_eq!(refused(&scalar).problem.code(), "document.malformed");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let error = Policy::from_bytes(b"version: 1\nname: \xff\n", "p.yaml").unwrap_err();
    assert_eq!(error.problem, Problem::NotUtf8);
    assert_eq!(error.to_string(), "p.yaml:2:7: the file is not UTF-8");
    assert_eq!(Directory::from_bytes(b"\xc3\x28", "r.yaml").unwrap_err().problem, Problem::NotUtf8);
    for text in ["name: \u{0}", "name: \u{7}", "\u{feff}\u{feff}name: x", "name: \"\\x00\"", "name: \u{2028}"]
    {
        refused(text);
    }
}

#[test]
fn yaml_that_means_something_else_to_somebody_is_refused() {
    for text in [
        "",
        "---\n",
        "~",
        "[]",
        "just text",
        "\tversion: 1",
        "version: 1\n\tname: x",
        "version: 1\nversion: 1\nname: x",
        "version: 1\n\"version\": 1\nname: x",
        "version: 1\nname: x\n---\nversion: 1\nname: y\n",
        "base: &b {version: 1}\n<<: *b\nname: x\n",
        "version: !!python/object 1\nname: x",
        "version: 1\nname: !secret x",
        "version: 1\nname: *nothing",
        "version: 1\nname: &a [*a]",
        "version: 1\nname: 'x",
        "version: 1\nname: {",
        "version: 1\nname: x\n1: y",
        "version: 1\nname: x\n[a]: y",
        "version: 1\nname: x\n~: y",
        "version: 1.5\nname: x",
        "version: '1'\nname: x",
        "version: 0x1\nname: no",
        "version: 1\nname: yes\nrules: no",
        "version: 1\nname: .nan",
        "version: 1\nname: 1e999",
        "%YAML 9.9\n---\nversion: 1\nname: x",
    ] {
        refused(text);
    }
}

#[test]
fn a_policy_of_ten_thousand_rules_loads_in_well_under_a_second() {
    let mut text = HEAD.to_owned() + "rules:\n";
    for n in 0..MAX_RULES {
        text += &format!(
            "- {{name: r{n}, match: {{action: 'a{n}.*'}}, decision: deny, reason: 'because of {n}'}}\n"
        );
    }
    text += "levels: {}\n";
    let start = Instant::now();
    let policy = Policy::parse(&text, "large.yaml").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(policy.rules().len(), MAX_RULES);
    // A debug build on a busy machine; the benchmark has the real figure.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_to_a_good_file_makes_it_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..6),
    ) {
        let good = include_bytes!("../../examples/policies/starter.yaml");
        let mut bytes = good.to_vec();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        if let Err(error) = Policy::from_bytes(&bytes, "p.yaml") {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-a-z0-9:{}\\[\\]\"'#&*!|>%@` \n\t,.]{0,200}") {
        if let Err(error) = Policy::parse(&text, "p.yaml") {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
