//! What a mistake in a policy or roster is told: one file per mistake, with the message beside it.

use super::support::{folder, golden};
use countersign::policy::{Finding, Policy};
use countersign::reviewer::Directory;
use std::collections::BTreeSet;

const ROSTER: &str = include_str!("../../examples/policies/roster.yaml");

/// The files of a folder with this ending, sorted.
fn files(name: &str) -> Vec<std::path::PathBuf> {
    let folder = std::fs::read_dir(folder().join(name)).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn every_mistake_in_a_policy_is_told_with_its_place() {
    let mut codes = BTreeSet::new();
    for path in files("policy_errors") {
        let text = std::fs::read_to_string(&path).unwrap();
        let Err(error) = Policy::parse(&text, "policy.yaml") else {
            panic!("{} was accepted", path.display())
        };
        codes.insert(error.problem.code());
        golden(&path.with_extension("txt"), &format!("{}\n{error}\n", error.problem.code()));
    }
    assert!(codes.len() >= 20, "{codes:?}");
}

#[test]
fn every_mistake_in_a_roster_is_told_with_its_place() {
    for path in files("roster_errors") {
        let text = std::fs::read_to_string(&path).unwrap();
        let Err(error) = Directory::parse(&text, "roster.yaml") else {
            panic!("{} was accepted", path.display())
        };
        golden(&path.with_extension("txt"), &format!("{}\n{error}\n", error.problem.code()));
    }
}

#[test]
fn what_does_not_fit_the_roster_is_found() {
    let roster = Directory::parse(ROSTER, "roster.yaml").unwrap();
    let mut codes = BTreeSet::new();
    for path in files("findings") {
        let text = std::fs::read_to_string(&path).unwrap();
        let policy = Policy::parse(&text, "policy.yaml").unwrap_or_else(|error| panic!("{error}"));
        let mut findings = policy.findings(Some(&roster));
        // Most of these files are too short to deny anything.
        if !path.ends_with("no_deny.yaml") {
            findings.retain(|finding| finding.code() != "policy.no_deny");
        }
        assert!(!findings.is_empty(), "{}", path.display());
        codes.extend(findings.iter().map(Finding::code));
        let findings: Vec<String> =
            findings.iter().map(|finding| format!("{}\n{finding}\n", finding.code())).collect();
        golden(&path.with_extension("txt"), &findings.join("\n"));
    }
    assert!(codes.len() >= 19, "{codes:?}");
}
