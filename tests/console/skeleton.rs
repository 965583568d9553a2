//! What holds for every page: who may see it, what is around it, and what its headers say.

use crate::site::Site;
use hyper::Method;

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to() {
    let site = Site::start().await;
    let answer = site.browser().get("/account").await;
    assert_eq!((answer.status, answer.header("location")), (303, "/sign-in?to=/account"));
}

#[tokio::test]
async fn a_session_of_a_reviewers_own_key_opens_the_console_and_ends_with_it() {
    let site = Site::start().await;
    let mut ada = site.signed_in("ada").await;
    let account = ada.get("/account").await;
    assert_eq!(account.status, 200);
    assert!(account.body.contains("<h1>ada</h1>"), "{}", account.body);
    let stolen = ada.clone();
    let answer = ada.post("/sign-out", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/sign-in"));
    assert_eq!(ada.cookie("__Host-countersign"), None);
    assert_eq!(stolen.clone().get("/account").await.status, 303, "what was copied is worth nothing any more");
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let site = Site::start().await;
    let mut ada = site.signed_in("ada").await;
    for path in ["/account", "/nowhere", "/static/nothing.css", "/sign-out"] {
        let answer = ada.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    let page = ada.get("/account").await.body;
    let style = page.split("href=\"").find(|part| part.contains("console.")).unwrap();
    let style = ada.get(style.split('"').next().unwrap()).await;
    assert_eq!((style.status, style.header("content-type")), (200, "text/css; charset=utf-8"));
    assert!(style.header("cache-control").contains("immutable"));
}

#[tokio::test]
async fn a_form_is_only_taken_from_a_page_of_this_session() {
    let site = Site::start().await;
    let mut ada = site.signed_in("ada").await;
    let mut grace = site.signed_in("grace").await;
    let (own, other) = (ada.form_token().await, grace.form_token().await);
    assert_eq!(ada.post_bare("/sign-out", &[]).await.status, 403, "no token");
    assert_eq!(ada.post_bare("/sign-out", &[("form_token", &other)]).await.status, 403, "somebody else's");
    let body = format!("form_token={own}");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    for headers in [
        vec![kind],
        vec![kind, ("origin", "https://evil.example")],
        vec![kind, ("origin", "null")],
        vec![kind, ("origin", site.origin.as_str()), ("sec-fetch-site", "cross-site")],
        vec![kind, ("origin", site.origin.as_str()), ("sec-fetch-site", "same-site")],
    ] {
        let answer = ada.send(Method::POST, "/sign-out", &headers, &body).await;
        assert_eq!(answer.status, 403, "{headers:?}");
    }
    assert_eq!(ada.get("/account").await.status, 200, "still signed in");
}
