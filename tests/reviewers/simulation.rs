//! A month of ten thousand escalations for thirty reviewers in five time zones: how the load is spread, whether the cap
//! is kept, how soon people decide, and that nothing is stuck.

use crate::support::{NOON, id, of_role};
use core::time::Duration;
use countersign::escalation::requirement::{Pool, Requirement, Seat};
use countersign::escalation::{Stage, Terms};
use countersign::reviewer::Directory;
use countersign::reviewer::simulation::{Habits, Kind, Plan, Report, simulate};
use countersign::token::Assurance;

const HOUR: Duration = Duration::from_secs(3600);

/// Thirty people of three teams, in five zones; every tenth leads, every fifth works at weekends, six are away for a week.
fn directory() -> Directory {
    let zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/Los_Angeles", "Europe/London"];
    let mut text = "version: 1\nroles: [engineer, security, lead]\npeople:\n".to_owned();
    for at in 0..30 {
        let (zone, team) = (zones[at % 5], ["platform", "data", "payments"][at % 3]);
        let roles = match at {
            _ if at % 10 == 0 => "engineer, lead",
            _ if at % 4 == 1 => "engineer, security",
            _ => "engineer",
        };
        let days = if at % 5 == 2 { "[wed, thu, fri, sat, sun]" } else { "[mon, tue, wed, thu, fri]" };
        let away = if at % 5 == 4 {
            let (first, delegate) = (1 + at % 20, (at + 3) % 30);
            format!(
                ", away: [{{from: 2026-12-{first:02}, until: 2026-12-{:02}, delegate: p{delegate:02}}}]",
                first + 6
            )
        } else {
            String::new()
        };
        let expertise = if at % 3 == 1 { ", expertise: ['db.*']" } else { "" };
        text += &format!(
            "  - {{id: p{at:02}, roles: [{roles}], teams: [{team}], time_zone: {zone}, \
             hours: {{days: {days}, from: '09:00', until: '18:00'}}{expertise}{away}}}\n"
        );
    }
    Directory::parse(&text, "roster.yaml").unwrap_or_else(|error| panic!("{error}"))
}

fn team(team: &str, people: usize) -> Requirement {
    let pool = Pool::new([], [], [team.parse().unwrap()]).unwrap();
    Requirement::seat(Seat::new(pool, people, Assurance::Session).unwrap())
}

fn stage(after: Duration, requirement: Requirement) -> Stage {
    Stage { after, requirement }
}

/// One of the engineers; two of a team; somebody of security or above and one more; and one person by name, then their
/// team, then whoever leads.
fn mix() -> Vec<Kind> {
    let kind = |weight, action: &str, hours: u32, terms: Terms| Kind {
        weight,
        action: action.into(),
        resource: "resource/".into(),
        terms: Terms { decide_within: HOUR * hours, ..terms },
    };
    let engineer = of_role("engineer", 1);
    let least =
        Seat::new(Pool::everyone(), 1, Assurance::Session).unwrap().at_least("security".parse().unwrap());
    let sensitive = Requirement::all(vec![Requirement::seat(least), team("payments", 1)]).unwrap();
    let by_name = Pool::new([id("p14"), id("p03")], [], []).unwrap();
    let by_name = Requirement::seat(Seat::new(by_name, 1, Assurance::Session).unwrap());
    vec![
        kind(50, "k8s.restart", 4, Terms::new(engineer.clone())),
        kind(
            25,
            "db.migrate",
            8,
            Terms { ladder: vec![stage(HOUR * 2, of_role("engineer", 2))], ..Terms::new(team("data", 2)) },
        ),
        kind(
            15,
            "payments.refund",
            8,
            Terms { escalation_pool: Some(of_role("engineer", 2)), ..Terms::new(sensitive) },
        ),
        kind(
            10,
            "vault.export",
            6,
            Terms {
                ladder: vec![stage(HOUR / 4, team("platform", 1)), stage(HOUR, of_role("lead", 1))],
                escalation_pool: Some(engineer),
                ..Terms::new(by_name)
            },
        ),
    ]
}

fn plan(seed: u64, escalations: u32, days: u32, people: Habits) -> Plan {
    Plan { seed, from: NOON, lasts: HOUR * 24 * days, escalations, agents: 40, mix: mix(), people }
}

/// Whatever else comes of it.
fn sound(report: &Report) {
    assert_eq!(
        (report.stuck, report.over_cap, report.over_share, report.blocked),
        (0, 0, 0, 0),
        "{report:#?}"
    );
    assert_eq!(report.approved + report.denied + report.expired, report.escalations, "{report:#?}");
    assert!(report.people.iter().all(|part| part.busiest_day <= part.daily_cap as usize));
}

/// Thirty people can be asked some 13 000 times a month; this is near to that, with nights, weekends and holidays.
#[test]
fn a_month_of_ten_thousand_escalations() {
    let report = simulate(&directory(), &plan(1, 10_000, 30, Habits::default()));
    sound(&report);
    assert_eq!((report.escalations, report.people.len()), (10_000, 30));
    assert!(report.median_seconds < 30 * 60, "half an hour: {} s", report.median_seconds);
    assert!(report.p95_seconds < 5 * 3600, "five hours: {} s", report.p95_seconds);
    assert!(report.expired_of_thousand() < 70, "{} of a thousand expired", report.expired_of_thousand());
    // Those who were away for a week least, nobody much more than anybody else.
    assert!(report.asked_least * 10 > report.asked_median * 7, "{report:#?}");
    assert!(report.asked_most * 10 < report.asked_median * 12, "{report:#?}");
    assert!(report.unevenness < 100, "{report:#?}");
}

#[test]
fn the_same_seed_makes_the_same_days_and_another_seed_others() {
    let days = |seed| simulate(&directory(), &plan(seed, 300, 2, Habits::default()));
    assert_eq!(days(7), days(7));
    assert_ne!(days(7), days(8));
}

/// However people behave: everything ends in time, and nobody is asked beyond their cap.
#[test]
fn nothing_is_stuck_whatever_people_do() {
    let usual = Habits::default();
    for (seed, people) in [
        (1, Habits { overlooks: 1000, ..usual }),
        (2, Habits { overlooks: 500, falls_ill: 300, ..usual }),
        (3, Habits { denies: 1000, ..usual }),
        (4, Habits { repeats: 990, ..usual }),
        (5, Habits { slowest: HOUR * 10, ..usual }),
    ] {
        sound(&simulate(&directory(), &plan(seed, 150, 1, people)));
    }
    let nobody =
        Directory::parse("version: 1\nroles: [engineer, security, lead]\npeople: []\n", "x").unwrap();
    let report = simulate(&nobody, &plan(6, 100, 1, usual));
    assert_eq!((report.blocked, report.stuck), (100, 0));
    // And a flood: one agent asks for ever new things.
    let flood = Plan { agents: 1, ..plan(7, 600, 1, Habits { repeats: 0, ..usual }) };
    sound(&simulate(&directory(), &flood));
}
