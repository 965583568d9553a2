//! What tells an approval that was thought about from one that was not (V3).

use core::time::Duration;
use countersign::escalation::{Attention, Diligence, Flag, OnPoor, Sight};
use countersign::moment::Moment;
use countersign::reviewer::Directory;
use countersign::reviewer::diligence::Glance;
use proptest::prelude::*;

/// A Tuesday, 12:00 UTC.
const NOON: Moment = Moment::from_unix_seconds(1_795_521_600);

fn after(seconds: u64) -> Moment {
    NOON.plus(Duration::from_secs(seconds))
}

/// Brought a minute after the opening; opened, evidence and all, after ten seconds; 1200 characters; in the afternoon.
fn careful() -> Glance<'static> {
    let at = Some(after(10));
    Glance {
        now: after(60),
        opened_at: NOON,
        attention: Attention { asked_at: None, delivered_at: None, opened_at: at, evidence_opened_at: at },
        characters: 1200,
        approvals: &[],
        streak: 0,
        hour: Some(14),
    }
}

/// Everything that a rule may ask for.
fn strict() -> Diligence {
    Diligence {
        on_poor: OnPoor::NotCount,
        opened: true,
        evidence: true,
        reading_speed: 100,
        burst: 3,
        burst_within: Duration::from_secs(60),
        streak: 5,
        nights: true,
    }
}

#[test]
fn each_flag_has_its_cause_and_its_figures() {
    type Change = fn(&mut Glance<'static>);
    let cases: [(&str, Change, &[&str]); 17] = [
        ("a careful one", |_| {}, &[]),
        ("not opened", |glance| glance.attention.opened_at = None, &["the reviewer had not opened it"]),
        (
            "the evidence not opened",
            |glance| glance.attention.evidence_opened_at = None,
            &["the reviewer had not opened the evidence"],
        ),
        (
            "two seconds after it was opened",
            |glance| glance.now = after(12),
            &["decided after 2.0 s, where reading takes 12.0 s at the least"],
        ),
        ("just as long as reading takes", |glance| glance.now = after(22), &[]),
        (
            "never opened, and reached the reviewer just now",
            |glance| {
                glance.attention.opened_at = None;
                glance.attention.delivered_at = Some(after(59));
            },
            &[
                "the reviewer had not opened it",
                "decided after 1.0 s, where reading takes 12.0 s at the least",
            ],
        ),
        (
            "never opened nor reached the reviewer, who was asked just now",
            |glance| glance.attention = Attention { asked_at: Some(after(50)), ..Attention::default() },
            &[
                "the reviewer had not opened it",
                "the reviewer had not opened the evidence",
                "decided after 10.0 s, where reading takes 12.0 s at the least",
            ],
        ),
        (
            "opened by nobody known, long ago",
            |glance| glance.attention = Attention::default(),
            &["the reviewer had not opened it", "the reviewer had not opened the evidence"],
        ),
        ("nothing to read", |glance| (glance.now, glance.characters) = (after(10), 0), &[]),
        (
            "more than anybody reads",
            |glance| glance.characters = 1_000_000,
            &["decided after 50.0 s, where reading takes 10000.0 s at the least"],
        ),
        ("the second within a minute", |glance| glance.approvals = &[NOON], &[]),
        (
            "the third within a minute",
            |glance| glance.approvals = const { &[at_seconds(30), at_seconds(45)] },
            &["one of 3 approvals within 30.0 s"],
        ),
        (
            "the third, a minute after the first",
            |glance| glance.approvals = const { &[NOON, at_seconds(45)] },
            &[],
        ),
        ("the fourth without a denial", |glance| glance.streak = 3, &[]),
        ("the fifth without a denial", |glance| glance.streak = 4, &["approval number 5 without a denial"]),
        (
            "at ten in the evening",
            |glance| glance.hour = Some(22),
            &["decided at 22 o'clock of the reviewer's night"],
        ),
        ("at an hour that nobody knows", |glance| glance.hour = None, &[]),
    ];
    for (what, change, expected) in cases {
        let mut glance = careful();
        change(&mut glance);
        let flags: Vec<String> = glance.flags(&strict()).iter().map(ToString::to_string).collect();
        assert_eq!(flags, expected, "{what}");
    }
}

const fn at_seconds(seconds: u64) -> Moment {
    Moment::from_unix_seconds(NOON.unix_seconds() + seconds)
}

#[test]
fn the_night_is_from_ten_to_six() {
    for hour in 0..24 {
        let glance = Glance { hour: Some(hour), ..careful() };
        let expected = if (6..22).contains(&hour) { vec![] } else { vec![Flag::Night { hour }] };
        assert_eq!(glance.flags(&strict()), expected, "{hour}");
    }
}

#[test]
fn what_a_rule_does_not_ask_for_is_no_flag() {
    let nothing = Diligence {
        opened: false,
        evidence: false,
        reading_speed: 0,
        burst: 0,
        streak: 0,
        nights: false,
        ..strict()
    };
    let worst = Glance {
        now: NOON,
        attention: Attention::default(),
        characters: usize::MAX,
        approvals: &[NOON; 100],
        streak: u32::MAX,
        hour: Some(3),
        ..careful()
    };
    assert_eq!(worst.flags(&nothing), []);
    assert_eq!(worst.flags(&strict()).len(), 6);
}

/// The rubber stamp of the mission: 15 approvals within 8 seconds, where nothing is said of diligence.
#[test]
fn fifteen_approvals_within_eight_seconds_are_a_burst_from_the_tenth_on() {
    let usual = Diligence::default();
    let mut approvals = Vec::new();
    for number in 1..=15_u32 {
        let now = NOON.plus(Duration::from_millis(u64::from(number - 1) * 8000 / 14));
        let glance = Glance { now, approvals: &approvals, streak: number - 1, characters: 0, ..careful() };
        let flags = glance.flags(&usual);
        assert_eq!(flags.len(), usize::from(number >= 10), "{number}: {flags:?}");
        approvals.push(now);
        if number == 15 {
            assert_eq!(flags[0].to_string(), "one of 15 approvals within 8.0 s");
            assert_eq!(flags[0].code(), "diligence.burst");
        }
    }
}

#[test]
fn the_hour_is_that_of_the_reviewers_wall_and_nobodys_where_it_is_unknown() {
    let roster = |zone: &str| {
        let text = format!("version: 1\nroles: []\npeople: [{{id: ada, roles: []{zone}}}]\n");
        Directory::parse(&text, "roster.yaml").unwrap_or_else(|error| panic!("{error}"))
    };
    for (zone, expected) in [
        ("", None),
        (", time_zone: UTC", Some(12)),
        (", time_zone: Europe/Berlin", Some(13)),
        (", time_zone: Pacific/Auckland", Some(1)),
        (", time_zone: '-05:30'", Some(6)),
    ] {
        let roster = roster(zone);
        let ada = roster.people().next().unwrap();
        assert_eq!(ada.hour_of(NOON), expected, "{zone}");
    }
}

fn diligence() -> impl Strategy<Value = Diligence> {
    (any::<bool>(), any::<bool>(), 0..300_u32, 0..6_u32, 0..100_u64, 0..6_u32, any::<bool>()).prop_map(
        |(opened, evidence, reading_speed, burst, within, streak, nights)| Diligence {
            on_poor: OnPoor::Flag,
            opened,
            evidence,
            reading_speed,
            burst,
            burst_within: Duration::from_secs(within),
            streak,
            nights,
        },
    )
}

fn attention() -> impl Strategy<Value = Attention> {
    let at = || prop::option::of((0..100_u64).prop_map(after));
    (at(), at(), at(), at()).prop_map(|(asked_at, delivered_at, opened_at, evidence_opened_at)| Attention {
        asked_at,
        delivered_at,
        opened_at,
        evidence_opened_at,
    })
}

proptest! {
    #[test]
    fn more_time_more_attention_and_fewer_votes_never_add_a_flag(
        rule in diligence(),
        attention in attention(),
        (characters, streak) in (0..5000_usize, 0..8_u32),
        approvals in prop::collection::vec((0..200_u64).prop_map(after), 0..8),
        (now, longer, hour) in (0..200_u64, 0..200_u64, prop::option::of(0..24_u8)),
        fewer in 0..8_usize,
    ) {
        let codes = |glance: &Glance<'_>| {
            glance.flags(&rule).into_iter().map(Flag::code).collect::<std::collections::BTreeSet<_>>()
        };
        let glance = Glance { now: after(now), opened_at: NOON, attention, characters, approvals: &approvals, streak, hour };
        let found = codes(&glance);
        let better = [
            Glance { now: after(now + longer), ..glance },
            Glance { characters: characters / 2, ..glance },
            Glance { approvals: &approvals[fewer.min(approvals.len())..], ..glance },
            Glance { streak: streak / 2, ..glance },
        ];
        for better in better {
            prop_assert!(codes(&better).is_subset(&found), "{better:?}");
        }
        // To have opened it is never worse, if it was opened no later than anything before.
        let mut seen = glance;
        seen.attention.note(Sight::Opened, glance.since());
        seen.attention.note(Sight::Evidence, glance.since());
        prop_assert!(codes(&seen).is_subset(&found));
        // Every flag is one that the rule asks for.
        for flag in glance.flags(&rule) {
            let asked = match flag {
                Flag::NotOpened => rule.opened,
                Flag::EvidenceNotOpened => rule.evidence,
                Flag::Hasty { took, least } => rule.reading_speed > 0 && took < least,
                Flag::Burst { votes, within } => {
                    rule.burst > 0 && votes >= rule.burst && u128::from(within) < rule.burst_within.as_millis().max(1)
                }
                Flag::Streak { votes } => rule.streak > 0 && votes >= rule.streak,
                Flag::Night { hour } => rule.nights && !(6..22).contains(&hour),
            };
            prop_assert!(asked, "{flag:?}");
        }
    }
}
