//! The queue and a proposal as a reviewer meets them: what is on the page, what becomes of a form, and what an agent
//! may write without touching either.

use crate::browser::{Answer, unescaped};
use crate::markup::Markup;
use crate::service::{POLICY, ask, deploy};
use crate::site::Site;

use countersign::client::{Ask, Context};

#[track_caller]
fn has(answer: &Answer, words: &[&str]) {
    let text = Markup::of(&answer.body).text();
    for words in words {
        assert!(text.contains(words), "no `{words}` in: {text}");
    }
}

#[tokio::test]
async fn an_empty_queue_says_so() {
    let site = Site::start().await;
    let page = site.signed_in("ada").await.get("/").await;
    assert_eq!(page.status, 200);
    has(&page, &["Nothing waits. All clear."]);
}

#[tokio::test]
async fn the_queue_has_what_waits_for_one_first_and_then_what_waits_for_others() {
    let site = Site::start().await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let mut ada = site.signed_in("ada").await;
    let page = ada.get("/").await;
    has(
        &page,
        &["For you 1", "deploy.release on shop/production", "agent:tester", "0 of 1 agreed", "left", "risk"],
    );
    assert!(page.body.contains(&format!("href=\"/e/{id}\"")));
    assert!(page.body.contains("<title>(1) Queue"));
    let page = site.signed_in("linus").await.get("/").await;
    has(
        &page,
        &["Nothing waits for you. 1 request waits for others.", "Waiting for others", "deploy.release"],
    );
    for (filter, there) in [
        ("/?show=open", true),
        ("/?show=open&agent=agent:*", true),
        ("/?show=open&agent=agent:other", false),
        ("/?show=open&action=deploy.*", true),
        ("/?show=open&action=orders.*", false),
        ("/?show=open&level=critical", false),
        ("/?show=open&level=low&level=medium&level=high", true),
        ("/?show=ended", false),
    ] {
        let page = ada.get(filter).await;
        assert_eq!(page.body.contains(&id), there, "{filter}");
    }
    assert_eq!(ada.get("/?level=severe").await.status, 400);
    assert_eq!(ada.get("/?show=open&after=bm90IG9uZQ").await.header("location"), "/?show=open");
}

#[tokio::test]
async fn requests_that_are_alike_are_shown_together_and_each_by_itself() {
    let site = Site::start().await;
    let one = site.service.escalate(deploy("1")).await;
    let two = site.service.escalate(deploy("2")).await;
    let page = site.signed_in("ada").await.get("/").await;
    has(&page, &["2 alike: deploy.release by agent:tester"]);
    for id in [one, two] {
        assert!(page.body.contains(&format!("href=\"/e/{id}\"")));
    }
}

#[tokio::test]
async fn a_long_queue_has_pages() {
    let policy = POLICY.replacen("defaults:\n", "escalations: {open_per_agent: 100}\ndefaults:\n", 1);
    let site = Site::start_with(&policy, "").await;
    for number in 0..53 {
        site.service.escalate(ask("deploy.release", &format!("shop{number}/production"), "{}")).await;
    }
    let mut ada = site.signed_in("ada").await;
    let page = ada.get("/?show=open").await;
    let lines = |page: &Answer| page.body.matches("data-id=").count();
    assert_eq!(lines(&page), 50);
    let at = page.body.find("rel=\"next\"").unwrap();
    let link = page.body[..at].rsplit_once("href=\"").unwrap().1.split_once('"').unwrap().0;
    let next = ada.get(&unescaped(link)).await;
    assert_eq!(lines(&next), 3);
    assert!(!next.body.contains("rel=\"next\""));
    assert!(page.body.len() < 50 * 1024, "{} bytes", page.body.len());
}

#[tokio::test]
async fn a_proposal_has_everything_that_matters() {
    let site = Site::start().await;
    let asked = Ask {
        context: Context {
            reason: "the release is tested".to_owned(),
            user_request: "ship it today".to_owned(),
            reasoning: "tests are green, traffic is low".to_owned(),
            blast_radius: "the shop".to_owned(),
            reversibility: "roll back to 1.2.2".to_owned(),
            alternatives: vec!["wait for Monday".to_owned()],
        },
        ..deploy("1.2.3")
    };
    let id = site.service.escalate(asked).await;
    let page = site.signed_in("ada").await.get(&format!("/e/{id}")).await;
    assert_eq!(page.status, 200);
    has(
        &page,
        &[
            "agent:tester wants to",
            "deploy.release",
            "version: \"1.2.3\"",
            "The agent says",
            "Nobody has checked them",
            "the release is tested",
            "ship it today",
            "tests are green, traffic is low",
            "the shop",
            "roll back to 1.2.2",
            "wait for Monday",
            "Risk 0.",
            "environment",
            "Why people are asked",
            "it takes 1 of role oncall",
            "0 of 1 agreed",
            "These can still complete it",
            "left",
            "Approve",
            "Deny",
            "Nothing like it was decided lately",
        ],
    );
    assert!(page.body.len() < 30 * 1024, "{} bytes", page.body.len());
}
