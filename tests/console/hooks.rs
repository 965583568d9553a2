//! Votes that programs send in, and everything else that is sent there.

use crate::browser::{Answer, Browser};
use crate::links::a_click_is_enough;
use crate::service::{POLICY, deploy};
use crate::site::Site;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::client::Status;
use countersign::clock::{Clock as _, SystemClock};
use ed25519_dalek::{Signer as _, SigningKey};
use hyper::Method;
use ring::hmac;
use std::os::unix::fs::PermissionsExt as _;

const SECRET: [u8; 32] = [5; 32];
const CHANNELS: &str = "channels:\n  hooks:\n    - {name: pager, person: ada, key_file: pager}\n    \
                        - {name: keyed, person: grace, key_file: keyed}\n    - {name: ghost, person: gone, key_file: pager}\n";

async fn site(policy: &str) -> Site {
    let mut site = Site::prepare(policy, "");
    site.configure(CHANNELS);
    let public = STANDARD.encode(SigningKey::from_bytes(&SECRET).verifying_key().as_bytes());
    for (name, text) in
        [("pager", format!("whsec_{}\n", STANDARD.encode(SECRET))), ("keyed", format!("whpk_{public}"))]
    {
        let file = site.service.path(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    site.service.run().await;
    site
}

fn seconds() -> u64 {
    SystemClock::start().now().unix_seconds()
}

fn mac(id: &str, at: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes())))
}

async fn send(site: &Site, name: &str, id: &str, at: u64, signature: &str, body: &str) -> Answer {
    let at = at.to_string();
    let headers = [("webhook-id", id), ("webhook-timestamp", &*at), ("webhook-signature", signature)];
    Browser::at(&site.origin).send(Method::POST, &format!("/hooks/{name}"), &headers, body).await
}

async fn signed(site: &Site, id: &str, body: &str) -> Answer {
    let at = seconds();
    send(site, "pager", id, at, &mac(id, at, body), body).await
}

async fn vote(site: &Site, id: &str, decision: &str) -> String {
    let shown = site.service.reviewer().await.show(id).await.unwrap().rendering_digest;
    format!(
        r#"{{"type":"vote","timestamp":"2026-11-22T03:00:00Z","data":{{"escalation":"{id}","shown":"{shown}","decision":"{decision}","reason":"on call says so"}}}}"#
    )
}

async fn votes(site: &Site, id: &str) -> Vec<(String, String)> {
    let shown = site.service.reviewer().await.show(id).await.unwrap();
    shown.votes.into_iter().map(|vote| (vote.reviewer, vote.assurance)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_votes_in_the_name_of_its_person_once() {
    let site = site(&a_click_is_enough()).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let body = vote(&site, &id, "approve").await;
    let (end, answer) = tokio::join!(site.service.end_of(&id), signed(&site, "msg_1", &body));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(end.status, Status::Claimed);
    assert_eq!(votes(&site, &id).await, [("ada".to_owned(), "channel".to_owned())]);
    let again = signed(&site, "msg_1", &body).await;
    assert_eq!(again.status, 409, "{}", again.body);
    let anew = signed(&site, "msg_2", &body).await;
    assert_eq!(anew.status, 403, "{}", anew.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_by_the_programs_own_key_is_as_good() {
    let site = site(&a_click_is_enough()).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let body = vote(&site, &id, "deny").await;
    let at = seconds();
    let signature = SigningKey::from_bytes(&SECRET).sign(format!("msg_1.{at}.{body}").as_bytes());
    let signature = format!("v1a,{}", STANDARD.encode(signature.to_bytes()));
    // The one program's signature is not the other's.
    assert_eq!(send(&site, "pager", "msg_1", at, &signature, &body).await.status, 401);
    assert_eq!(send(&site, "keyed", "msg_1", at, &signature, &body).await.status, 200);
    assert_eq!(votes(&site, &id).await, [("grace".to_owned(), "channel".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_now_or_not_understood_is_no_vote() {
    let site = site(&a_click_is_enough()).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let body = vote(&site, &id, "approve").await;
    let now = seconds();
    for (at, signature, status) in [
        (now, String::new(), 401),
        (now, mac("msg_2", now, &body), 401),
        (now, mac("msg_1", now + 1, &body), 401),
        (now, mac("msg_1", now, "{}"), 401),
        (now - 301, mac("msg_1", now - 301, &body), 401),
        (now + 330, mac("msg_1", now + 330, &body), 401),
    ] {
        let answer = send(&site, "pager", "msg_1", at, &signature, &body).await;
        assert_eq!(answer.status, status, "{at} {signature}: {}", answer.body);
    }
    assert_eq!(send(&site, "nobody", "msg_1", now, &mac("msg_1", now, &body), &body).await.status, 404);
    assert_eq!(send(&site, "ghost", "msg_1", now, &mac("msg_1", now, &body), &body).await.status, 403);
    for (body, status) in [
        ("", 400),
        ("[]", 400),
        (r#"{"type":"vote","type":"vote"}"#, 400),
        (&*body.replace("\"vote\"", "\"approve\""), 400),
        (&*body.replace("\"approve\"", "\"break_glass\""), 400),
        (&*body.replace("\"reason\":\"on call says so\"", "\"reason\":\"\""), 400),
        (&*body.replace("on call", "on\\u202ecall"), 400),
        (&*body.replace("\"reason\"", "\"reviewer\":\"grace\",\"reason\""), 400),
        (&*body.replace("\"data\"", "\"more\":1,\"data\""), 400),
        (&*body.replace(&id, "esc_x"), 400),
        (&*body.replace(&id, "esc_AAAAAAAAAAAAAAAAAAAAAA"), 403),
        (&*" ".repeat(70_000), 413),
    ] {
        let answer = signed(&site, "msg_1", body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    assert_eq!(Browser::at(&site.origin).get("/hooks/pager").await.status, 405);
    assert_eq!(votes(&site, &id).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_wants_more_takes_a_no_and_no_yes() {
    let site = site(POLICY).await;
    let id = site.service.escalate(deploy("1.2.3")).await;
    let yes = vote(&site, &id, "approve").await;
    assert_eq!(signed(&site, "msg_1", &yes).await.status, 403);
    assert_eq!(votes(&site, &id).await, []);
    assert_eq!(signed(&site, "msg_2", &vote(&site, &id, "deny").await).await.status, 200);
    assert_eq!(votes(&site, &id).await, [("ada".to_owned(), "channel".to_owned())]);
}
