//! The agents, and the operators' brake.

use super::{followed, house, is_clean};
use crate::browser::Answer;
use crate::service::{POLICY, deploy, read};

fn lift_id(page: &Answer) -> String {
    page.input("id")
}

#[tokio::test]
async fn agents_are_shown_with_what_they_did() {
    let site = house(POLICY).await;
    let agent = site.service.agent().await;
    let mut hostile = read();
    hostile.resource = "db/staging/<b>x\u{202e}".to_owned();
    agent.authorize(read()).await.unwrap();
    site.service.escalate(deploy("1")).await;
    agent.authorize(hostile).await.unwrap();
    let mut ada = site.signed_in("ada").await;
    let page = ada.get("/agents").await;
    is_clean(&page);
    for words in
        ["agent:tester", "on db/staging/&#60;b&#62;x⟨U+202E⟩", "1 put before people", "Nothing is suspended"]
    {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(!page.body.contains("/agents/suspend"), "a form that is not hers");
    assert!(!page.body.contains("/history?agent="), "a history that is not hers");
    let page = site.signed_in("linus").await.get("/agents").await;
    assert!(page.body.contains("/history?agent=agent%3Atester"), "{}", page.body);
}

#[tokio::test]
async fn an_operator_is_told_what_a_suspension_does_and_then_it_does_that() {
    let site = house(POLICY).await;
    let agent = site.service.agent().await;
    for _ in 0..2 {
        agent.authorize(read()).await.unwrap();
    }
    let mut grace = site.signed_in("grace").await;
    let fields = [("agent", "agent:*"), ("action", ""), ("reason", "it runs <b>wild")];
    let asked = grace.post("/agents/suspend", &fields).await;
    assert_eq!(asked.status, 200);
    is_clean(&asked);
    for words in
        ["Suspend agent `agent:*`?", "2 living tokens", "until somebody lifts it", "it runs &#60;b&#62;wild"]
    {
        assert!(asked.body.contains(words), "{words}: {}", asked.body);
    }
    assert!(agent.authorize(read()).await.unwrap().grant.is_some(), "nothing has happened yet");

    let fields: Vec<(&str, String)> =
        ["agent", "action", "reason", "until", "confirmed"].map(|name| (name, asked.input(name))).to_vec();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = grace.post("/agents/suspend", &fields).await;
    let page = followed(&mut grace, answer).await;
    is_clean(&page);
    for words in ["It is suspended from now on. 3 living tokens", "by grace", "it runs &#60;b&#62;wild"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(agent.authorize(read()).await.unwrap().grant.is_none());

    let id = lift_id(&page);
    let answer = grace.post("/agents/lift", &[("id", &id)]).await;
    let page = followed(&mut grace, answer).await;
    assert!(page.body.contains("not suspended any more") && page.body.contains("Nothing is suspended"));
    assert!(agent.authorize(read()).await.unwrap().grant.is_some());
    assert_eq!(grace.post("/agents/lift", &[("id", &id)]).await.status, 404, "a second time");
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_not_carried_out() {
    let site = house(POLICY).await;
    let mut grace = site.signed_in("grace").await;
    for (fields, words) in [
        (&[("reason", "r")][..], "say which agent or which action"),
        (&[("agent", "a")], "say why"),
        (&[("agent", "a"), ("everything", "yes"), ("reason", "r")], "goes without an agent"),
        (&[("agent", "a b"), ("reason", "r")], "is not a pattern"),
        (&[("agent", "a"), ("reason", "it\u{202e}")], "`reason`"),
        (&[("agent", "a"), ("reason", "r"), ("until", "2001-01-01T00:00")], "is over already"),
        (&[("agent", "a"), ("reason", "r"), ("until", "2099-01-01T00:00")], "more than a year"),
        (&[("agent", "a"), ("reason", "r"), ("until", "x")], "is not a date"),
    ] {
        let fields: Vec<_> = fields.iter().copied().chain([("confirmed", "yes")]).collect();
        let answer = grace.post("/agents/suspend", &fields).await;
        assert_eq!(answer.status, 422, "{fields:?}");
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
    }
    assert!(grace.get("/agents").await.body.contains("Nothing is suspended"));
}
