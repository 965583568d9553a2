//! Links in mails: who decides by them, and all those who don't.

use crate::browser::{Answer, Browser};
use crate::doors;
use crate::service::{POLICY, deploy};
use crate::site::Site;
use countersign::client::{Escalation, Status};
use countersign::clock::{Clock as _, SystemClock};
use countersign::desk::links::{Link, Links, Offered};
use countersign::digest::{RenderingDigest, from_base64url};
use countersign::moment::Moment;
use countersign::party::{EscalationId, PersonId};
use hyper::Method;
use std::time::Duration;

const MARK: &str = "__Host-countersign-known";
const SESSION: &str = "__Host-countersign";

/// A policy under which a click is enough.
pub(crate) fn a_click_is_enough() -> String {
    POLICY.replace(
        "  assurance: signed ",
        "  diligence: {reading_speed: 0, nights: false}\n  assurance: channel ",
    )
}

fn now() -> Moment {
    SystemClock::start().now()
}

/// Seals as this site does.
pub(crate) fn seal(site: &Site) -> Links {
    let key = std::fs::read_to_string(site.service.path("data/keys/seal.key")).unwrap();
    Links::new(&from_base64url(&key).unwrap().try_into().unwrap())
}

fn person(name: &str) -> PersonId {
    PersonId::new(name).unwrap()
}

/// What somebody is sent about this: yes, or no.
pub(crate) async fn offered(site: &Site, id: &str, approves: bool) -> Offered {
    let shown = site.service.reviewer().await.show(id).await.unwrap();
    Offered {
        escalation: EscalationId::parse(id).unwrap(),
        shown: RenderingDigest::parse(&shown.rendering_digest).unwrap(),
        approves,
    }
}

async fn link(site: &Site, id: &str, to: &str, approves: bool) -> String {
    let offered = offered(site, id, approves).await;
    let until = now().plus(Duration::from_secs(600));
    format!("/l/{}", seal(site).link(&Link { person: person(to), offered, until }))
}

/// A browser in which this person signed in at some time.
fn known(site: &Site, who: &str) -> Browser {
    let mut browser = site.browser();
    browser.set_cookie(MARK, &seal(site).device(&person(who), now()));
    browser
}

pub(crate) async fn shown(site: &Site, id: &str) -> Escalation {
    site.service.reviewer().await.show(id).await.unwrap()
}

#[track_caller]
pub(crate) fn untouched(shown: &Escalation) {
    assert_eq!((shown.summary.status, shown.votes.len()), (Status::Pending, 0));
}

#[track_caller]
fn says(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert!(answer.body.contains(words), "no `{words}` in {}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_at_mail_decides_nothing_and_learns_little() {
    let site = Site::start_with(&a_click_is_enough(), "").await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let link = link(&site, &id, "ada", true).await;
    let mut scanner = site.browser();
    let answer = scanner.get(&link).await;
    says(&answer, 200, "This was sent to <strong>ada</strong>");
    says(&answer, 200, "deploy.release");
    assert!(!answer.body.contains("1.2.3") && !answer.body.contains("<form"), "{}", answer.body);
    assert_eq!(answer.header("referrer-policy"), "same-origin");
    assert_eq!(answer.header("cache-control"), "no-store");
    for headers in
        [&[][..], &[("sec-purpose", "prefetch;prerender")], &[("user-agent", "Slackbot-LinkExpanding 1.0")]]
    {
        for method in [Method::HEAD, Method::GET, Method::OPTIONS] {
            scanner.send(method, &link, headers, "").await;
        }
    }
    // A program that fills in forms has no browser that is known.
    let answer = scanner.post_bare(&link, &[("reason", "why not")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, &*format!("/e/{id}?intent=approve")));
    assert_eq!(scanner.send(Method::POST, &link, &[], "reason=x").await.status, 403);
    untouched(&shown(&site, &id).await);
    assert_eq!(scanner.cookie(MARK), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_is_known_answers_once() {
    let site = Site::start_with(&a_click_is_enough(), "").await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let link = link(&site, &id, "ada", true).await;
    let mut ada = known(&site, "ada");
    let page = ada.get(&link).await;
    says(&page, 200, "1.2.3");
    untouched(&shown(&site, &id).await);
    says(&ada.post_bare(&link, &[("reason", " ")]).await, 422, "a vote needs a reason");
    let (end, done) =
        tokio::join!(site.service.end_of(&id), ada.post_bare(&link, &[("reason", "it is tested")]));
    says(&done, 200, "Your approval is recorded");
    assert_eq!(end.status, Status::Claimed);
    let shown = shown(&site, &id).await;
    let vote = &shown.votes[0];
    assert_eq!((&*vote.reviewer, &*vote.reason, &*vote.assurance), ("ada", "it is tested", "channel"));
    says(&ada.get(&link).await, 410, "has decided already");
    says(&ada.post_bare(&link, &[("reason", "again")]).await, 410, "has decided already");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_link_asks_who_one_is_and_is_nobody_elses() {
    let site = Site::start_with(&a_click_is_enough(), "").await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let link = link(&site, &id, "ada", true).await;
    // Grace could decide it too, under her own name; not by a link of Ada's.
    let mut grace = site.signed_in("grace").await;
    says(&grace.get(&link).await, 403, "you are signed in as");
    says(&grace.post_bare(&link, &[("reason", "mine now")]).await, 403, "sent to somebody else");
    let mut marked = known(&site, "grace");
    let answer = marked.get(&link).await;
    says(&answer, 200, "sign in");
    assert!(!answer.body.contains("<form"));
    assert_eq!(marked.post_bare(&link, &[("reason", "mine now")]).await.status, 303);
    // Both in one browser: who is signed in is who is there.
    let mut both = site.signed_in("grace").await;
    both.set_cookie(MARK, &seal(&site).device(&person("ada"), now()));
    says(&both.post_bare(&link, &[("reason", "mine now")]).await, 403, "sent to somebody else");
    untouched(&shown(&site, &id).await);
    // Whom it was sent to, signed in, decides on the page of the proposal.
    let mut ada = site.signed_in("ada").await;
    let answer = ada.get(&link).await;
    assert_eq!((answer.status, answer.header("location")), (303, &*format!("/e/{id}?intent=approve")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_of_too_little_assurance_opens_the_page_and_a_no_is_a_no() {
    let site = Site::start().await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let yes = link(&site, &id, "ada", true).await;
    let mut ada = known(&site, "ada");
    let answer = ada.post_bare(&yes, &[("reason", "it is fine")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, &*format!("/e/{id}?intent=approve")));
    untouched(&shown(&site, &id).await);
    let no = link(&site, &id, "ada", false).await;
    says(&ada.post_bare(&no, &[("reason", "not tonight")]).await, 200, "Your denial is recorded");
    assert_eq!(shown(&site, &id).await.summary.status, Status::Denied);
    says(&ada.get(&yes).await, 410, "");
}

/// Whoever signs out everywhere has lost a device: what it was known for is over too.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_was_known_is_not_after_signing_out_everywhere() {
    let site = Site::start_with(&a_click_is_enough(), "").await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let mut lost = known(&site, "ada");
    let yes = link(&site, &id, "ada", true).await;
    assert!(lost.get(&yes).await.body.contains("<form"), "it could answer");
    assert_eq!(site.signed_in("ada").await.post("/account/sessions", &[]).await.status, 303);
    assert!(!lost.get(&yes).await.body.contains("name=\"reason\""), "it has to say who it is");
    lost.post_bare(&yes, &[("reason", "because")]).await;
    untouched(&shown(&site, &id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_links_of_this_service_as_they_were_made_do_anything() {
    let site = Site::start_with(&a_click_is_enough(), "").await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let (good, other) = (offered(&site, &id, true).await, site.service.escalate(deploy("2.0.0")).await);
    let until = now().plus(Duration::from_secs(600));
    let sealed = |links: &Links, offered: Offered, until: Moment| {
        format!("/l/{}", links.link(&Link { person: person("ada"), offered, until }))
    };
    let links = seal(&site);
    let mut ada = known(&site, "ada");
    let elsewhere = Offered { shown: offered(&site, &other, true).await.shown, ..good };
    let unknown = Offered { escalation: EscalationId::from_random([9; 16]), ..good };
    let cases = [
        (sealed(&Links::new(&[1; 32]), good, until), 404, "not one of ours"),
        (format!("{}A", sealed(&links, good, until)), 404, "not one of ours"),
        ("/l/x".to_owned(), 404, "not one of ours"),
        (format!("/l/{}", links.button(&good)), 404, "not one of ours"),
        (format!("/l/{}", "A".repeat(5000)), 404, "not one of ours"),
        (sealed(&links, good, now()), 410, "was good until"),
        (sealed(&links, elsewhere, until), 410, "has changed"),
        (sealed(&links, unknown, until), 503, ""),
    ];
    for (link, status, words) in cases {
        says(&ada.get(&link).await, status, words);
        says(&ada.post_bare(&link, &[("reason", "because")]).await, status, words);
    }
    // A mark of another service, and one that is too old, are none.
    let link = sealed(&links, good, until);
    let old = now().minus(Duration::from_secs(91 * 24 * 3600));
    for mark in
        [Links::new(&[1; 32]).device(&person("ada"), now()), links.device(&person("ada"), old), String::new()]
    {
        let mut browser = site.browser();
        browser.set_cookie(MARK, &mark);
        assert_eq!(browser.post_bare(&link, &[("reason", "because")]).await.status, 303);
    }
    // A page elsewhere can't send the form.
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://evil.example")];
    assert_eq!(ada.send(Method::POST, &link, &headers, "reason=x").await.status, 403);
    let large = "x".repeat(2 << 20);
    assert_eq!(ada.post_bare(&link, &[("reason", &large)]).await.status, 413);
    untouched(&shown(&site, &id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_known_from_signing_in_until_signing_out() {
    let site = doors::site().await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let no = link(&site, &id, "ada", false).await;
    let mut browser = site.browser();
    doors::sign_in(&site, &mut browser, "ada").await;
    assert!(browser.cookie(MARK).is_some() && browser.cookie(SESSION).is_some());
    let mut later = site.browser();
    later.set_cookie(MARK, browser.cookie(MARK).unwrap());
    says(&later.get(&no).await, 200, "<form");
    browser.post("/sign-out", &[]).await;
    assert_eq!((browser.cookie(MARK), browser.cookie(SESSION)), (None, None));
}
