//! Subscribing one's browsers to notices.

use crate::browser::Browser;
use crate::site::Site;
use countersign::digest::base64url;
use p256::elliptic_curve::sec1::ToSec1Point as _;

const CHANNELS: &str = "channels:\n  push: {contact: \"mailto:ops@acme.example\"}\n";

async fn site() -> Site {
    let mut site = Site::prepare(crate::service::POLICY, "");
    site.configure(CHANNELS);
    site.service.run().await;
    site
}

fn key() -> String {
    let secret = p256::SecretKey::from_slice(&[3; 32]).unwrap();
    base64url(secret.public_key().to_sec1_point(false).as_bytes())
}

async fn subscribe(browser: &mut Browser, endpoint: &str, key: &str, name: &str) -> u16 {
    let auth = base64url(&[1; 16]);
    let fields = [("endpoint", endpoint), ("p256dh", key), ("auth", &*auth), ("name", name)];
    browser.post("/account/browsers", &fields).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_subscribes_their_browsers_and_nobody_elses() {
    let site = site().await;
    let mut ada = site.signed_in("ada").await;
    let page = ada.get("/account/browsers").await;
    assert!(page.body.contains("data-key=\"B") && page.body.contains("Nowhere yet"), "{}", page.body);
    assert!(ada.get("/account").await.body.contains("/account/browsers"));
    assert_eq!(subscribe(&mut ada, "https://push.example.net/1", &key(), "<b>Phone\u{202e}").await, 303);
    let page = ada.get("/account/browsers").await;
    assert!(page.body.contains("&#60;b&#62;Phone"), "{}", page.body);
    assert!(!page.body.contains('\u{202e}') && page.body.contains("push.example.net"));
    // The address is a secret of the browser and its service.
    assert!(!page.body.contains("push.example.net/1"));
    let id = page.input("browser");
    let mut grace = site.signed_in("grace").await;
    grace.post("/account/browsers/remove", &[("browser", &id)]).await;
    assert_eq!(ada.get("/account/browsers").await.input("browser"), id);
    ada.post("/account/browsers/remove", &[("browser", &id)]).await;
    assert!(ada.get("/account/browsers").await.body.contains("Nowhere yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_browser_leads_inside_and_no_other_page_subscribes_one() {
    let site = site().await;
    let mut ada = site.signed_in("ada").await;
    for endpoint in
        ["https://127.0.0.1/x", "https://169.254.169.254/latest", "http://push.example.net/", "", "x"]
    {
        assert_eq!(subscribe(&mut ada, endpoint, &key(), "x").await, 422, "{endpoint}");
    }
    assert_eq!(subscribe(&mut ada, "https://push.example.net/1", "AAAA", "x").await, 422);
    let fields = [("endpoint", "https://push.example.net/1"), ("p256dh", &*key()), ("auth", "AAAA")];
    assert_eq!(ada.post_bare("/account/browsers", &fields).await.status, 403);
    assert_eq!(site.browser().get("/account/browsers").await.status, 303);
    assert!(ada.get("/account/browsers").await.body.contains("Nowhere yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_is_for_the_whole_console_and_never_old() {
    let site = site().await;
    let worker = site.browser().get("/service-worker.js").await;
    assert_eq!(worker.status, 200);
    assert_eq!(worker.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!((worker.header("cache-control"), worker.header("service-worker-allowed")), ("no-cache", "/"));
    assert!(worker.header("content-security-policy").contains("default-src 'none'"));
}
