//! The longer ways: another operation instead, an emergency, the evidence, and time to look.

use crate::browser::{Answer, Browser};
use crate::markup::Markup;
use crate::service::{POLICY, ask, deploy};
use crate::site::Site;
use countersign::client::{Ask, Context, Status};
use countersign::escalation::vote::{Choice, Conditions};

/// A policy with one rule before all others, for those who are signed in.
fn policy(escalation: &str) -> String {
    let rule = format!(
        "rules:\n  - name: ours\n    match: {{action: deploy.release}}\n    decision: escalate\n    escalation:\n      \
         approvals: 1\n      assurance: session\n{escalation}"
    );
    POLICY.replacen("rules:\n", &rule, 1)
}

/// Nothing that a quick test would run into.
const PATIENT: &str = "      diligence: {reading_speed: 0, nights: false}\n";

#[track_caller]
fn has(answer: &Answer, words: &[&str]) {
    let text = Markup::of(&answer.body).text();
    for words in words {
        assert!(text.contains(words), "no `{words}` in: {text}");
    }
}

async fn decide(browser: &mut Browser, id: &str, fields: &[(&str, &str)]) -> Answer {
    let shown = browser.get(&format!("/e/{id}")).await.input("shown");
    let fields: Vec<_> = fields.iter().copied().chain([("shown", &*shown)]).collect();
    browser.post(&format!("/e/{id}/vote"), &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_looked_at_proposed_and_taken_by_the_agent() {
    let site = Site::start_with(&policy(PATIENT), "").await;
    let id = site
        .service
        .escalate(ask("deploy.release", "shop/production", r#"{"replicas":50,"version":"2"}"#))
        .await;
    let mut ada = site.signed_in("ada").await;
    let path = format!("/e/{id}/change");
    let form = ada.get(&path).await;
    assert!(form.body.contains("  &#34;replicas&#34;: 50,"), "{}", form.body);
    let resource = form.input("resource");
    assert_eq!(resource, "shop/production");
    let changed = "{\r\n  \"replicas\": 5,\r\n  \"version\": \"2\"\r\n}";
    let mut fields = vec![("resource", "shop/production"), ("parameters", changed), ("step", "preview")];
    let preview = ada.post(&path, &fields).await;
    has(&preview, &["What changes", "- replicas: 50", "+ replicas: 5", "People have to agree to it, too"]);
    fields[2] = ("step", "propose");
    fields.push(("reason", "five are enough"));
    let blind = ada.post(&path, &fields).await;
    assert_eq!(blind.status, 422, "nobody proposes what they have not looked at");
    let (shown, policy) = (preview.input("shown"), preview.input("policy"));
    fields.extend([("shown", &*shown), ("policy", &*policy)]);
    let mut other = fields.clone();
    other[1] = ("parameters", r#"{"replicas":6}"#);
    assert_eq!(ada.post(&path, &other).await.status, 422, "or something else than that");
    let proposed = ada.post(&path, &fields).await;
    assert_eq!(
        (proposed.status, proposed.header("location")),
        (303, &*format!("/e/{id}?did=change")),
        "{}",
        proposed.body
    );
    has(
        &ada.get(proposed.header("location")).await,
        &["Your change is proposed", "A change that waits for the agent", "five are enough", "+ replicas: 5"],
    );
    let grace = &mut site.signed_in("grace").await;
    let stale = {
        let shown = grace.get(&format!("/e/{id}")).await.input("shown");
        let fields = [("choice", "approve"), ("reason", "fine"), ("shown", &*shown)];
        grace.post(&format!("/e/{id}/vote"), &fields).await
    };
    assert_eq!(stale.status, 409);
    has(&stale, &["This changed since you looked"]);
    let accepted = site.service.agent().await.accept(&id).await.unwrap();
    let successor = accepted.pending.expect("people decide on the change as well").escalation;
    let end = site.service.end_of(&successor).await;
    assert_eq!(end.status, Status::Claimed, "the vote for it is enough");
    let op = String::from_utf8(end.grant.unwrap().op_bytes).unwrap();
    assert!(op.contains(r#""replicas":5,"#), "{op}");
    has(
        &ada.get(&format!("/e/{id}")).await,
        &["The agent took it back", "the agent accepted a changed operation"],
    );
    assert_eq!(ada.get(&path).await.status, 409, "there is nothing to change any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_denies_or_nobody_can_review_is_not_proposed() {
    let site = Site::start_with(&policy(PATIENT), "").await;
    let id = site.service.escalate(deploy("1")).await;
    let mut ada = site.signed_in("ada").await;
    let path = format!("/e/{id}/change");
    for (parameters, words) in [
        (r#"{"version":"1"}"#, "it is the operation that was asked for"),
        (r#"{"version":"1""#, "Nothing is proposed yet"),
        ("[]", "Nothing is proposed yet"),
        (r#"{"password":"x"}"#, "secret values"),
    ] {
        let fields = [("resource", "shop/production"), ("parameters", parameters), ("step", "preview")];
        let answer = ada.post(&path, &fields).await;
        assert_eq!(answer.status, 422, "{parameters}");
        has(&answer, &[words]);
    }
    let linus = site.signed_in("linus").await.get(&path).await;
    assert_eq!(linus.status, 409);
    has(&linus, &["This is for other people to decide"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_approved_at_once_and_reviewed_by_somebody_else() {
    let glass = "      reviewers: [role:security-lead, role:platform-lead]\n      break_glass:\n        \
                 reviewers: [role:oncall]\n        review: {reviewers: [role:engineer]}\n";
    let site = Site::start_with(&policy(&format!("{PATIENT}{glass}")), "").await;
    let id = site.service.escalate(deploy("1")).await;
    let (mut ada, mut linus) = (site.signed_in("ada").await, site.signed_in("linus").await);
    has(&ada.get(&format!("/e/{id}")).await, &["It is an emergency", "Break the glass"]);
    let fields = [("choice", "break_glass"), ("reason", "the shop is down"), ("emergency", "yes")];
    let asked = decide(&mut ada, &id, &fields).await;
    has(
        &asked,
        &["You approve it in an emergency", &format!("countersign review break-glass {id} --as ada")],
    );
    let glass = Choice::BreakGlass(Conditions::default());
    let (end, voted) = tokio::join!(site.service.end_of(&id), site.service.vote(&id, "ada", glass));
    assert_eq!((voted.is_ok(), end.status), (true, Status::Claimed));
    has(
        &ada.get(&format!("/e/{id}?did=break_glass")).await,
        &["It will be reviewed", "approves in an emergency"],
    );
    has(&linus.get("/").await, &["For you 1", "an emergency, to be reviewed"]);
    has(&linus.get(&format!("/e/{id}")).await, &["Was that right?"]);
    let path = format!("/e/{id}/review");
    assert_eq!(linus.post(&path, &[("justified", "yes")]).await.status, 422, "a review says why");
    assert_eq!(
        ada.post(&path, &[("justified", "yes"), ("reason", "me")]).await.status,
        409,
        "nobody reviews their own"
    );
    let answer = linus.post(&path, &[("justified", "no"), ("reason", "it could have waited")]).await;
    assert_eq!(answer.header("location"), format!("/e/{id}?did=review"), "{}", answer.body);
    has(
        &linus.get(&format!("/e/{id}")).await,
        &["linus reviewed the emergency: not justified: it could have waited"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_long_is_read_before_it_is_approved_and_the_reading_is_recorded() {
    let rules = "      diligence: {must_open: true, must_open_evidence: true, poor_votes: ask_again, reading_speed: 0, \
                 nights: false}\n";
    let site = Site::start_with(&policy(rules), "").await;
    let lines: Vec<String> = (0..600).map(|number| format!("\"line{number}\":\"{number}\"")).collect();
    let long = Ask {
        context: Context { reasoning: "because ".repeat(500), ..Context::default() },
        ..ask("deploy.release", "shop/production", &format!("{{{}}}", lines.join(",")))
    };
    let id = site.service.escalate(long).await;
    let mut ada = site.signed_in("ada").await;
    let brief = ada.get(&format!("/e/{id}")).await;
    has(&brief, &["characters more are not shown yet", "Read the rest to approve", "… 3407 characters more"]);
    assert!(!brief.body.contains("value=\"approve\"") && brief.body.contains("value=\"deny\""));
    assert!(brief.body.len() < 30 * 1024, "{} bytes", brief.body.len());
    let fields = [("choice", "approve"), ("reason", "fine")];
    let early = decide(&mut ada, &id, &fields).await;
    assert_eq!(early.status, 422);
    has(&early, &["had not opened the evidence", "Open the evidence, and vote again", "0 of 1 agreed"]);
    let whole = ada.get(&format!("/e/{id}?evidence=1")).await;
    has(&whole, &["line599", "As the executor gets it"]);
    assert!(!Markup::of(&whole.body).text().contains("characters more"));
    assert!(whole.body.contains("value=\"approve\""));
    let (end, answer) = tokio::join!(site.service.end_of(&id), decide(&mut ada, &id, &fields));
    assert_eq!((answer.header("location"), end.status), (&*format!("/e/{id}?did=approve"), Status::Claimed));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_quick_is_told_from_when_on_an_approval_counts() {
    let site = Site::start_with(&policy(&format!("{PATIENT}      min_review: 5m\n")), "").await;
    let id = site.service.escalate(deploy("1")).await;
    let mut ada = site.signed_in("ada").await;
    has(&ada.get(&format!("/e/{id}")).await, &["An approval counts in", "the rule asks for that much time"]);
    let answer = decide(&mut ada, &id, &[("choice", "approve"), ("reason", "fine")]).await;
    assert_eq!(answer.status, 422);
    has(&answer, &["That was too quick", "0 of 1 agreed"]);
    assert_eq!(
        decide(&mut ada, &id, &[("choice", "deny"), ("reason", "no")]).await.status,
        303,
        "a no needs no time"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_says_how() {
    let site = Site::start_with(&policy(PATIENT), "").await;
    let id = site.service.escalate(deploy("1")).await;
    let mut ada = site.signed_in("ada").await;
    site.service.agent().await.cancel(&id, "not needed \u{202e}any more").await.unwrap();
    let page = ada.get(&format!("/e/{id}")).await;
    has(
        &page,
        &[
            "The agent took it back",
            "not needed ⟨U+202E⟩any more",
            "There is nothing to decide here any more",
        ],
    );
    has(&ada.get("/?show=ended&state=cancelled").await, &["withdrawn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_said_is_hidden_until_ones_own_vote_where_the_rule_says_so() {
    let rules = format!("{PATIENT}      hidden_votes: true\n");
    let policy = policy(&rules).replacen(
        "approvals: 1\n      assurance: session",
        "approvals: 2\n      assurance: session",
        1,
    );
    let site = Site::start_with(&policy, "").await;
    let id = site.service.escalate(deploy("1")).await;
    let (mut ada, mut grace) = (site.signed_in("ada").await, site.signed_in("grace").await);
    let voted = decide(&mut ada, &id, &[("choice", "approve"), ("reason", "a secret opinion")]).await;
    assert_eq!(voted.status, 303, "{}", voted.body);
    has(&ada.get(&format!("/e/{id}")).await, &["1 of 2 agreed", "a secret opinion"]);
    for path in [format!("/e/{id}"), "/?show=open".to_owned()] {
        let page = grace.get(&path).await;
        has(&page, &["2 must agree"]);
        let text = Markup::of(&page.body).text();
        assert!(!text.contains("a secret opinion") && !text.contains("1 of 2"), "{text}");
    }
    has(&grace.get(&format!("/e/{id}")).await, &["What others said is hidden until you have voted"]);
    let shown = site.service.reviewer().await.show(&id).await.unwrap();
    assert!(shown.votes.is_empty() && shown.summary.approvals == 0, "a program of nobody's learns no more");
    let fields = [("choice", "approve"), ("reason", "mine")];
    let (end, _) = tokio::join!(site.service.end_of(&id), decide(&mut grace, &id, &fields));
    assert_eq!(end.approvals, 2);
    has(&grace.get(&format!("/e/{id}")).await, &["a secret opinion"]);
}
