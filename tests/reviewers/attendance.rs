//! Who is there at a moment, why not, until when, and who stands in.

use countersign::escalation::requirement::{Agreement, Membership, Pool, Requirement, Seat, Standing};
use countersign::moment::Moment;
use countersign::party::PersonId;
use countersign::reviewer::{
    Absence, AbsenceError, Absences, Attendance, Directory, MAX_ANNOUNCED, Presence,
};
use countersign::token::Assurance;
use proptest::prelude::*;

/// Ada works in Berlin, Bob in New York; Bob is away for three days in December and Ada stands in. Cyd is always there.
const ROSTER: &str = "
version: 1
roles: [dev, lead]
people:
  - {id: ada, roles: [dev], time_zone: Europe/Berlin, hours: {days: [mon, tue, wed, thu, fri], from: '09:00', until: '17:00'}}
  - id: bob
    roles: [lead]
    teams: [data]
    time_zone: America/New_York
    hours: {days: [mon, tue, wed, thu, fri], from: '09:00', until: '17:00'}
    away: [{from: 2026-12-07, until: 2026-12-09, delegate: ada}]
  - id: cyd
";

fn directory() -> Directory {
    Directory::parse(ROSTER, "roster.yaml").unwrap_or_else(|error| panic!("{error}"))
}

fn id(name: &str) -> PersonId {
    PersonId::new(name).unwrap()
}

/// A moment of December 2026, of which the 7th is a Monday.
fn december(text: &str) -> Moment {
    Moment::from_rfc3339(&format!("2026-12-{text}:00Z")).unwrap()
}

fn absence(from: &str, until: &str, delegate: Option<&str>) -> Absence {
    let (from, until, delegate) = (december(from), december(until), delegate.map(id));
    Absence { from, until, delegate, known: Assurance::Signed }
}

fn said(directory: &Directory, absences: &Absences, person: &str, at: &str) -> String {
    Attendance::new(directory, absences, december(at)).presence(&id(person)).unwrap().to_string()
}

#[test]
fn somebody_is_there_or_it_is_said_why_not_and_until_when() {
    let (directory, none) = (directory(), Absences::default());
    for (person, at, expected) in [
        ("ada", "07T08:30", "there until 2026-12-07T16:00:00Z"),
        ("ada", "07T16:00", "outside working hours until 2026-12-08T08:00:00Z"),
        ("ada", "11T20:00", "outside working hours until 2026-12-14T08:00:00Z"),
        // On Friday evening Bob knows that he is back on Thursday: his day begins at five in the morning, UTC.
        ("bob", "04T22:30", "outside working hours until 2026-12-07T05:00:00Z"),
        ("bob", "07T14:30", "away until 2026-12-10T05:00:00Z, ada stands in"),
        ("bob", "10T06:00", "outside working hours until 2026-12-10T14:00:00Z"),
        ("bob", "10T14:00", "there until 2026-12-10T22:00:00Z"),
        ("cyd", "06T03:00", "there"),
    ] {
        assert_eq!(said(&directory, &none, person, at), expected, "{person} {at}");
    }
    assert_eq!(Attendance::new(&directory, &none, december("07T12:00")).presence(&id("eve")), None);
    assert!(!Attendance::new(&directory, &none, december("07T12:00")).is_there(&id("eve")));
}

#[test]
fn what_is_announced_later_replaces_what_was_announced_before() {
    let directory = directory();
    let mut absences = Absences::default();
    absences.announce(&id("cyd"), absence("07T00:00", "11T00:00", Some("ada")), december("01T00:00"));
    assert_eq!(
        said(&directory, &absences, "cyd", "08T00:00"),
        "away until 2026-12-11T00:00:00Z, ada stands in"
    );
    // Longer, and from later on.
    absences.announce(&id("cyd"), absence("09T00:00", "15T00:00", Some("bob")), december("02T00:00"));
    assert_eq!(
        said(&directory, &absences, "cyd", "08T00:00"),
        "away until 2026-12-15T00:00:00Z, ada stands in"
    );
    assert_eq!(
        said(&directory, &absences, "cyd", "10T00:00"),
        "away until 2026-12-15T00:00:00Z, bob stands in"
    );
    // Shorter: what comes after is taken back.
    absences.announce(&id("cyd"), absence("07T00:00", "08T00:00", None), december("03T00:00"));
    assert_eq!(said(&directory, &absences, "cyd", "07T12:00"), "away until 2026-12-08T00:00:00Z");
    assert_eq!(said(&directory, &absences, "cyd", "08T12:00"), "there until 2026-12-09T00:00:00Z");
}

#[test]
fn whoever_is_back_is_back_whatever_was_planned() {
    let directory = directory();
    let mut absences = Absences::default();
    absences.announce(&id("cyd"), absence("07T00:00", "11T00:00", Some("ada")), december("01T00:00"));
    absences.end(&id("cyd"), december("09T00:00"));
    absences.end(&id("bob"), december("08T15:00"));
    for (person, at, expected) in [
        ("cyd", "08T23:59", "away until 2026-12-09T00:00:00Z, ada stands in"),
        ("cyd", "09T00:00", "there"),
        ("bob", "08T15:00", "there until 2026-12-08T22:00:00Z"),
        ("bob", "09T15:00", "there until 2026-12-09T22:00:00Z"),
    ] {
        assert_eq!(said(&directory, &absences, person, at), expected, "{person} {at}");
    }
    let attendance = Attendance::new(&directory, &absences, december("09T15:00"));
    assert!(attendance.stood_in_for(&id("ada"), Assurance::Channel).is_empty());
    // Who is away again is away again.
    absences.announce(&id("bob"), absence("09T00:00", "10T00:00", Some("cyd")), december("08T20:00"));
    assert!(said(&directory, &absences, "bob", "09T15:00").ends_with("cyd stands in"));
}

#[test]
fn who_stands_in_is_a_matter_of_the_moment_and_of_the_roster() {
    let directory = directory();
    let mut absences = Absences::default();
    // Ada is away too, and names Cyd; and Cyd once named somebody who has left.
    absences.announce(&id("ada"), absence("08T00:00", "09T00:00", Some("cyd")), december("01T00:00"));
    absences.announce(&id("cyd"), absence("08T00:00", "09T00:00", Some("dan")), december("01T00:00"));
    let stood_in_for = |person: &str, at: &str| {
        Attendance::new(&directory, &absences, december(at)).stood_in_for(&id(person), Assurance::Signed)
    };
    assert_eq!(stood_in_for("ada", "07T12:00"), [id("bob")]);
    assert_eq!(stood_in_for("ada", "08T12:00"), [id("bob")], "away herself, she could still look in");
    assert_eq!(stood_in_for("cyd", "08T12:00"), [id("ada")], "one step and no further");
    assert_eq!(stood_in_for("dan", "08T12:00"), []);
    assert_eq!(stood_in_for("ada", "10T12:00"), []);
    let attendance = Attendance::new(&directory, &absences, december("08T12:00"));
    let pairs: Vec<_> = attendance.stand_ins().map(|(absent, to)| format!("{to} for {absent}")).collect();
    assert_eq!(pairs, ["ada for bob", "cyd for ada"]);
}

#[test]
fn a_seat_by_name_can_be_filled_by_the_delegate_while_its_owner_is_away() {
    let (directory, none) = (directory(), Absences::default());
    let seat = |pool| Requirement::seat(Seat::new(pool, 1, Assurance::Signed).unwrap());
    let by_name = seat(Pool::new([id("bob")], [], []).unwrap());
    let by_team = seat(Pool::new([], [], ["data".parse().unwrap()]).unwrap());
    let by_role = seat(Pool::new([], ["lead".parse().unwrap()], []).unwrap());
    let ada = [Agreement { person: id("ada"), assurance: Assurance::Signed }];
    let met = |requirement: &Requirement, at: &str| {
        let attendance = Attendance::new(&directory, &none, december(at));
        matches!(requirement.standing(&ada, &[], &attendance), Standing::Met(_))
    };
    assert!(met(&by_name, "08T12:00") && met(&by_team, "08T12:00"));
    assert!(!met(&by_role, "08T12:00"), "a role is not lent");
    assert!(!met(&by_name, "10T12:00") && !met(&by_team, "10T12:00"), "Bob is back");
}

#[test]
fn an_absence_that_makes_no_sense_cannot_be_announced() {
    let (directory, none) = (directory(), Absences::default());
    let attendance = Attendance::new(&directory, &none, december("07T12:00"));
    for (person, from, until, delegate, expected) in [
        ("ada", "08T00:00", "09T00:00", Some("bob"), Ok(())),
        ("ada", "01T00:00", "09T00:00", None, Ok(())),
        ("eve", "08T00:00", "09T00:00", None, Err(AbsenceError::UnknownPerson)),
        ("ada", "08T00:00", "09T00:00", Some("ada"), Err(AbsenceError::OwnDelegate)),
        ("ada", "08T00:00", "09T00:00", Some("eve"), Err(AbsenceError::UnknownDelegate)),
        ("ada", "09T00:00", "08T00:00", None, Err(AbsenceError::Over)),
        ("ada", "01T00:00", "07T12:00", None, Err(AbsenceError::Over)),
    ] {
        let absence = absence(from, until, delegate);
        assert_eq!(attendance.may_announce(&id(person), &absence), expected, "{person} {from} {until}");
    }
    let forever =
        Absence { until: Moment::from_unix_millis(u64::MAX), ..absence("08T00:00", "09T00:00", None) };
    assert_eq!(attendance.may_announce(&id("ada"), &forever), Err(AbsenceError::TooLong));
}

#[test]
fn a_flood_of_absences_leaves_the_latest() {
    let directory = directory();
    let mut absences = Absences::default();
    let hour = |hour: u64| december("01T00:00").plus(core::time::Duration::from_secs(3600 * hour));
    for count in 0..10 * MAX_ANNOUNCED as u64 {
        let absence = Absence {
            from: hour(2 * count),
            until: hour(2 * count + 1),
            delegate: None,
            known: Assurance::Session,
        };
        absences.announce(&id("cyd"), absence, december("01T00:00"));
    }
    let away = (0..20 * MAX_ANNOUNCED as u64)
        .filter(|at| !Attendance::new(&directory, &absences, hour(*at)).is_there(&id("cyd")))
        .count();
    assert_eq!(away, MAX_ANNOUNCED);
}

proptest! {
    #[test]
    fn the_next_change_is_the_next_change(
        steps in prop::collection::vec((0_u8..4, any::<u8>(), 1_u8..40), 0..12), start in any::<u8>()
    ) {
        let directory = directory();
        let hour = |hour: u8| december("03T00:00").plus(core::time::Duration::from_secs(3600 * u64::from(hour)));
        let mut absences = Absences::default();
        for (kind, from, length) in steps {
            match kind {
                0 => absences.end(&id("bob"), hour(from)),
                _ => {
                    let until = hour(from).plus(core::time::Duration::from_secs(3600 * u64::from(length)));
                    absences.announce(&id("bob"), Absence { from: hour(from), until, delegate: None, known: Assurance::Session }, hour(0));
                }
            }
        }
        let presence = |at: Moment| Attendance::new(&directory, &absences, at).presence(&id("bob")).unwrap();
        let kind = |presence: &Presence| core::mem::discriminant(presence);
        let now = hour(start);
        let before = presence(now);
        let change = before.until().unwrap();
        prop_assert!(change > now);
        prop_assert_ne!(kind(&before), kind(&presence(change)));
        let mut at = now;
        while at < change {
            prop_assert_eq!(kind(&before), kind(&presence(at)), "{} {}", now, at);
            at = at.plus(core::time::Duration::from_secs(1800));
        }
    }
}
