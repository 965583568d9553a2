//! What is doubtful about a roster that can be read.

use crate::support::NOON;
use countersign::policy::Severity;
use countersign::reviewer::Directory;

fn doubts(people: &str) -> Vec<String> {
    let text = format!("version: 1\nroles: [dba, lead]\npeople: {people}\n");
    let directory = Directory::parse(&text, "roster.yaml").unwrap_or_else(|error| panic!("{error}"));
    directory.doubts(NOON).iter().map(|doubt| format!("{}: {doubt}", doubt.code())).collect()
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0V3ExsJjpnvBa9aE9k53cB87E6f0yeexllNEumuKj1 x";

#[test]
fn what_nobody_can_or_does_is_told() {
    assert_eq!(doubts("[]"), ["roster.nobody: there is nobody in the roster"]);
    assert_eq!(doubts(&format!("[{{id: ada, roles: [dba, lead], keys: ['{KEY}']}}]")), Vec::<String>::new());
    assert_eq!(
        doubts("[{id: ada, roles: [dba]}]"),
        [
            "roster.role_of_nobody: nobody holds the role `lead`",
            "roster.cannot_sign: `ada` has neither key nor passkey and can sign no vote"
        ]
    );
}

#[test]
fn hours_and_absences_that_leave_nobody_are_told() {
    let work = "hours: {days: [mon, tue, wed, thu, fri], from: '09:00', until: '17:00'}";
    let found = doubts(&format!(
        "[{{id: ada, roles: [dba], keys: ['{KEY}'], {work}, away: [{{from: 2026-11-25, until: 2026-11-25, delegate: bob}}]}}, \
          {{id: bob, roles: [lead], {work}, away: [{{from: 2026-11-25, until: 2026-11-26}}]}}]"
    ));
    assert_eq!(
        found,
        [
            "roster.delegate_away: `bob`, who stands in for `ada`, is away as well from 2026-11-25T00:00:00Z",
            // Of five days of eight hours both are away for one; the week begins in the middle of a Monday.
            "roster.nobody_works: nobody works in 136 of the 168 hours of the week, first at 2026-11-23T17:00:00Z",
            "roster.cannot_sign: `bob` has neither key nor passkey and can sign no vote"
        ]
    );
    // What is over is over.
    let over = "[{id: ada, roles: [dba], away: [{from: 2026-10-01, until: 2026-10-02, delegate: bob}]}, \
                 {id: bob, roles: [lead], away: [{from: 2026-10-01, until: 2026-10-02}]}]";
    assert!(doubts(over).iter().all(|doubt| doubt.starts_with("roster.cannot_sign")));
}

#[test]
fn the_example_has_nothing_to_be_warned_of() {
    let text = include_str!("../../examples/policies/roster.yaml");
    let directory = Directory::parse(text, "roster.yaml").unwrap();
    let worst = directory.doubts(NOON).iter().map(|doubt| doubt.severity()).max();
    assert!(worst < Some(Severity::Warning), "{:?}", directory.doubts(NOON));
}
