//! What a policy says of an escalation, as the terms that it becomes; what it leaves out, as the defaults have it.

use super::support::{Case, policy};
use core::time::Duration;
use countersign::escalation::{Diligence, Exclusion, OnPoor};
use countersign::policy::{Outcome, Policy, Terms};
use countersign::reviewer::Directory;
use countersign::token::Assurance;

/// The terms of an escalation block under these defaults.
fn terms(defaults: &str, escalation: &str) -> Terms {
    let policy = policy(&format!(
        "version: 1\nname: p\ndefaults: {{reviewers: [role:dba]{defaults}}}\nrules:\n\
         - {{name: r, decision: escalate, escalation: {{{escalation}}}}}\nlevels: {{}}\n"
    ));
    match &policy.rules()[0].outcome {
        Outcome::Escalate(terms) => terms.clone(),
        Outcome::Allow { .. } | Outcome::Deny => panic!("not escalated"),
    }
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[test]
fn where_nothing_is_said_one_denial_ends_it_and_nobody_else_is_asked() {
    let terms = terms("", "");
    assert_eq!(terms.denials.get(), 1);
    assert!(terms.exclude.is_empty());
    assert_eq!((&terms.escalation_pool, &terms.break_glass), (&None, &None));
    assert_eq!(terms.diligence, Diligence::default());
}

#[test]
fn a_rule_changes_of_the_defaults_just_what_it_names() {
    let defaults = ", exclude: [team], escalation_pool: {reviewers: [role:lead]}, \
                    diligence: {must_open: true, streak: 7, poor_votes: add_seat, add_seat: {reviewers: [role:lead]}}";
    let inherited = terms(defaults, "");
    assert_eq!(inherited.exclude, [Exclusion::Team].into());
    assert_eq!(inherited.escalation_pool.as_ref().unwrap().to_string(), "1 of role lead, signed");
    assert!(matches!(inherited.diligence.on_poor, OnPoor::AddSeat(_)));
    let own = terms(
        defaults,
        "exclude: manager, escalation_pool: none, diligence: {poor_votes: ask_again, nights: false}, deny_threshold: 3",
    );
    assert_eq!(own.exclude, [Exclusion::Manager].into());
    assert_eq!((&own.escalation_pool, own.denials.get()), (&None, 3));
    let Diligence { on_poor, opened, streak, nights, .. } = own.diligence;
    assert_eq!((on_poor, opened, streak, nights), (OnPoor::AskAgain, true, 7, false));
    assert!(terms(defaults, "exclude: none").exclude.is_empty());
}

#[test]
fn an_emergency_is_signed_short_and_reviewed_within_a_day_unless_it_says_otherwise() {
    let emergency = |defaults: &str, block: &str| {
        let block = format!("break_glass: {{reviewers: [role:oncall], {block}}}");
        terms(defaults, &block).break_glass.unwrap()
    };
    let usual = emergency(", assurance: channel", "review: {reviewers: [role:lead]}");
    assert_eq!(usual.requirement.seats()[0].assurance(), Assurance::Signed, "whatever the defaults say");
    assert_eq!((usual.execute_within, usual.review_within), (minutes(5), minutes(24 * 60)));
    let short = emergency(", execute_within: 2m", "review: {reviewers: [role:lead]}");
    assert_eq!(short.execute_within, minutes(2), "never longer than every day");
    let own = emergency(
        ", execute_within: 1h",
        "approvals: 2, min_role: lead, execute_within: 15m, review_within: 1h, review: {reviewers: [user:ada]}",
    );
    assert_eq!((own.execute_within, own.review_within), (minutes(15), minutes(60)));
    assert_eq!(own.requirement.to_string(), "2 of role oncall, lead or above, signed");
    assert_eq!(own.review.to_string(), "1 of ada, session");
}

#[test]
fn no_emergency_makes_critical_risk_run() {
    let policy = policy(
        "version: 1\nname: p\ndefaults: {reviewers: [role:dba]}\n\
         floors: [{name: worst, match: {action: x.worst}, level: critical}]\nrules:\n\
         - {name: r, decision: escalate, escalation: {approvals: 2, \
         break_glass: {reviewers: [role:oncall], review: {reviewers: [role:dba]}}}}\nlevels: {}\n",
    );
    assert_eq!(Case::new("x.worst", "test", "{}").decided(&policy).outcome, Outcome::Deny);
}

#[test]
fn twenty_escalations_of_an_agent_may_be_open_unless_the_policy_says_otherwise() {
    let open = |more: &str| {
        policy(&format!("version: 1\nname: p\ndefaults: {{reviewers: [role:dba]}}\n{more}levels: {{}}\n"))
            .open_per_agent()
    };
    assert_eq!(open(""), 20);
    assert_eq!(open("escalations: {}\n"), 20);
    assert_eq!(open("escalations: {open_per_agent: 3}\n"), 3);
}

#[test]
fn a_sidecar_without_news_for_an_hour_knows_too_little_unless_the_policy_says_otherwise() {
    let text = |more: &str| {
        format!("version: 1\nname: p\ndefaults: {{reviewers: [role:dba]}}\n{more}levels: {{}}\n")
    };
    let stale = |more: &str| policy(&text(more)).stale_after().as_secs();
    assert_eq!(stale(""), 3600);
    assert_eq!(stale("fleet: {when_stale: deny}\n"), 3600);
    assert_eq!(stale("fleet: {stale_after: 5m}\n"), 300);
    for wrong in ["{stale_after: 59s}", "{stale_after: 8d}", "{when_stale: allow}", "{stale: 5m}"] {
        assert!(Policy::parse(&text(&format!("fleet: {wrong}\n")), "p").is_err(), "{wrong}");
    }
}

#[test]
fn where_everybody_is_of_one_team_excluding_it_leaves_nobody_whoever_asks() {
    let roster = |bob: &str| {
        let text = format!(
            "version: 1\nroles: [dba]\npeople:\n- {{id: ada, roles: [dba], teams: [x]}}\n- {{id: bob, roles: [dba], teams: [{bob}]}}\n"
        );
        Directory::parse(&text, "roster.yaml").unwrap_or_else(|error| panic!("{error}"))
    };
    let text = "version: 1\nname: p\ndefaults: {reviewers: [role:dba], exclude: team}\nrules: [{name: no, match: {action: a}, decision: deny}]\nlevels: {high: deny}\n";
    let policy = Policy::parse(text, "policy.yaml").unwrap();
    let found = |bob: &str| {
        let findings = policy.findings(Some(&roster(bob)));
        let mut found: Vec<String> = findings.iter().map(ToString::to_string).collect();
        found.retain(|text| text.contains("could approve"));
        found
    };
    let alone = found("x");
    assert_eq!(alone.len(), 1, "{alone:?}");
    assert!(alone[0].starts_with("warning:"), "{alone:?}");
    assert!(alone[0].contains("whoever is asking: their team may not"), "{alone:?}");
    assert_eq!(found("y"), Vec::<String>::new());
}
