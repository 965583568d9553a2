//! The people: who is there, and one's own absences.

use super::{followed, house, is_clean};
use crate::service::{POLICY, deploy};
use core::time::Duration;
use countersign::clock::{Clock as _, SystemClock};
use countersign::moment::Moment;

/// As a browser in UTC writes a moment into a field.
fn field(at: Moment) -> String {
    at.to_string().chars().take(16).collect()
}

fn in_hours(hours: u64) -> Moment {
    SystemClock::start().now().plus(Duration::from_secs(hours * 3600))
}

#[tokio::test]
async fn everyone_is_shown_with_what_they_have_to_do() {
    let site = house(POLICY).await;
    site.service.escalate(deploy("1")).await;
    let mut grace = site.signed_in("grace").await;
    let page = grace.get("/people").await;
    is_clean(&page);
    assert!(page.body.contains("3 of 3 are there"), "{}", page.body);
    assert!(page.body.contains("Ada &#60;b&#62;of ⟨U+202E⟩Berlin&#60;/b&#62;"), "{}", page.body);
    for words in ["oncall, platform-lead", "Mon-Sun all day", "(Europe/Berlin)", "1 of 20", "(you)"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    // Times are told by the clock of whoever looks.
    assert!(page.body.contains("by your clock (UTC)"), "{}", page.body);
    assert!(site.signed_in("ada").await.get("/people").await.body.contains("by your clock (Europe/Berlin)"));
}

#[tokio::test]
async fn who_goes_away_is_away_and_comes_back() {
    let site = house(POLICY).await;
    let mut linus = site.signed_in("linus").await;
    let until = in_hours(48);
    let fields = [("from", ""), ("until", &*field(until)), ("delegate", "ada")];
    let answer = linus.post("/people/away", &fields).await;
    let page = followed(&mut linus, answer).await;
    is_clean(&page);
    for words in
        ["Noted", "You are away", "Stands in for linus", "2 of 3 are there", &*field(until).replace('T', " ")]
    {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let people = site.service.reviewer().await.people().await.unwrap();
    let of = |name: &str| people.iter().find(|one| one.person == name).unwrap();
    assert!(!of("linus").there && of("ada").stands_in_for == ["linus"]);
    let answer = linus.post("/people/back", &[]).await;
    let page = followed(&mut linus, answer).await;
    assert!(page.body.contains("Welcome back") && page.body.contains("3 of 3 are there"), "{}", page.body);
}

#[tokio::test]
async fn a_moment_in_the_form_is_one_of_ones_own_clock() {
    let site = house(POLICY).await;
    let mut ada = site.signed_in("ada").await;
    // Berlin is one hour ahead of UTC in January.
    let answer =
        ada.post("/people/away", &[("from", "2027-01-10T09:00"), ("until", "2027-01-11T09:00")]).await;
    let page = followed(&mut ada, answer).await;
    assert!(page.body.contains("2027-01-10 09:00 until 2027-01-11 09:00, nobody stands in"), "{}", page.body);
    let people = site.service.reviewer().await.people().await.unwrap();
    let ada = people.iter().find(|one| one.person == "ada").unwrap();
    assert!(ada.there && ada.words.contains("2027-01-10T08:00:00Z"), "{ada:?}");
}

#[tokio::test]
async fn what_cannot_be_announced_is_said_and_the_form_stays_filled_in() {
    let site = house(POLICY).await;
    let mut grace = site.signed_in("grace").await;
    let later = field(in_hours(24));
    for (fields, words) in [
        (&[("until", "")][..], "say until when you are away"),
        (&[("until", "soon<b>")], "is not a date with a time"),
        (&[("until", "2001-01-01T00:00")], "is over already"),
        (&[("until", "2040-01-01T00:00")], "an absence lasts 366 days at most"),
        (&[("until", &*later), ("delegate", "grace")], "nobody stands in for themselves"),
        (&[("until", &*later), ("delegate", "mallory")], "the delegate is not in the roster"),
        (&[("until", &*later), ("delegate", "\"><script>alert(1)</script>")], "nobody has this name"),
    ] {
        let answer = grace.post("/people/away", fields).await;
        assert_eq!(answer.status, 422, "{fields:?}");
        is_clean(&answer);
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
        let until = fields.iter().find(|(name, _)| *name == "until").unwrap().1;
        assert_eq!(answer.input("until"), until);
    }
    assert!(grace.get("/people").await.body.contains("3 of 3 are there"));
}
