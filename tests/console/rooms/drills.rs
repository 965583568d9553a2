//! Drills and emergencies.

use super::{followed, house, is_clean};
use crate::service::{FLEET, PLAIN, POLICY, deploy};
use countersign::escalation::vote::{Choice, Conditions};

const DRILL: [(&str, &str); 6] = [
    ("agent", "agent:tester"),
    ("action", "deploy.release"),
    ("resource", "shop/production<b>\u{202e}"),
    ("parameters", r#"{"version": "666"}"#),
    ("executor", FLEET),
    ("reason", "a <b>quiet</b> release"),
];

#[tokio::test]
async fn a_drill_is_ordered_caught_and_told() {
    let site = house(POLICY).await;
    let mut grace = site.signed_in("grace").await;
    let mut ada = site.signed_in("ada").await;
    let mut linus = site.signed_in("linus").await;
    let answer = grace.post("/drills", &DRILL).await;
    let page = followed(&mut grace, answer).await;
    is_clean(&page);
    for words in [
        "The drill is open",
        "people may still decide",
        "shop/production&#60;b&#62;⟨U+202E⟩",
        "ordered by grace",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let id = page.body.split("/e/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    // To everybody else it is a proposal like any other.
    for browser in [&mut ada, &mut linus] {
        let page = browser.get("/drills").await;
        assert!(!page.body.contains(&id), "{}", page.body);
    }
    let page = ada.get(&format!("/e/{id}")).await;
    assert!(page.status == 200 && !page.body.contains("drill was"), "{}", page.body);
    assert_eq!(ada.get(&format!("/history/{id}")).await.status, 403);
    site.service.vote(&id, "ada", Choice::Deny).await.unwrap();
    for browser in [&mut grace, &mut linus] {
        let page = browser.get("/drills").await;
        is_clean(&page);
        for words in ["1 caught and 0 missed", "denied by ada", "ordered by grace"] {
            assert!(page.body.contains(words), "{words}: {}", page.body);
        }
    }
    let page = ada.get("/drills").await;
    assert!(!page.body.contains("denied by ada") && page.body.contains("is for operators and auditors"));
    let page = ada.get(&format!("/history/{id}")).await;
    is_clean(&page);
    assert!(page.body.contains("grace ordered a drill"), "{}", page.body);
}

#[tokio::test]
async fn what_is_no_drill_is_said_and_the_form_stays_filled_in() {
    let site = house(POLICY).await;
    let mut grace = site.signed_in("grace").await;
    for (change, words) in [
        (("action", "orders.read"), "asks nobody about the like"),
        (("agent", "two words"), "`Agent`"),
        (("on_behalf_of", "two words"), "`For whom`"),
        (("executor", "exec:nobody"), "no executor `exec:nobody` is registered"),
        (("parameters", "{"), "There is no drill"),
        (("parameters", r#"{"a": 1, "a": 2}"#), "There is no drill"),
    ] {
        let fields = DRILL.iter().map(|one| if one.0 == change.0 { change } else { *one });
        let mut fields: Vec<(&str, &str)> = fields.filter(|one| one.0 != "resource").collect();
        fields.push(("resource", "db/staging/orders<b>"));
        if change.0 == "on_behalf_of" {
            fields.push(change);
        }
        let answer = grace.post("/drills", &fields).await;
        assert_eq!(answer.status, 422, "{change:?}");
        is_clean(&answer);
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
        assert_eq!(answer.input("resource"), "db/staging/orders<b>");
    }
    let page = grace.get("/drills").await;
    assert!(page.body.contains("There was no drill yet") && page.body.contains(PLAIN), "{}", page.body);
}

#[tokio::test]
async fn an_emergency_waits_for_a_review_by_somebody_else() {
    const ONE: &str = "escalation: {approvals: 1, execute_within: 15m}";
    assert!(POLICY.contains(ONE));
    let glass = "escalation: {approvals: 2, execute_within: 15m, break_glass: {reviewers: [role:platform-lead], \
                 execute_within: 2m, review: {reviewers: [role:oncall]}, review_within: 12h}}";
    let site = house(&POLICY.replace(ONE, glass)).await;
    let id = site.service.escalate(deploy("1")).await;
    let emergency = Choice::BreakGlass(Conditions::new(&[]).unwrap());
    site.service.vote(&id, "grace", emergency).await.unwrap();
    site.service.end_of(&id).await;
    let mut ada = site.signed_in("ada").await;
    let form = format!("/e/{id}/review");
    let page = site.signed_in("grace").await.get("/drills").await;
    assert!(page.body.contains(&id) && !page.body.contains(&form), "nobody reviews their own: {}", page.body);
    let page = ada.get("/drills").await;
    is_clean(&page);
    assert!(page.body.contains("approved by grace") && page.body.contains(&form), "{}", page.body);
    let answer = ada.post(&form, &[("justified", "yes"), ("reason", "the shop was down")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = ada.get("/drills").await;
    assert!(page.body.contains("None waits for a review"), "{}", page.body);
    let page = ada.get(&format!("/history/{id}")).await;
    assert!(page.body.contains("ada found the emergency justified: the shop was down"), "{}", page.body);
}
