//! Who is at the console, and that nobody else is: signing in with a passkey, and everything that is tried instead.

use crate::authenticator::{Algorithm, Authenticator, Ceremony};
use crate::browser::{Answer, Browser};
use crate::site::Site;
use countersign::presence::passkey::{Asked, Challenge};
use hyper::Method;

const COOKIE: &str = "__Host-countersign";

/// A person's passkey on the pages of this site.
fn device(person: &str) -> Authenticator {
    Authenticator::of(person, Algorithm::Es256)
}

/// A site in whose roster ada and grace have a passkey each.
pub(crate) async fn site() -> Site {
    site_with("").await
}

pub(crate) async fn site_with(config_lines: &str) -> Site {
    let mut site = Site::prepare(crate::service::POLICY, config_lines);
    let file = site.service.path("roster.yaml");
    let mut roster = std::fs::read_to_string(&file).unwrap();
    for person in ["ada", "grace"] {
        let passkey = device(person).passkey();
        let line = format!("  - id: {person}\n");
        assert!(roster.contains(&line), "{roster}");
        let with = format!("{line}    passkeys: [{{id: {}, key: {}}}]\n", passkey.id, passkey.key);
        roster = roster.replace(&line, &with);
    }
    std::fs::write(&file, roster).unwrap();
    site.service.run().await;
    site
}

/// What the console asks any passkey.
async fn challenge(browser: &mut Browser) -> Asked {
    let answer = browser.get("/sign-in/challenge").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let asked = Asked::parse(json["asked"].as_str().unwrap()).unwrap();
    let options: serde_json::Value = serde_json::from_str(json["options"].as_str().unwrap()).unwrap();
    assert_eq!(options["challenge"], asked.challenge().to_string());
    assert_eq!((&options["rpId"], &options["userVerification"]), (&"localhost".into(), &"required".into()));
    asked
}

/// The ceremony in which a passkey answers this on a page of this site.
pub(crate) fn ceremony(site: &Site, challenge: &Challenge) -> Ceremony {
    Ceremony { origin: site.origin.clone(), rp_id: "localhost".to_owned(), ..Ceremony::answering(challenge) }
}

async fn answer(browser: &mut Browser, asked: &Asked, credential: &str, to: &str) -> Answer {
    let asked = asked.to_text();
    browser.post_bare("/sign-in", &[("asked", &asked), ("credential", credential), ("to", to)]).await
}

/// Signs this person in with their passkey.
pub(crate) async fn sign_in(site: &Site, browser: &mut Browser, person: &str) -> Answer {
    let asked = challenge(browser).await;
    let credential = device(person).got(&ceremony(site, &asked.challenge()));
    answer(browser, &asked, &credential, "/account").await
}

#[tokio::test]
async fn a_passkey_says_who_one_is_and_nothing_is_typed() {
    let site = site().await;
    let mut browser = site.browser();
    let page = browser.get("/sign-in?to=/account").await;
    assert_eq!((page.status, page.input("to")), (200, "/account".to_owned()));
    let entered = sign_in(&site, &mut browser, "ada").await;
    assert_eq!((entered.status, entered.header("location")), (303, "/account"), "{}", entered.body);
    let cookie = entered.header("set-cookie");
    for attribute in ["__Host-countersign=ses_", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let account = browser.get("/account").await;
    assert!(account.body.contains("<h1>ada</h1>") && account.body.contains("passkey "), "{}", account.body);
    let already = browser.get("/sign-in?to=/account").await;
    assert_eq!((already.status, already.header("location")), (303, "/account"), "once is enough");
}

#[tokio::test]
async fn only_an_answer_to_a_question_of_this_console_opens_it_and_only_once() {
    let site = site().await;
    let other = self::site().await;
    let mut browser = site.browser();
    let asked = challenge(&mut browser).await;
    let good = ceremony(&site, &asked.challenge());
    let refused = |ceremony: Ceremony| device("ada").got(&ceremony);
    for (what, credential, code) in [
        ("nothing", String::new(), "passkey.browser_form"),
        (
            "another origin",
            refused(Ceremony { origin: other.origin.clone(), ..good.clone() }),
            "passkey.other_origin",
        ),
        (
            "another relying party",
            refused(Ceremony { rp_id: "example.com".into(), ..good.clone() }),
            "passkey.other_relying_party",
        ),
        (
            "inside another page",
            refused(Ceremony { more: r#","crossOrigin":true"#.into(), ..good.clone() }),
            "passkey.cross_origin",
        ),
        ("nobody recognised", refused(Ceremony { flags: 0x01, ..good.clone() }), "passkey.user_not_verified"),
        (
            "another challenge",
            refused(ceremony(&site, &Challenge::from_bytes([0; 32]))),
            "passkey.other_challenge",
        ),
        ("a stranger's passkey", device("mallory").got(&good), "sign_in.unknown_passkey"),
        (
            "another's name on it",
            device("mallory").got(&good).replace(
                &device("mallory").credential().to_string(),
                &device("ada").credential().to_string(),
            ),
            "passkey.signature.invalid",
        ),
        (
            "made, not used",
            device("ada").created(&device("ada").creating(&asked.challenge())),
            "passkey.browser_form",
        ),
    ] {
        let answer = answer(&mut browser, &asked, &credential, "/").await;
        assert_eq!((answer.status, browser.cookie(COOKIE)), (403, None), "{what}");
        assert!(answer.body.contains(&format!("({code})")), "{what}: {}", answer.body);
    }
    let credential = device("ada").got(&good);
    let mut elsewhere = other.browser();
    let foreign = answer(&mut elsewhere, &asked, &credential, "/").await;
    assert!(foreign.status == 403 && foreign.body.contains("sign_in.foreign"), "{}", foreign.body);
    let mut later = asked.clone();
    later.until = later.until.plus(core::time::Duration::from_secs(600));
    let credential_later = device("ada").got(&ceremony(&site, &later.challenge()));
    let longer = answer(&mut browser, &later, &credential_later, "/").await;
    assert!(longer.status == 403 && longer.body.contains("sign_in.foreign"), "a longer life has no seal");
    assert_eq!(answer(&mut browser, &asked, &credential, "/").await.status, 303);
    let again = answer(&mut site.browser(), &asked, &credential, "/").await;
    assert!(again.status == 403 && again.body.contains("sign_in.answered"), "{}", again.body);
}

#[tokio::test]
async fn a_copied_passkey_is_noticed_by_its_counter() {
    let site = site().await;
    for (counter, status) in [(5, 303), (6, 303), (6, 403), (3, 403), (0, 403), (7, 303)] {
        let mut browser = site.browser();
        let asked = challenge(&mut browser).await;
        let credential = device("ada").got(&Ceremony { counter, ..ceremony(&site, &asked.challenge()) });
        let answered = answer(&mut browser, &asked, &credential, "/").await;
        assert_eq!(answered.status, status, "{counter}: {}", answered.body);
    }
}

#[tokio::test]
async fn nobody_is_signed_in_from_another_page() {
    let site = site().await;
    let mut browser = site.browser();
    let asked = challenge(&mut browser).await;
    let credential = device("ada").got(&ceremony(&site, &asked.challenge()));
    let body = crate::browser::form(&[("asked", &asked.to_text()), ("credential", &credential)]);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    for headers in [
        vec![kind],
        vec![kind, ("origin", "https://evil.example")],
        vec![kind, ("origin", "null")],
        vec![kind, ("origin", site.origin.as_str()), ("sec-fetch-site", "cross-site")],
    ] {
        let answer = browser.send(Method::POST, "/sign-in", &headers, &body).await;
        assert_eq!((answer.status, browser.cookie(COOKIE)), (403, None), "{headers:?}");
    }
    let url = format!("/sign-in?{body}");
    assert_eq!(browser.get(&url).await.status, 200, "a link shows the page");
    assert_eq!(browser.cookie(COOKIE), None, "… and signs nobody in");
}

#[tokio::test]
async fn a_session_that_was_there_before_is_not_taken_over() {
    let site = site().await;
    let mut victim = site.browser();
    let planted = site.session("grace").await;
    victim.set_cookie(COOKIE, &planted);
    assert_eq!(sign_in(&site, &mut victim, "ada").await.status, 303);
    assert_ne!(victim.cookie(COOKIE), Some(&*planted), "a new token at each sign-in");
    let mut attacker = site.browser();
    attacker.set_cookie(COOKIE, &planted);
    assert_eq!(attacker.get("/account").await.status, 303, "what was planted is over");
    attacker.set_cookie(COOKIE, "ses_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    sign_in(&site, &mut attacker, "grace").await;
    assert_ne!(attacker.cookie(COOKIE), Some("ses_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
}

#[tokio::test]
async fn signing_out_everywhere_ends_what_was_stolen() {
    let site = site().await;
    let mut ada = site.browser();
    sign_in(&site, &mut ada, "ada").await;
    let (mut copy, mut grace) = (ada.clone(), site.signed_in("grace").await);
    let mut terminal = site.signed_in("ada").await;
    let listed = ada.get("/account").await.body;
    assert!(listed.contains("SSH key SHA256:") && listed.contains("(here)"), "{listed}");
    // One session by its name, which is not anybody else's to end.
    let of_terminal = ada.get("/account").await.input("session");
    grace.post("/account/sessions", &[("session", &of_terminal)]).await;
    assert_eq!(terminal.get("/account").await.status, 200, "another's session is not hers to end");
    assert_eq!(ada.post("/account/sessions", &[("session", &of_terminal)]).await.status, 303);
    assert_eq!(terminal.get("/account").await.status, 303);

    let mut terminal = site.signed_in("ada").await;
    let answer = ada.post("/account/sessions", &[]).await;
    assert_eq!((answer.status, ada.cookie(COOKIE)), (303, None));
    assert_eq!(copy.get("/account").await.status, 303, "what was copied is worth nothing");
    assert_eq!(terminal.get("/account").await.status, 303, "however it began");
    assert_eq!(grace.get("/account").await.status, 200, "others stay");
}

#[tokio::test]
async fn one_is_led_to_pages_of_ours_only() {
    let site = site().await;
    for (to, expected) in [
        ("/account", "/account"),
        ("/history?agent=x", "/history?agent=x"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\r\nset-cookie: a=b", "/"),
        ("", "/"),
    ] {
        let mut browser = site.browser();
        let asked = challenge(&mut browser).await;
        let credential = device("ada").got(&ceremony(&site, &asked.challenge()));
        let answer = answer(&mut browser, &asked, &credential, to).await;
        assert_eq!((answer.status, answer.header("location")), (303, expected), "{to:?}");
        let query = crate::browser::form(&[("to", to)]);
        let there = browser.get(&format!("/sign-in?{query}")).await;
        assert_eq!((there.status, there.header("location")), (303, expected), "{to:?}");
    }
}

#[tokio::test]
async fn whoever_tries_too_often_waits() {
    let site = site().await;
    let mut browser = site.browser();
    let mut last = 0;
    for _ in 0..200 {
        let answer = browser.post_bare("/sign-in", &[("asked", "x"), ("credential", "x")]).await;
        last = answer.status;
        if last == 429 {
            let wait: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=61).contains(&wait), "{wait}");
            break;
        }
        assert_eq!(last, 403);
    }
    assert_eq!(last, 429);
    assert_eq!(browser.get("/sign-in/challenge").await.status, 429);
    let mut signed_in = site.signed_in("grace").await;
    assert_eq!(signed_in.get("/account").await.status, 200, "who is signed in is not held up");
    let elsewhere = [("x-forwarded-for", "203.0.113.9")];
    assert_eq!(browser.send(Method::GET, "/sign-in/challenge", &elsewhere, "").await.status, 200);
}

#[tokio::test]
async fn every_page_is_for_this_address_only_and_no_frame_holds_it() {
    let site = site().await;
    let mut browser = site.browser();
    for path in ["/", "/account", "/sign-in", "/sign-in/challenge", "/static/x", "/nowhere"] {
        let answer = browser.get(path).await;
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
    }
    let port = site.origin.rsplit(':').next().unwrap();
    for host in ["evil.example".to_owned(), format!("127.0.0.1:{port}"), format!("evil.example:{port}")] {
        let answer = browser.meant_for(&host, "/sign-in").await;
        assert_eq!(answer.status, 421, "{host}: {}", answer.body);
        assert!(answer.body.contains(&site.origin), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_form_has_its_bounds() {
    let site = site().await;
    let huge = "x".repeat(2 << 20);
    let answer = site.browser().post_bare("/sign-in", &[("credential", &huge)]).await;
    assert_eq!(answer.status, 413);
    let large = "x".repeat(40_000);
    let answer = site.browser().post_bare("/sign-in", &[("asked", &large)]).await;
    assert_eq!(answer.status, 413, "who is not signed in sends nothing long");
    let large = "x".repeat(20_000);
    let answer =
        site.browser().post_bare("/sign-in", &[("asked", &large), ("credential", &large[..1000])]).await;
    assert_eq!(answer.status, 403);
}
