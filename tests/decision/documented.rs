//! docs/policy.md beside the language: every key, every code, and examples that are what they say.

use super::support::folder;
use countersign::decision::suite::Suite;
use countersign::operation::json::Value;
use countersign::policy::{Policy, Severity};
use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../docs/policy.md");

/// The code blocks of the page in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    let parts = DOCUMENT.split(opening.as_str()).skip(1);
    parts.map(|part| part.split("```").next().unwrap()).collect()
}

#[test]
fn every_key_is_explained_in_the_words_of_the_schema() {
    let schema = Policy::json_schema();
    let definitions = schema.as_object().unwrap().get("$defs").unwrap().as_object().unwrap();
    let mut count = 0;
    // `denied` is what `levels: {critical: …}` may say besides `deny`.
    for (name, block) in definitions.iter().filter(|(name, _)| *name != "denied" && *name != "situation") {
        let keys = block.as_object().unwrap().get("properties").unwrap().as_object().unwrap();
        for (key, described) in keys.iter() {
            let about = described.as_object().unwrap().get("description").and_then(Value::as_str).unwrap();
            let row = |line: &str| {
                line.starts_with(&format!("| `{key}` |")) && line.contains(about.trim_end_matches('.'))
            };
            assert!(DOCUMENT.lines().any(row), "`{name}.{key}`: {about}");
            count += 1;
        }
    }
    assert!(count > 120, "{count}");
}

#[test]
fn every_code_of_a_finding_is_explained() {
    let findings = std::fs::read_dir(folder().join("findings")).unwrap();
    let golden =
        findings.map(|entry| entry.unwrap().path()).filter(|path| path.extension().unwrap() == "txt");
    let mut codes = BTreeSet::new();
    for path in golden {
        let text = std::fs::read_to_string(path).unwrap();
        codes.extend(
            text.lines().filter(|line| line.starts_with("policy.") && !line.contains(' ')).map(str::to_owned),
        );
    }
    assert!(codes.len() >= 18, "{codes:?}");
    for code in codes {
        assert!(DOCUMENT.contains(&format!("| `{code}` |")), "{code}");
    }
}

#[test]
fn the_examples_are_what_they_say() {
    let yaml = blocks("yaml");
    let policy = yaml.iter().find(|text| text.starts_with("version: 1\nname:")).unwrap();
    let policy = Policy::parse(policy, "docs/policy.md").unwrap_or_else(|error| panic!("{error}"));
    let findings = policy.findings(None);
    assert!(findings.iter().all(|finding| finding.severity < Severity::Warning), "{findings:?}");
    let rules = yaml.iter().find(|text| text.starts_with("rules:")).unwrap();
    let text = format!("version: 1\nname: p\ndefaults: {{reviewers: [role:a]}}\n{rules}levels: {{}}\n");
    let policy = Policy::parse(&text, "docs/policy.md").unwrap_or_else(|error| panic!("{error}"));
    let findings = policy.findings(None);
    assert!(findings.iter().all(|finding| finding.severity < Severity::Warning), "{findings:?}");
    let suite = yaml.iter().find(|text| text.starts_with("version: 1\npolicy:")).unwrap();
    let suite = Suite::parse(suite, "docs/policy.md").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(suite.len(), 1);
    let forms = yaml.iter().find(|text| text.starts_with("escalation:")).unwrap();
    let starts: Vec<usize> = forms.match_indices("escalation:").map(|(at, _)| at).collect();
    assert_eq!(starts.len(), 6);
    for (at, next) in starts.iter().zip(starts.iter().skip(1).chain([&forms.len()])) {
        let form = forms[*at..*next].replace('\n', "\n  ");
        let text = format!(
            "version: 1\nname: f\ndefaults: {{reviewers: [role:a]}}\nrules:\n- name: r\n  decision: escalate\n  {form}\nlevels: {{}}\n"
        );
        Policy::parse(&text, "form.yaml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

#[test]
fn what_the_commands_print_is_what_they_printed() {
    for printed in [
        include_str!("../command/golden/check.txt"),
        include_str!("../command/golden/test.txt"),
        include_str!("../command/golden/explain.txt"),
    ] {
        assert!(DOCUMENT.contains(printed.trim_end()), "{printed}");
    }
}
