//! Voting at the console, to its end: the form, the agent that waits, its token, and the executor.

use crate::authenticator::{Algorithm, Authenticator, Ceremony};
use crate::browser::{Answer, Browser};
use crate::markup::Markup;
use crate::service::{FLEET, POLICY, delete, deploy, verify};
use crate::site::Site;
use countersign::client::Status;
use countersign::condition::ExecutionFacts;
use countersign::escalation::vote::Statement;

/// A policy under which being signed in is enough.
fn signed_in_is_enough() -> String {
    POLICY.replace(
        "  assurance: signed ",
        "  diligence: {reading_speed: 0, nights: false}\n  assurance: session ",
    )
}

async fn site() -> Site {
    Site::start_with(&signed_in_is_enough(), "").await
}

/// Has one look, and sends the form of the page.
async fn decide(browser: &mut Browser, id: &str, fields: &[(&str, &str)]) -> Answer {
    let page = browser.get(&format!("/e/{id}")).await;
    let shown = page.input("shown");
    let fields: Vec<_> = fields.iter().copied().chain([("shown", &*shown)]).collect();
    browser.post(&format!("/e/{id}/vote"), &fields).await
}

#[track_caller]
fn leads_to(answer: &Answer, id: &str, did: &str) {
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, &*format!("/e/{id}?did={did}")),
        "{}",
        answer.body
    );
}

#[track_caller]
fn has(answer: &Answer, words: &[&str]) {
    let text = Markup::of(&answer.body).text();
    for words in words {
        assert!(text.contains(words), "no `{words}` in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_at_the_console_lets_the_waiting_agent_go_on() {
    let site = site().await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let mut ada = site.signed_in("ada").await;
    let (end, answer) = tokio::join!(
        site.service.end_of(&id),
        decide(
            &mut ada,
            &id,
            &[("choice", "approve"), ("reason", "it is\r\n tested"), ("canary.max_percent", "10")],
        )
    );
    leads_to(&answer, &id, "approve");
    assert_eq!(end.status, Status::Claimed);
    let grant = end.grant.unwrap();
    assert_eq!(grant.conditions, [r#"{"max_percent":10,"type":"canary"}"#]);
    let facts = ExecutionFacts { targets: Some(1), all_targets: Some(10), ..ExecutionFacts::default() };
    let verifier = site.service.verifier(FLEET);
    verify(&verifier, &grant, &facts, &site.service.path("guard")).unwrap();
    let page = ada.get(answer.header("location")).await;
    has(
        &page,
        &["You approved it, and that was enough", "it is tested", "at most 10 % of the targets", "signed in"],
    );
    assert!(!page.body.contains("/vote\""), "there is nothing to decide any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_ends_it_with_its_reason() {
    let site = site().await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let mut ada = site.signed_in("ada").await;
    let (end, answer) = tokio::join!(
        site.service.end_of(&id),
        decide(&mut ada, &id, &[("choice", "deny"), ("reason", "not on a Friday")])
    );
    leads_to(&answer, &id, "deny");
    assert_eq!(end.status, Status::Denied);
    assert!(end.reasons.join(" ").contains("not on a Friday"));
    has(&ada.get(answer.header("location")).await, &["You denied it", "denied by ada: not on a Friday"]);
    let ended = ada.get("/?show=ended&state=denied").await;
    assert!(ended.body.contains(&id));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_are_two_votes_and_a_form_sent_twice_is_one() {
    let site = site().await;
    let id = site.service.escalate(delete(7)).await;
    let (mut ada, mut grace) = (site.signed_in("ada").await, site.signed_in("grace").await);
    for _ in 0..2 {
        let answer = decide_again(&mut ada, &id).await;
        leads_to(&answer, &id, "approve");
    }
    let page = grace.get(&format!("/e/{id}")).await;
    has(&page, &["1 of 2 agreed", "ada approves: looked at it"]);
    let (end, answer) = tokio::join!(site.service.end_of(&id), decide_again(&mut grace, &id));
    leads_to(&answer, &id, "approve");
    assert_eq!((end.status, end.approvals), (Status::Claimed, 2));
    assert_eq!(decide_again(&mut grace, &id).await.status, 303, "also when it is over");
}

/// Sends the form of the page as it was first, also where there is none any more.
async fn decide_again(browser: &mut Browser, id: &str) -> Answer {
    let page = browser.get(&format!("/e/{id}")).await;
    let shown = Markup::of(&page.body).text();
    let shown = shown.split("Shown ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let fields = [("choice", "approve"), ("reason", "looked at it"), ("shown", &*shown)];
    browser.post(&format!("/e/{id}/vote"), &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_can_be_taken_back_and_given_otherwise() {
    let site = site().await;
    let id = site.service.escalate(delete(7)).await;
    let mut ada = site.signed_in("ada").await;
    leads_to(&decide(&mut ada, &id, &[("choice", "approve"), ("reason", "fine")]).await, &id, "approve");
    let page = ada.get(&format!("/e/{id}")).await;
    has(&page, &["You approved it: fine", "Take my vote back"]);
    let taken = decide(&mut ada, &id, &[("choice", "withdraw"), ("reason", "wait")]).await;
    leads_to(&taken, &id, "withdraw");
    has(&ada.get(&format!("/e/{id}")).await, &["which no longer stands"]);
    let (end, _) = tokio::join!(
        site.service.end_of(&id),
        decide(&mut ada, &id, &[("choice", "deny"), ("reason", "no")])
    );
    assert_eq!(end.status, Status::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_taken_decides_nothing_and_says_why() {
    let site = site().await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let mut ada = site.signed_in("ada").await;
    for (fields, words) in [
        (&[("choice", "approve")][..], "a vote needs a reason"),
        (&[("choice", "approve"), ("reason", "   ")], "a vote needs a reason"),
        (&[("choice", "approve"), ("reason", "a\u{202e}b")], "control or direction characters"),
        (&[("reason", "fine")], "say what you decide"),
        (&[("choice", "perhaps"), ("reason", "fine")], "say what you decide"),
        (&[("choice", "break_glass"), ("reason", "fine")], "say that it is an emergency"),
        (&[("choice", "break_glass"), ("emergency", "yes"), ("reason", "fine")], "knows no emergency"),
        (&[("choice", "withdraw"), ("reason", "fine")], "no vote here"),
        (&[("choice", "approve"), ("reason", "fine"), ("canary.max_percent", "1000")], "from 1 to 100"),
    ] {
        let answer = decide(&mut ada, &id, fields).await;
        assert_eq!(answer.status, 422, "{fields:?}");
        has(&answer, &[words]);
        assert!(answer.body.contains(">fine</textarea>") || !fields.contains(&("reason", "fine")), "kept");
    }
    let other = site.service.escalate(deploy("1.2.4")).await;
    let page = ada.get(&format!("/e/{other}")).await;
    let fields = [("choice", "approve"), ("reason", "fine"), ("shown", &*page.input("shown"))];
    let answer = ada.post(&format!("/e/{id}/vote"), &fields).await;
    assert_eq!(answer.status, 409);
    has(&answer, &["This changed since you looked", "Nothing is decided yet"]);
    // A GET decides nothing, whatever is in it.
    for path in
        [format!("/e/{id}?intent=approve&choice=approve&reason=x"), format!("/e/{id}/vote?choice=approve")]
    {
        assert!(matches!(ada.get(&path).await.status, 200 | 405));
    }
    has(
        &ada.get(&format!("/e/{id}?intent=deny")).await,
        &["You came to deny it", "Nothing is decided before", "0 of 1 agreed"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_to_the_seats_can_look_and_not_decide() {
    let site = site().await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let mut linus = site.signed_in("linus").await;
    let page = linus.get(&format!("/e/{id}")).await;
    has(&page, &["This is for other people to decide", "deploy.release"]);
    assert!(!page.body.contains("value=\"approve\""));
    let answer = decide_again(&mut linus, &id).await;
    assert_eq!(answer.status, 422);
    has(&answer, &["This is for other people to decide", "0 of 1 agreed"]);
    for (path, status) in [("/e/esc_nothing", 404), ("/e/esc_AAAAAAAAAAAAAAAAAAAAAA", 404)] {
        assert_eq!(linus.get(path).await.status, status);
    }
    assert_eq!(site.browser().get(&format!("/e/{id}")).await.status, 303, "nobody looks without signing in");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_passes_it_on_to_somebody_who_may_decide() {
    let mut site = Site::prepare(&signed_in_is_enough(), "");
    let file = site.service.path("roster.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let third = "people:\n  - {id: alan, roles: [oncall]}\n";
    std::fs::write(&file, text.replace("people:\n", third)).unwrap();
    site.service.run().await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let (mut ada, mut grace) = (site.signed_in("ada").await, site.signed_in("grace").await);
    let page = ada.get(&format!("/e/{id}")).await;
    let (mut from, to) = if page.body.contains("Pass it on") {
        (ada, "grace")
    } else {
        assert!(grace.get(&format!("/e/{id}")).await.body.contains("Pass it on"));
        (grace, "ada")
    };
    let answer = from.post(&format!("/e/{id}/pass"), &[("to", "linus")]).await;
    assert_eq!(answer.status, 422);
    has(&answer, &["linus may not decide this"]);
    assert_eq!(from.post(&format!("/e/{id}/pass"), &[]).await.status, 422);
    let answer = from.post(&format!("/e/{id}/pass"), &[("to", to)]).await;
    leads_to(&answer, &id, "pass");
    has(&from.get(&format!("/e/{id}?did=pass")).await, &["You passed it on"]);
}

/// A site where signatures are asked for, and ada has a passkey for it.
async fn with_passkeys() -> (Site, Authenticator) {
    let mut site = Site::prepare(POLICY, "");
    let passkey = Authenticator::of("ada", Algorithm::Es256);
    let enrolled = passkey.passkey();
    let line = format!("id: ada\n    passkeys: [{{id: {}, key: {}}}]\n", enrolled.id, enrolled.key);
    let file = site.service.path("roster.yaml");
    let text = std::fs::read_to_string(&file).unwrap().replace("id: ada\n", &line);
    std::fs::write(&file, text).unwrap();
    site.service.run().await;
    (site, passkey)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vote_that_needs_a_signature_is_signed_by_the_passkey_over_what_was_shown() {
    let (site, passkey) = with_passkeys().await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let mut ada = site.signed_in("ada").await;
    has(&ada.get(&format!("/e/{id}")).await, &["Approve and sign"]);
    let asked = decide(
        &mut ada,
        &id,
        &[("choice", "approve"), ("reason", "it's <fine>"), ("canary.max_targets", "2")],
    )
    .await;
    assert_eq!(asked.status, 200, "nothing is decided yet");
    has(
        &asked,
        &[
            "You approve it: “it's <fine>”",
            "at most 2 targets",
            "Sign with your passkey",
            "countersign review approve",
        ],
    );
    let statement = asked.input("statement");
    let stated = Statement::from_bytes(statement.as_bytes()).unwrap();
    assert_eq!(stated.escalation.to_string(), id);
    let options = Markup::of(&asked.body);
    let options =
        options.tags.iter().flat_map(|tag| &tag.attributes).find(|(name, _)| name == "data-passkey-get");
    assert!(options.unwrap().1.contains(&passkey.credential().to_string()));
    has(&ada.get(&format!("/e/{id}")).await, &["0 of 1 agreed"]);

    let ceremony =
        Ceremony { origin: site.origin.clone(), rp_id: "localhost".to_owned(), ..Ceremony::of(&statement) };
    let credential = passkey.got(&ceremony);
    let path = format!("/e/{id}/signed");
    let unsigned = ada.post(&path, &[("statement", &*statement), ("credential", "")]).await;
    assert_eq!(unsigned.status, 400);
    let other = Ceremony::of(&statement.replace("fine", "fien"));
    let other =
        passkey.got(&Ceremony { origin: site.origin.clone(), rp_id: "localhost".to_owned(), ..other });
    let forged = ada.post(&path, &[("statement", &statement), ("credential", &other)]).await;
    assert_eq!(forged.status, 400, "a signature over something else");
    let mut grace = site.signed_in("grace").await;
    let hers = grace.post(&path, &[("statement", &statement), ("credential", &credential)]).await;
    assert_eq!(hers.status, 400, "nobody brings another's vote");
    let fields = [("statement", &*statement), ("credential", &*credential)];
    let (end, answer) = tokio::join!(site.service.end_of(&id), ada.post(&path, &fields));
    leads_to(&answer, &id, "poor");
    assert_eq!(end.status, Status::Claimed);
    let grant = end.grant.unwrap();
    assert_eq!(grant.evidence.len(), 1, "the signed vote goes with the token");
    assert_eq!(ada.post(&path, &fields).await.status, 303, "sent twice, it is said once");
    has(&ada.get(&format!("/e/{id}")).await, &["signed with their own key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_passkey_the_page_says_how_to_sign_with_an_ssh_key() {
    let site = Site::start().await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let mut ada = site.signed_in("ada").await;
    let asked = decide(&mut ada, &id, &[("choice", "approve"), ("reason", "ada's reason")]).await;
    has(
        &asked,
        &[
            "You have no passkey here",
            &format!("countersign review approve {id} --as ada -m 'ada'\\''s reason'"),
        ],
    );
    // A no needs no signature: doubt is doubt.
    let (end, _) = tokio::join!(
        site.service.end_of(&id),
        decide(&mut ada, &id, &[("choice", "deny"), ("reason", "no")])
    );
    assert_eq!(end.status, Status::Denied);
}
