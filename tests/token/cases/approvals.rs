//! Steps 15 to 17 and 20: approvals, conditions, evidence.

use super::{case, conditional, edit, edited, minted, with_token};
use crate::kit;
use crate::vectors::{Case, evidence};
use countersign::condition::target_digest;
use countersign::operation::json::{Object, Value};

pub fn cases() -> Vec<Case> {
    let mut cases = approvals();
    cases.extend(unknown_conditions());
    cases.extend(unmet());
    cases.extend(demanded());
    cases
}

fn approvals() -> Vec<Case> {
    let floor = |slug: &str, why: &str, least: u64, assurance: &str| {
        let mut case = case("approval.insufficient", slug, why);
        case.executor.min_approvals = least;
        case.executor.min_assurance = assurance.to_owned();
        case
    };
    let mut none = minted(
        "approval.insufficient",
        "none",
        "one approval is asked for and policy alone allowed",
        |grant| {
            grant.approvals.clear();
        },
    );
    none.executor.min_approvals = 1;
    vec![
        none,
        floor("three", "three are asked for and two agreed", 3, "channel"),
        floor("assurance", "two signed votes are asked for and one is signed", 2, "signed"),
        edited("approval.duplicate", "same-person", "one person twice", "\"id\":\"bob\"", "\"id\":\"alice\""),
        edited(
            "approval.self",
            "behalf",
            "the agent acts for one of the approvers",
            "\"id\":\"bob\"",
            "\"id\":\"carol\"",
        ),
        edited(
            "approval.self",
            "agent",
            "the agent approves itself",
            "\"id\":\"bob\"",
            &format!("\"id\":\"{}\"", kit::AGENT),
        ),
    ]
}

/// The case whose token has these conditions, whatever they are.
fn with_conditions(expect: &str, slug: &str, why: &str, conditions: &str) -> Case {
    let token = conditional("", "", "", &["dry_run"], Object::new()).token;
    let claims = edit(&kit::claims_of(&token), r#"[{"type":"dry_run"}]"#, conditions);
    let facts = Object::new().with("dry_run", true).with("targets", 1_u64).with("all_targets", 100_u64);
    Case { facts, ..with_token(expect, slug, why, kit::sidecar().token(&claims)) }
}

fn unknown_conditions() -> Vec<Case> {
    let unknown =
        |slug: &str, why: &str, conditions: &str| with_conditions("condition.unknown", slug, why, conditions);
    let malformed = |slug: &str, why: &str, conditions: &str| {
        with_conditions("condition.malformed", slug, why, conditions)
    };
    let mut not_enforced = conditional(
        "condition.unknown",
        "not-enforced",
        "a condition of the registry that this executor did not register",
        &["dry_run"],
        Object::new().with("dry_run", true),
    );
    not_enforced.executor.conditions = vec!["canary".to_owned()];
    vec![
        not_enforced,
        unknown("name", "a name that the registry does not have", r#"[{"type":"phase_of_moon"}]"#),
        unknown("other-case", "names are compared byte for byte", r#"[{"type":"Dry_run"}]"#),
        unknown(
            "beside-known",
            "an unknown condition after a known one",
            r#"[{"type":"dry_run"},{"type":"x"}]"#,
        ),
        malformed(
            "member",
            "a member that a dry run does not have",
            r#"[{"type":"dry_run","optional":true}]"#,
        ),
        malformed("no-type", "no type", r#"[{"max_percent":10}]"#),
        malformed("string", "a name alone", r#"["dry_run"]"#),
        malformed(
            "both-canaries",
            "a canary by percentage and by number in one",
            r#"[{"max_percent":10,"max_targets":1,"type":"canary"}]"#,
        ),
        malformed("no-canary", "a canary without limit", r#"[{"type":"canary"}]"#),
        malformed("percent-0", "no percent at all", r#"[{"max_percent":0,"type":"canary"}]"#),
        malformed("percent-101", "more than all", r#"[{"max_percent":101,"type":"canary"}]"#),
        malformed("percent-string", "a number in a string", r#"[{"max_percent":"10","type":"canary"}]"#),
        malformed("percent-fraction", "no whole number", r#"[{"max_percent":9.5,"type":"canary"}]"#),
        malformed("targets-negative", "a negative number", r#"[{"max_targets":-1,"type":"canary"}]"#),
        malformed(
            "window-empty",
            "a window that ends where it begins",
            r#"[{"from":1795258900,"type":"time_window","until":1795258900}]"#,
        ),
        malformed("window-open", "a window without end", r#"[{"from":1795258900,"type":"time_window"}]"#),
        malformed("mask-empty", "nothing to mask", r#"[{"fields":[],"type":"mask"}]"#),
        malformed("mask-twice", "a field twice", r#"[{"fields":["a","a"],"type":"mask"}]"#),
        malformed("mask-name", "a field that is no name", r#"[{"fields":["a b"],"type":"mask"}]"#),
        malformed("rows-0", "no row at all", r#"[{"max":0,"type":"row_limit"}]"#),
        malformed("rows-huge", "more than 2^53 - 1", r#"[{"max":9007199254740992,"type":"row_limit"}]"#),
        malformed("currency", "no currency code", r#"[{"currency":"euro","minor":1,"type":"max_amount"}]"#),
        malformed(
            "amount-string",
            "an amount in a string",
            r#"[{"currency":"EUR","minor":"1","type":"max_amount"}]"#,
        ),
        malformed(
            "subset-hex",
            "a digest in hexadecimal",
            &format!(r#"[{{"sha256":"{}","type":"target_subset"}}]"#, "0".repeat(64)),
        ),
        malformed("rate-0", "a span of no time", r#"[{"max":1,"per_s":0,"type":"rate"}]"#),
        malformed(
            "rollback-member",
            "the member has another name",
            r#"[{"deadline_s":1,"type":"rollback_within"}]"#,
        ),
    ]
}

fn unmet() -> Vec<Case> {
    let none = Object::new;
    let names = |names: &[&str]| names.iter().map(|name| Value::from(*name)).collect::<Vec<_>>();
    let euro = |minor: u64| none().with("currency", "EUR").with("minor", minor);
    let rate = |max: u64, per_s: u64| none().with("max", max).with("per_s", per_s);
    let subset = format!("target_subset:sha256={}", target_digest(["web-1", "web-2"]).unwrap());
    let broken = [
        (
            "canary-percent",
            "3 of 20 are more than 10 percent",
            "canary:max_percent=10",
            none().with("targets", 3_u64).with("all_targets", 20_u64),
        ),
        (
            "canary-rounding",
            "1 of 9 is more than 10 percent: percentages round down",
            "canary:max_percent=10",
            none().with("targets", 1_u64).with("all_targets", 9_u64),
        ),
        ("canary-targets", "four targets", "canary:max_targets=3", none().with("targets", 4_u64)),
        (
            "canary-names",
            "four names, whatever number is said",
            "canary:max_targets=3",
            none().with("targets", 1_u64).with("target_names", names(&["a", "b", "c", "d"])),
        ),
        (
            "window-before",
            "before the window",
            "time_window:from=2026-11-21T11:03:00Z,until=2026-11-21T11:30:00Z",
            none(),
        ),
        (
            "window-end",
            "the window's end is outside",
            "time_window:from=2026-11-21T11:00:00Z,until=2026-11-21T11:02:01Z",
            none(),
        ),
        ("mask", "a field is not masked", "mask:fields=email+ssn", none().with("masked", names(&["email"]))),
        ("row-limit", "one row more", "row_limit:max=100", none().with("rows", 101_u64)),
        (
            "max-amount",
            "one cent more",
            "max_amount:currency=EUR,minor=5000",
            none().with("amount", euro(5001)),
        ),
        (
            "currency",
            "another currency",
            "max_amount:currency=USD,minor=5000",
            none().with("amount", euro(1)),
        ),
        (
            "target-subset",
            "one target more",
            &subset,
            none().with("target_names", names(&["web-1", "web-2", "web-3"])),
        ),
        ("target-subset-fewer", "one target fewer", &subset, none().with("target_names", names(&["web-1"]))),
        ("dry-run", "the executor would change something", "dry_run", none().with("dry_run", false)),
        ("rate", "12 in 60 s", "rate:max=10,per_s=60", none().with("rate", rate(12, 60))),
        (
            "rate-burst",
            "1 in 5 s is up to 12 in 60 s",
            "rate:max=10,per_s=60",
            none().with("rate", rate(1, 5)),
        ),
        (
            "rollback-within",
            "one second too late",
            "rollback_within:s=300",
            none().with("rollback_s", 301_u64),
        ),
        ("online-consume", "not consumed online", "online_consume", none().with("consumed_online", false)),
    ];
    let missing = [
        (
            "canary-percent",
            "how many there are in all is not said",
            "canary:max_percent=10",
            none().with("targets", 1_u64),
        ),
        (
            "canary-targets",
            "how many are reached is not said",
            "canary:max_targets=3",
            none().with("all_targets", 20_u64),
        ),
        ("mask", "what is masked is not said", "mask:fields=email", none()),
        ("row-limit", "how many rows is not said", "row_limit:max=100", none()),
        ("max-amount", "how much is not said", "max_amount:currency=EUR,minor=5000", none()),
        ("target-subset", "a number of targets is not their names", &subset, none().with("targets", 2_u64)),
        ("dry-run", "whether anything changes is not said", "dry_run", none()),
        ("rate", "how fast is not said", "rate:max=10,per_s=60", none()),
        ("rollback-within", "whether it can be undone is not said", "rollback_within:s=300", none()),
        ("online-consume", "whether it was consumed online is not said", "online_consume", none()),
    ];
    let case = |expect: &'static str| {
        move |(slug, why, condition, facts): (&str, &str, &str, Object)| {
            conditional(expect, slug, why, &[condition], facts)
        }
    };
    let mut cases: Vec<Case> = broken.into_iter().map(case("condition.unmet")).collect();
    cases.extend(missing.into_iter().map(case("undetermined.condition")));
    cases.push(conditional(
        "condition.unmet",
        "one-of-two",
        "the second of two conditions does not hold",
        &["dry_run", "canary:max_targets=1"],
        none().with("dry_run", true).with("targets", 2_u64),
    ));
    cases
}

fn demanded() -> Vec<Case> {
    let with = |expect: &str, slug: &str, why: &str, evidence: Vec<String>| {
        let mut case = Case { evidence, ..case(expect, slug, why) };
        case.executor.evidence_required = true;
        case
    };
    let (alice, bob) = (kit::vote_of("alice"), kit::vote_of("bob"));
    vec![
        {
            let mut nobody = minted(
                "evidence.missing",
                "nobody",
                "evidence is demanded and the token names nobody",
                |grant| {
                    grant.approvals.clear();
                },
            );
            nobody.executor.evidence_required = true;
            nobody
        },
        with("evidence.missing", "none", "evidence is demanded and there is none", Vec::new()),
        with("evidence.missing", "one-of-two", "one of two votes", evidence(&[&alice])),
        with(
            "evidence.invalid",
            "other-vote",
            "a vote that the token does not name",
            evidence(&[&alice, "the vote of mallory"]),
        ),
        with("evidence.invalid", "same-vote-twice", "one vote for two people", evidence(&[&bob, &bob])),
    ]
}
