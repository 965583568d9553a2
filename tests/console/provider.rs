//! Signing in at the identity provider: a fake one on loopback, and everything that could be mixed up on the way.

use crate::browser::{Answer, Browser};
use crate::identity::{AUDIENCE, ISSUER, Provider, claims, header, with};
use crate::site::Site;
use countersign::digest::{base64url, sha256};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

const COOKIE: &str = "__Host-countersign";
const FLOW: &str = "__Host-countersign-oidc";

/// What the token endpoint answers, and what it was asked.
#[derive(Default)]
struct Endpoint {
    answers: Mutex<Vec<(u16, String)>>,
    asked: Mutex<Vec<(String, BTreeMap<String, String>)>>,
}

impl Endpoint {
    async fn start(self: &Arc<Self>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let endpoint = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let endpoint = endpoint.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let endpoint = endpoint.clone();
                    async move { Ok::<_, hyper::Error>(endpoint.answer(request).await) }
                });
                let io = TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
            }
        });
        port
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let known =
            request.headers().get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        self.asked.lock().unwrap().push((known, fields(core::str::from_utf8(&body).unwrap())));
        let (status, body) = self.answers.lock().unwrap().pop().expect("nobody was to ask");
        Response::builder().status(status).header("location", "/elsewhere").body(Full::from(body)).unwrap()
    }

    fn next(&self, status: u16, body: impl Into<String>) {
        self.answers.lock().unwrap().push((status, body.into()));
    }
}

/// The fields of a query or a form.
fn fields(text: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::new(), 0);
        while at < bytes.len() {
            let byte = match bytes[at] {
                b'%' => {
                    at += 2;
                    u8::from_str_radix(&text[at - 1..=at], 16).unwrap()
                }
                b'+' => b' ',
                byte => byte,
            };
            decoded.push(byte);
            at += 1;
        }
        String::from_utf8(decoded).unwrap()
    };
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (decode(name), decode(value)));
    text.split('&').filter_map(pair).collect()
}

struct World {
    site: Site,
    endpoint: Arc<Endpoint>,
    provider: Provider,
}

/// A browser that was sent to the provider, and with what.
struct Sent {
    browser: Browser,
    query: BTreeMap<String, String>,
}

impl World {
    async fn start(more: &str) -> Self {
        let (endpoint, provider) = (Arc::new(Endpoint::default()), Provider::new());
        let port = endpoint.start().await;
        let lines = format!(
            "oidc:\n  issuer: {ISSUER}\n  audience: {AUDIENCE}\n  jwks: jwks.json\n  client_id: console\n  \
             client_secret_file: secret\n  authorize_url: https://id.acme.example/authorize?tenant=1\n  \
             token_url: http://127.0.0.1:{port}/token\n{more}"
        );
        let mut site = Site::prepare(crate::service::POLICY, "");
        let file = site.service.path("countersign.yaml");
        let config = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{config}{lines}")).unwrap();
        std::fs::write(site.service.path("jwks.json"), provider.jwks()).unwrap();
        countersign::files::write_private(&site.service.path("secret"), b"s3cret/\n").unwrap();
        site.service.run().await;
        Self { site, endpoint, provider }
    }

    async fn sent(&self, to: &str) -> Sent {
        let mut browser = self.site.browser();
        let page = browser.get(&format!("/sign-in?to={to}")).await;
        assert!(page.body.contains("Sign in with id.acme.example"), "{}", page.body);
        let answer = browser.get(&format!("/sign-in/provider?to={to}")).await;
        let url = answer.header("location");
        let query = url.strip_prefix("https://id.acme.example/authorize?tenant=1&").unwrap();
        let query = fields(query);
        Sent { browser, query }
    }

    /// A token for ada as the provider makes it, with these claims changed.
    fn token(&self, sent: &Sent, changes: &Value) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let own = json!({ "aud": "console", "nonce": sent.query["nonce"] });
        let claims = with(with(claims("ada@example.com", now), &own), changes);
        self.provider.sign("rsa", &header("rsa"), &claims)
    }

    fn gives(&self, token: &str) {
        self.endpoint
            .next(200, json!({ "token_type": "Bearer", "id_token": token, "access_token": "x" }).to_string());
    }
}

impl Sent {
    async fn back(&mut self, query: &str) -> Answer {
        self.browser.get(&format!("/sign-in/callback?{query}")).await
    }

    fn good(&self) -> String {
        format!("code=abc&state={}", self.query["state"])
    }
}

#[tokio::test]
async fn who_the_provider_vouches_for_is_signed_in() {
    let world = World::start("").await;
    let mut sent = world.sent("/account").await;
    assert_eq!((&*sent.query["response_type"], &*sent.query["client_id"]), ("code", "console"));
    assert_eq!(sent.query["code_challenge_method"], "S256");
    assert_eq!(sent.query["redirect_uri"], format!("{}/sign-in/callback", world.site.origin));
    world.gives(&world.token(&sent, &json!({})));
    let good = sent.good();
    let entered = sent.back(&good).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/account"), "{}", entered.body);
    assert_eq!(sent.browser.cookie(FLOW), None, "it is good once");
    let (known, asked) = world.endpoint.asked.lock().unwrap().pop().unwrap();
    assert_eq!(known, "Basic Y29uc29sZTpzM2NyZXQlMkY=", "console:s3cret%2F");
    assert_eq!((&*asked["grant_type"], &*asked["code"]), ("authorization_code", "abc"));
    assert_eq!(asked["redirect_uri"], sent.query["redirect_uri"]);
    assert_eq!(base64url(&sha256(&[asked["code_verifier"].as_bytes()])), sent.query["code_challenge"]);
    let account = sent.browser.get("/account").await.body;
    assert!(account.contains("account ada@example.com"), "{account}");
    assert!(!account.contains("data-passkey-create"), "the provider's word alone enrols no passkey");
    let refused = sent.browser.post("/account/passkeys", &[("asked", "x")]).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn the_providers_word_enrols_passkeys_where_the_configuration_says_so() {
    let world = World::start("  enrol: true\n").await;
    let mut sent = world.sent("/account").await;
    world.gives(&world.token(&sent, &json!({})));
    let good = sent.good();
    sent.back(&good).await;
    assert!(sent.browser.get("/account").await.body.contains("data-passkey-create"));
}

#[tokio::test]
async fn an_answer_counts_for_the_browser_that_asked_and_for_what_it_asked() {
    let world = World::start("").await;
    // Without having begun, or with another's answer: nobody asks the provider anything.
    let mut sent = world.sent("/").await;
    let other = world.sent("/").await;
    let (good, others) = (sent.good(), other.good());
    let stranger = world.site.browser().get(&format!("/sign-in/callback?{good}")).await;
    assert!(stranger.status == 403 && stranger.body.contains("oidc.not_begun"), "{}", stranger.body);
    let mixed = sent.back(&others).await;
    assert!(mixed.status == 403 && mixed.body.contains("oidc.state"), "{}", mixed.body);
    let late = sent.back(&good).await;
    assert!(late.body.contains("oidc.not_begun"), "a wrong answer ends it: {}", late.body);
    for (query, code) in [
        ("code=abc", "oidc.state"),
        ("code=&state=STATE", "oidc.state"),
        ("state=STATE", "oidc.state"),
        ("code=abc&state=STATE&iss=https://evil.example", "oidc.other_issuer"),
        ("error=access_denied&state=STATE", "oidc.provider"),
        ("error=%3Cscript%3E&state=STATE", "oidc.provider"),
    ] {
        let mut sent = world.sent("/").await;
        let query = query.replace("STATE", &sent.query["state"]);
        let answer = sent.back(&query).await;
        assert!(answer.status == 403 && answer.body.contains(code), "{query}: {}", answer.body);
        assert!(!answer.body.contains("<script>"), "{}", answer.body);
        assert_eq!((sent.browser.cookie(COOKIE), sent.browser.cookie(FLOW)), (None, None), "{query}");
    }
    let mut sent = world.sent("/").await;
    sent.browser.set_cookie(FLOW, &base64url(&[0; 200]));
    let good = sent.good();
    assert!(sent.back(&good).await.body.contains("oidc.not_begun"), "a cookie that nobody sealed");
    assert!(world.endpoint.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_token_that_is_not_the_answer_signs_nobody_in() {
    let world = World::start("").await;
    for (changes, code) in [
        (json!({ "nonce": "another" }), "oidc.nonce"),
        (json!({ "nonce": null }), "oidc.nonce"),
        (json!({ "iss": "https://evil.example" }), "oidc.issuer"),
        (json!({ "aud": AUDIENCE }), "oidc.audience"),
        (json!({ "aud": "another-client" }), "oidc.audience"),
        (json!({ "email": "eve@example.com" }), "oidc.unknown_account"),
        (json!({ "email_verified": false }), "oidc.email_unverified"),
        (json!({ "exp": 1_000_000_000, "iat": 999_999_000 }), "oidc.expired"),
    ] {
        let mut sent = world.sent("/").await;
        world.gives(&world.token(&sent, &changes));
        let good = sent.good();
        let answer = sent.back(&good).await;
        assert!(
            answer.status == 403 && answer.body.contains(&format!("({code})")),
            "{changes}: {}",
            answer.body
        );
        assert_eq!(sent.browser.cookie(COOKIE), None, "{changes}");
    }
    let huge = format!("{{\"id_token\":\"{}\"}}", "x".repeat(1 << 20));
    for (status, body) in [(302, ""), (400, "{}"), (500, ""), (200, "{}"), (200, "nonsense"), (200, &*huge)] {
        let mut sent = world.sent("/").await;
        world.endpoint.next(status, body);
        let good = sent.good();
        let answer = sent.back(&good).await;
        assert!(answer.status == 502 && answer.body.contains("oidc.exchange"), "{status}: {}", answer.body);
        assert_eq!(sent.browser.cookie(COOKIE), None);
    }
}

#[tokio::test]
async fn one_answer_signs_in_once_also_where_its_cookie_was_copied() {
    let world = World::start("").await;
    let mut sent = world.sent("/").await;
    let mut copy = sent.browser.clone();
    let token = world.token(&sent, &json!({}));
    let good = sent.good();
    world.gives(&token);
    assert_eq!(sent.back(&good).await.status, 303);
    world.gives(&token);
    let again = copy.get(&format!("/sign-in/callback?{good}")).await;
    assert!(again.status == 403 && again.body.contains("sign_in.answered"), "{}", again.body);
}
