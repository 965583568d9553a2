//! `reviewers check`, `list` and `simulate`: a roster before it is used.

use crate::process::{Ended, file, run};
use std::path::Path;

const ROSTER: &str = include_str!("../../examples/policies/roster.yaml");
const STARTER: &str = include_str!("../../examples/policies/starter.yaml");

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "roster.yaml", ROSTER);
    file(folder.path(), "starter.yaml", STARTER);
    folder
}

fn reviewers(here: &Path, arguments: &[&str]) -> Ended {
    let all: Vec<&str> = ["reviewers"].iter().chain(arguments).copied().collect();
    run(here, &all)
}

#[test]
fn a_roster_is_checked_alone_and_with_a_policy() {
    let folder = folder();
    let here = folder.path();
    reviewers(here, &["check", "roster.yaml", "--strict"]).prints(0, &["4 people: 0 errors, 0 warnings"]);
    reviewers(here, &["check", "roster.yaml", "--policy", "starter.yaml"]).prints(0, &["0 errors"]);
    let document = reviewers(here, &["check", "roster.yaml", "--json"]).prints(0, &[]).json();
    assert_eq!((&document["ok"], &document["people"]), (&true.into(), &4.into()));

    // Nobody is left who could do what the policy asks for.
    file(
        here,
        "ghosts.yaml",
        "version: 1\nroles: [engineer, oncall, platform-lead, security-lead]\npeople: []\n",
    );
    reviewers(here, &["check", "ghosts.yaml"]).prints(0, &["roster.nobody"]);
    reviewers(here, &["check", "ghosts.yaml", "--strict"]).prints(1, &["roster.nobody"]);
    reviewers(here, &["check", "ghosts.yaml", "--policy", "starter.yaml"]).prints(1, &["error"]);

    file(
        here,
        "broken.yaml",
        "version: 1\npeople: [{id: ada, away: [{from: 2026-12-31, until: 2026-12-24}]}]\n",
    );
    reviewers(here, &["check", "broken.yaml"]).prints(1, &["roster.not_later", "not a roster: 1 error"]);
    let document = reviewers(here, &["check", "broken.yaml", "--json"]).prints(1, &[]).json();
    assert_eq!(document["findings"][0]["place"]["line"], 2);
    assert_eq!(reviewers(here, &["check", "missing.yaml"]).code, Some(2));
}

#[test]
fn people_are_listed_with_what_they_may_be_asked_for() {
    let folder = folder();
    reviewers(folder.path(), &["list", "roster.yaml"])
        .prints(0, &["ada Ada Lovelace", "roles: engineer, oncall"]);
    let document = reviewers(folder.path(), &["list", "roster.yaml", "--json"]).prints(0, &[]).json();
    let people = document["people"].as_array().unwrap();
    assert_eq!((people.len(), &people[0]["id"], &people[0]["manager"]), (4, &"ada".into(), &"grace".into()));
    assert_eq!(people[2]["daily_cap"], 10);
}

#[test]
fn a_simulation_says_the_same_again() {
    let folder = folder();
    let here = folder.path();
    let arguments = [
        "simulate",
        "roster.yaml",
        "--policy",
        "starter.yaml",
        "--escalations",
        "60",
        "--days",
        "3",
        "--json",
    ];
    let document = reviewers(here, &arguments).prints(0, &[]).json();
    assert_eq!(document["escalations"], 60);
    assert_eq!((&document["stuck"], &document["over_cap"]), (&0.into(), &0.into()));
    assert_eq!(document["people"].as_array().unwrap().len(), 4);
    reviewers(here, &["simulate", "roster.yaml", "--policy", "starter.yaml", "--escalations", "20"])
        .prints(0, &["20 escalations", "unevenness"]);
    file(here, "never.yaml", "version: 1\nname: never\nrules: []\nlevels: {medium: deny, high: deny}\n");
    reviewers(here, &["simulate", "roster.yaml", "--policy", "never.yaml"]).prints(1, &[]);
}
