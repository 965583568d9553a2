//! Enrolling passkeys: by an invitation that works once, from one's own account, and what that is worth afterwards.

use crate::authenticator::{Algorithm, Authenticator, Ceremony};
use crate::browser::{Answer, Browser, form, unescaped};
use crate::doors::{ceremony, site_with};
use crate::service::{approve, deploy, statement};
use crate::site::Site;
use countersign::audit::event::{Event, Record};
use countersign::audit::verify::{Auditor, Severity, Trust};
use countersign::client::ClientError;
use countersign::presence::passkey::{Asked, Challenge};
use countersign::store::embedded::Look;
use hyper::Method;

const COOKIE: &str = "__Host-countersign";

fn device(name: &str) -> Authenticator {
    Authenticator::of(name, Algorithm::EdDsa)
}

/// The path of a one-time link for this person.
async fn invite(site: &Site, person: &str) -> String {
    let invited = site.service.operator().await.invite(person).await.unwrap();
    invited.link.strip_prefix(&site.origin).unwrap().to_owned()
}

/// What a device makes when a page with such a form asks for it.
fn made(site: &Site, page: &Answer, device: &Authenticator) -> (String, String) {
    let asked = page.input("asked");
    let challenge = Asked::parse(&asked).unwrap().challenge();
    let options = page.body.split("data-passkey-create=\"").nth(1).unwrap().split('"').next().unwrap();
    let options: serde_json::Value = serde_json::from_str(&unescaped(options)).unwrap();
    assert_eq!(options["challenge"], challenge.to_string());
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    (asked, device.created(&creating(site, device, &challenge)))
}

fn creating(site: &Site, device: &Authenticator, challenge: &Challenge) -> Ceremony {
    Ceremony { origin: site.origin.clone(), rp_id: "localhost".to_owned(), ..device.creating(challenge) }
}

/// Follows a one-time link and sets up this device.
async fn enrol(site: &Site, browser: &mut Browser, link: &str, device: &Authenticator) -> Answer {
    let page = browser.get(link).await;
    if page.status != 200 {
        return page;
    }
    let (asked, credential) = made(site, &page, device);
    let invitation = page.input("invitation");
    let fields =
        [("invitation", &*invitation), ("asked", &asked), ("credential", &credential), ("name", "phone")];
    browser.post_bare("/enrol", &fields).await
}

async fn sign_in(site: &Site, browser: &mut Browser, device: &Authenticator) -> Answer {
    let answer = browser.get("/sign-in/challenge").await;
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let asked = json["asked"].as_str().unwrap();
    let credential = device.got(&ceremony(site, &Asked::parse(asked).unwrap().challenge()));
    browser.post_bare("/sign-in", &[("asked", asked), ("credential", &credential)]).await
}

/// Adds this device from the account page.
async fn add(site: &Site, browser: &mut Browser, device: &Authenticator) -> Answer {
    let page = browser.get("/account").await;
    let (asked, credential) = made(site, &page, device);
    browser
        .post("/account/passkeys", &[("asked", &asked), ("credential", &credential), ("name", "key")])
        .await
}

/// Votes for a deployment with a passkey, over the reviewers' service.
async fn vote(site: &Site, who: &str, device: &Authenticator) -> Result<(), ClientError> {
    let id = site.service.escalate(deploy(&format!("{who}-{}", device.credential()))).await;
    let reviewer = site.service.reviewer().await;
    let shown = reviewer.show(&id).await.unwrap();
    let statement = statement(&shown, who, approve(&[]));
    let ceremony = ceremony(site, &Challenge::of_vote(&statement.to_bytes()));
    let signed = device.vote(&statement.to_text(), &ceremony);
    reviewer.vote(&id, signed.statement.into_bytes(), signed.signature).await.map(drop)
}

#[tokio::test]
async fn an_invited_person_sets_up_a_passkey_signs_in_with_it_and_signs_votes() {
    let mut site = site_with("").await;
    let (mut linus, phone) = (site.browser(), device("linus"));
    let link = invite(&site, "linus").await;
    let entered = enrol(&site, &mut linus, &link, &phone).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/account"), "{}", entered.body);
    let account = linus.get("/account").await.body;
    assert!(
        account.contains("<strong>phone</strong>") && account.contains("invitation by olga"),
        "{account}"
    );
    assert_eq!(sign_in(&site, &mut site.browser(), &phone).await.status, 303);

    let (mut grace, her_phone) = (site.browser(), device("grace"));
    let link = invite(&site, "grace").await;
    enrol(&site, &mut grace, &link, &her_phone).await;
    vote(&site, "grace", &her_phone).await.unwrap();
    // … and also after a restart, and after a roster that is read anew.
    site.service.stop().await;
    site.service.run().await;
    vote(&site, "grace", &her_phone).await.unwrap();
    let file = site.service.path("roster.yaml");
    let roster = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{roster}  - id: eve\n")).unwrap();
    site.service.operator().await.reload_policy().await.unwrap();
    vote(&site, "grace", &her_phone).await.unwrap();
    // What is enrolled can be pinned.
    let known = site.service.operator().await.passkeys().await.unwrap();
    let hers =
        known.passkeys.iter().find(|one| one.credential == her_phone.credential().to_string()).unwrap();
    assert_eq!(
        (&*hers.person, &hers.enrolled.as_ref().unwrap().1),
        ("grace", &"invitation by olga".to_owned())
    );
    let line =
        format!("grace passkey {} {} {} {}", known.rp_id, known.origins.join(","), hers.credential, hers.key);
    countersign::escalation::evidence::PinnedKeys::parse(&line).unwrap();
}

#[tokio::test]
async fn an_operator_revokes_what_was_enrolled_and_ends_every_session() {
    let site = site_with("").await;
    let (mut linus, phone) = (site.browser(), device("linus"));
    let link = invite(&site, "linus").await;
    enrol(&site, &mut linus, &link, &phone).await;
    let operator = site.service.operator().await;
    let credential = phone.credential().to_string();
    assert!(operator.revoke_passkeys("linus", Some("another")).await.is_err());
    assert_eq!(linus.get("/account").await.status, 200);
    assert_eq!(operator.revoke_passkeys("linus", None).await.unwrap(), [credential]);
    assert_eq!(linus.get("/account").await.status, 303, "the session is over");
    assert_ne!(sign_in(&site, &mut site.browser(), &phone).await.status, 303);
    assert!(operator.revoke_passkeys("linus", None).await.is_err(), "there is nothing left");
}

#[tokio::test]
async fn an_invitation_works_once_for_its_person_and_outlives_a_restart() {
    let mut site = site_with("").await;
    let (first, second) = (invite(&site, "linus").await, invite(&site, "linus").await);
    site.service.stop().await;
    site.service.run().await;
    for _ in 0..3 {
        let preview = site.browser().get(&first).await;
        assert_eq!(preview.status, 200, "a mail scanner uses nothing up");
    }
    let mut linus = site.browser();
    assert_eq!(enrol(&site, &mut linus, &first, &device("linus")).await.status, 303);
    for link in [&first, &second] {
        let again = enrol(&site, &mut site.browser(), link, &device("mallory")).await;
        assert_eq!(again.status, 410, "what it was for is done: {}", again.body);
    }
    let cut = &first[..first.len() - 2];
    for wrong in [cut, "/enrol", "/enrol?invitation=", "/enrol?invitation=AAAA"] {
        assert_eq!(site.browser().get(wrong).await.status, 410, "{wrong}");
    }
    let operator = site.service.operator().await;
    assert_eq!(crate::service::code(operator.invite("nobody").await.unwrap_err()), "NotFound");
}

#[tokio::test]
async fn an_invitation_sets_up_a_passkey_of_its_person_only() {
    let site = site_with("").await;
    let link = invite(&site, "linus").await;
    let mut browser = site.browser();
    let page = browser.get(&link).await;
    let invitation = page.input("invitation");
    let post = |asked: String, credential: String| {
        let (mut browser, invitation) = (site.browser(), invitation.clone());
        async move {
            let fields = [("invitation", &*invitation), ("asked", &asked), ("credential", &credential)];
            let answer = browser.post_bare("/enrol", &fields).await;
            assert_eq!(browser.cookie(COOKIE), None);
            (answer.status, answer.body)
        }
    };
    let phone = device("linus");
    let (asked, credential) = made(&site, &page, &phone);
    let challenge = Asked::parse(&asked).unwrap().challenge();
    let good = creating(&site, &phone, &challenge);
    for (what, ceremony, code) in [
        (
            "another origin",
            Ceremony { origin: "https://evil.example".into(), ..good.clone() },
            "passkey.other_origin",
        ),
        (
            "another relying party",
            Ceremony { rp_id: "evil.example".into(), ..good.clone() },
            "passkey.other_relying_party",
        ),
        ("nobody recognised", Ceremony { flags: 0x41, ..good.clone() }, "passkey.user_not_verified"),
        (
            "another challenge",
            creating(&site, &phone, &Challenge::from_bytes([1; 32])),
            "passkey.other_challenge",
        ),
        ("a signature", ceremony(&site, &challenge), "passkey.registration.type"),
    ] {
        let (status, body) = post(asked.clone(), phone.created(&ceremony)).await;
        assert!(status == 403 && body.contains(&format!("({code})")), "{what}: {status} {body}");
    }
    // A question that was asked of somebody else, or for signing in.
    let grace = invite(&site, "grace").await;
    let hers = made(&site, &browser.get(&grace).await, &phone);
    assert_eq!(post(hers.0, hers.1).await.0, 403);
    let json: serde_json::Value =
        serde_json::from_str(&browser.get("/sign-in/challenge").await.body).unwrap();
    let sign_in = json["asked"].as_str().unwrap().to_owned();
    let challenge = Asked::parse(&sign_in).unwrap().challenge();
    assert_eq!(post(sign_in, phone.created(&creating(&site, &phone, &challenge))).await.0, 403);
    // Somebody's passkey is nobody else's.
    let taken = Authenticator::of("ada", Algorithm::Es256);
    let (asked_again, theirs) = made(&site, &browser.get(&link).await, &taken);
    let (status, body) = post(asked_again, theirs).await;
    assert!(status == 409 && body.contains("enrolled already"), "{status} {body}");
    // From another page nobody sets up anything.
    let body = form(&[("invitation", &invitation), ("asked", &asked), ("credential", &credential)]);
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://evil.example")];
    assert_eq!(site.browser().send(Method::POST, "/enrol", &headers, &body).await.status, 403);
    assert_eq!(enrol(&site, &mut browser, &link, &phone).await.status, 303, "none of these used it up");
}

#[tokio::test]
async fn one_adds_and_removes_passkeys_of_ones_own() {
    let site = site_with("").await;
    let mut ada = site.browser();
    sign_in(&site, &mut ada, &Authenticator::of("ada", Algorithm::Es256)).await;
    let (key, spare) = (device("ada"), device("ada's spare"));
    assert_eq!(add(&site, &mut ada, &key).await.status, 303);
    assert_eq!(add(&site, &mut ada, &spare).await.status, 303);
    assert_eq!(add(&site, &mut ada, &key).await.status, 409, "once is enough");
    let mut with_key = site.browser();
    assert_eq!(sign_in(&site, &mut with_key, &key).await.status, 303);
    vote(&site, "ada", &key).await.unwrap();

    // Nobody removes another's, nor what the roster has.
    let mut grace = site.signed_in("grace").await;
    let id = key.credential().to_string();
    assert_eq!(grace.post("/account/passkeys/remove", &[("passkey", &id)]).await.status, 409);
    let listed = Authenticator::of("ada", Algorithm::Es256).credential().to_string();
    assert_eq!(ada.post("/account/passkeys/remove", &[("passkey", &listed)]).await.status, 409);
    assert_eq!(with_key.get("/account").await.status, 200);

    assert_eq!(ada.post("/account/passkeys/remove", &[("passkey", &id)]).await.status, 303);
    assert_eq!(with_key.get("/account").await.status, 303, "a removed passkey's session is over");
    assert_eq!(sign_in(&site, &mut site.browser(), &key).await.status, 403);
    assert!(vote(&site, "ada", &key).await.is_err(), "nor does it sign votes any more");
    vote(&site, "ada", &spare).await.unwrap();
}

#[tokio::test]
async fn the_last_way_in_is_not_removed_by_mistake() {
    let mut site = Site::prepare(crate::service::POLICY, "");
    let file = site.service.path("roster.yaml");
    let roster = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{roster}  - id: eve\n    roles: [oncall]\n")).unwrap();
    site.service.run().await;
    let (mut eve, phone) = (site.browser(), device("eve"));
    let link = invite(&site, "eve").await;
    enrol(&site, &mut eve, &link, &phone).await;
    let id = phone.credential().to_string();
    let refused = eve.post("/account/passkeys/remove", &[("passkey", &id)]).await;
    assert!(refused.status == 409 && refused.body.contains("last way in"), "{}", refused.body);
    let removed = eve.post("/account/passkeys/remove", &[("passkey", &id), ("knowing", "yes")]).await;
    assert_eq!(removed.status, 303);
    assert_eq!(eve.get("/account").await.status, 303, "and that was that");
}

#[tokio::test]
async fn a_form_of_another_session_adds_nothing() {
    let site = site_with("").await;
    let (mut ada, mut grace) = (site.signed_in("ada").await, site.signed_in("grace").await);
    let page = ada.get("/account").await;
    let (asked, credential) = made(&site, &page, &device("mallory"));
    let answer = grace.post("/account/passkeys", &[("asked", &asked), ("credential", &credential)]).await;
    assert_eq!(answer.status, 403, "the question was put to ada");
    let bare = ada.post_bare("/account/passkeys", &[("asked", &asked), ("credential", &credential)]).await;
    assert_eq!(bare.status, 403, "without the session's own token");
    assert_eq!(site.service.operator().await.passkeys().await.unwrap().passkeys.len(), 2);
}

/// What an auditor finds in these records.
fn findings(site: &Site, records: Vec<Record>) -> Vec<&'static str> {
    let roots = site.service.anchor().roots().to_vec();
    let mut auditor = Auditor::new(Trust { roots, policy: None });
    let found = (0..).zip(records).flat_map(|(index, record)| auditor.take(index, record));
    let mut found: Vec<_> = found.collect();
    found.extend(auditor.end().0);
    found.retain(|finding| finding.severity == Severity::Finding);
    found.iter().map(|finding| finding.code).collect()
}

#[tokio::test]
async fn an_auditor_follows_what_people_enrolled() {
    let mut site = site_with("").await;
    let (mut ada, key) = (site.browser(), device("ada"));
    sign_in(&site, &mut ada, &Authenticator::of("ada", Algorithm::Es256)).await;
    add(&site, &mut ada, &key).await;
    vote(&site, "ada", &key).await.unwrap();
    site.service.stop().await;
    let config = site.service.config();
    let look = Look::into_store(&config.data).unwrap();
    let records: Vec<Record> = look.from(0).map(|read| read.unwrap().1).collect();
    assert_eq!(findings(&site, records.clone()), [""; 0]);
    let place = records.iter().position(|one| matches!(one.event, Event::ProfileChanged { .. })).unwrap();

    let mut never = records.clone();
    never.remove(place);
    assert!(findings(&site, never).contains(&"vote.not_signed"), "by a passkey that was never enrolled");

    let mut removed = records.clone();
    let mut gone = records[place].clone();
    // Long before the vote, so that it cannot have been in force when that was judged.
    for record in &mut removed[..=place] {
        record.at = record.at.minus(std::time::Duration::from_secs(600));
    }
    gone.at = removed[place].at;
    if let Event::ProfileChanged { profile, .. } = &mut gone.event {
        profile.passkeys.clear();
        profile.revision += 1;
    }
    removed.insert(place + 1, gone);
    assert!(findings(&site, removed).contains(&"vote.not_signed"), "by a passkey that was removed");

    let mut skipped = records.clone();
    if let Event::ProfileChanged { profile, .. } = &mut skipped[place].event {
        profile.revision += 1;
    }
    assert_eq!(findings(&site, skipped), ["profile.not_followed"]);

    let mut none = records;
    if let Event::ProfileChanged { profile, .. } = &mut none[place].event {
        profile.passkeys[0].key = "AAAA".to_owned();
    }
    assert!(findings(&site, none).contains(&"profile.unreadable"));
}
