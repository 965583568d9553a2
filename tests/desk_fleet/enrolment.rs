//! Enrolment: each credential that is accepted, and each attack that is not.

use crate::provider::{ISSUER, Provider, header};
use crate::sidecar::{Sidecar, desk, events_of, invite, now};
use crate::support::Service;
use crate::wire::{EnrolRequest, EnrolResponse, call};
use countersign::audit::event::Event;
use countersign::client::SidecarRole;
use countersign::signer::Signer as _;
use countersign::token::KeyUse;
use serde_json::{Value, json};
use std::time::Duration;
use tonic::{Code, Request, Status};

async fn send(sidecar: &Sidecar, token: Option<&str>, wanted: EnrolRequest) -> Result<EnrolResponse, Status> {
    let mut request = Request::new(wanted);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    call(&sidecar.channel, "Enrol", request).await
}

/// A desk that knows the service accounts of a cluster.
async fn of_cluster(agents: &str) -> Service {
    let folder = tempfile::tempdir().unwrap().keep();
    let file = folder.join("cluster.jwks");
    std::fs::write(&file, Provider::new().jwks()).unwrap();
    desk(&format!(
        "fleet:\n  kubernetes:\n    issuer: {ISSUER}\n    audience: countersign\n    jwks: {}\n    agents:\n{agents}",
        file.display()
    ))
    .await
}

const ANY: &str = "      - {namespace: shop, service_account: '*', operators: [ada]}\n";

fn claims() -> Value {
    let now = now().unix_seconds();
    json!({
        "iss": ISSUER,
        "aud": ["countersign"],
        "sub": "system:serviceaccount:shop:builder",
        "iat": now - 5,
        "nbf": now - 5,
        "exp": now + 3600,
        "jti": "4f6b1d3a",
        "kubernetes.io": {
            "namespace": "shop",
            "node": { "name": "n1", "uid": "aa" },
            "pod": { "name": "builder-7", "uid": "0b8fd2a2-1111-2222-3333-444455556666" },
            "serviceaccount": { "name": "builder", "uid": "bb" },
        },
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match name.split_once('/') {
        Some((outer, inner)) => claims[outer][inner] = value,
        None => claims[name] = value,
    }
    claims
}

fn token(claims: &Value) -> String {
    Provider::new().sign("rsa", &json!({ "alg": "RS256", "kid": "rsa" }), claims)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_enrols_by_its_service_account_as_the_configuration_says() {
    let desk = of_cluster(ANY).await;
    let mut sidecar = Sidecar::new(&desk).await;
    sidecar.enrol(&token(&claims())).await.unwrap();
    let short: String = sidecar.log_id().chars().take(16).collect();
    let name = format!("ns/shop/pod/builder-7/0b8fd2a2-1111-2222-3333-444455556666/{short}");
    assert_eq!(sidecar.enrolled.sidecar, name);
    assert_eq!(sidecar.enrolled.origin, format!("https://acme.example/{name}"));
    let agent = sidecar.enrolled.agent.clone().unwrap();
    assert_eq!((agent.id.as_str(), agent.operators), ("ns/shop/sa/builder", vec!["ada".to_owned()]));
    assert!(sidecar.enrolled.cosigner.starts_with("https://acme.example/sidecar+"), "the desk cosigns");
    let anchor = desk.anchor();
    let chain =
        |chain: &[String]| anchor.certified(&chain.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let authority = chain(&sidecar.enrolled.authority_chain);
    assert_eq!(
        (authority.usage, authority.key.id()),
        (KeyUse::Authority, sidecar.authority.public_key().id())
    );
    assert!(authority.scope.agents.iter().all(|agent| agent.as_str() == "ns/shop/sa/builder"));
    let log = chain(&sidecar.enrolled.log_chain);
    assert_eq!(log.usage, KeyUse::Log);
    assert!(log.scope.is_for(&sidecar.enrolled.origin) && !log.scope.is_for("https://acme.example/sidecar"));
    // The cluster's other kind of key, and another pod of the account: another sidecar of the same agent.
    let mut second = Sidecar::new(&desk).await;
    let other = with("kubernetes.io/pod", json!({ "name": "builder-8", "uid": "cc" }));
    second
        .enrol(&Provider::new().sign("p256", &json!({ "alg": "ES256", "kid": "p256" }), &other))
        .await
        .unwrap();
    assert_ne!(second.enrolled.sidecar, sidecar.enrolled.sidecar);
    assert_eq!(second.enrolled.agent, sidecar.enrolled.agent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_not_quite_that_of_a_pod_for_this_desk_is_refused() {
    let desk = of_cluster(ANY).await;
    let sidecar = Sidecar::new(&desk).await;
    let now = now().unix_seconds();
    let mut flipped = token(&claims());
    let at = flipped.find('.').unwrap() + 20;
    flipped.replace_range(at..=at, if &flipped[at..=at] == "A" { "B" } else { "A" });
    let rows = [
        ("another audience", token(&with("aud", json!(["vault"])))),
        ("others besides", token(&with("aud", json!(["countersign", "vault"])))),
        ("no audience", token(&with("aud", json!([])))),
        ("another cluster", token(&with("iss", json!("https://other.example")))),
        ("it has ended", token(&with("exp", json!(now - 60)))),
        ("it begins later", token(&with("nbf", json!(now + 600)))),
        ("it lives for a year", token(&with("exp", json!(now + 365 * 86_400)))),
        ("another namespace", token(&with("kubernetes.io/namespace", json!("admin")))),
        ("the subject says otherwise", token(&with("sub", json!("system:serviceaccount:shop:admin")))),
        ("no service account at all", token(&with("kubernetes.io", json!({ "namespace": "shop" })))),
        ("a name that is none", token(&with("kubernetes.io/serviceaccount", json!({ "name": "a b" })))),
        (
            "a key of no name",
            Provider::new().sign("rsa", &json!({ "alg": "RS256", "kid": "other" }), &claims()),
        ),
        (
            "another algorithm",
            Provider::new().sign("rsa", &json!({ "alg": "ES256", "kid": "rsa" }), &claims()),
        ),
        (
            "nobody signed it",
            Provider::new().sign("none", &json!({ "alg": "none", "kid": "rsa" }), &claims()),
        ),
        ("signed by another key", Provider::new().sign("ed25519", &header("rsa"), &claims())),
        ("a bit of it changed", flipped),
        ("no token", "nonsense".to_owned()),
        ("too long", "a".repeat(10_000)),
    ];
    for (what, token) in rows {
        let refused = send(&sidecar, Some(&token), sidecar.wanted()).await.unwrap_err();
        // Whoever tries learns nothing of what is wrong with it.
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::Unauthenticated, "the credential is not accepted"),
            "{what}"
        );
    }
    let elsewhere = json!({ "namespace": "staging", "pod": {"name": "p", "uid": "u"}, "serviceaccount": {"name": "builder"} });
    let mut other = with("kubernetes.io", elsewhere);
    other["sub"] = json!("system:serviceaccount:staging:builder");
    let refused = send(&sidecar, Some(&token(&other)), sidecar.wanted()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "a good token of no agent");
    assert!(
        send(&sidecar, Some(&token(&claims())), sidecar.wanted()).await.is_ok(),
        "the tests' own token is good"
    );
    assert_eq!(events_of(&desk, "enrolled").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_show_both_keys_or_means_another_desk_is_refused() {
    let desk = desk("").await;
    let (sidecar, other) = (Sidecar::new(&desk).await, Sidecar::new(&desk).await);
    let token = invite(&desk, "agent:one").await;
    let (own, theirs) = (sidecar.wanted(), other.wanted());
    let rows = [
        (EnrolRequest { authority_proof: theirs.authority_proof.clone(), ..own.clone() }, "did not sign"),
        (
            EnrolRequest {
                log_key: theirs.log_key.clone(),
                log_proof: theirs.log_proof.clone(),
                ..own.clone()
            },
            "did not sign",
        ),
        (EnrolRequest { log_key: own.authority_key.clone(), ..own.clone() }, "one key"),
        (EnrolRequest { authority_key: vec![0; 32], ..own.clone() }, "`authority_key`"),
        (EnrolRequest { authority_key: vec![1; 31], ..own.clone() }, "32 bytes"),
        (
            EnrolRequest { trust_domain: "https://evil.example".to_owned(), ..own.clone() },
            "another trust domain",
        ),
        (EnrolRequest { version: "x".repeat(65), ..own.clone() }, "`version`"),
    ];
    for (wanted, says) in rows {
        let refused = send(&sidecar, Some(&token), wanted).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{says}");
        assert!(refused.message().contains(says), "{says}: {}", refused.message());
    }
    assert_eq!(send(&sidecar, None, own.clone()).await.unwrap_err().code(), Code::Unauthenticated);
    assert!(send(&sidecar, Some(&token), own).await.is_ok(), "what was refused used nothing up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_token_lets_one_sidecar_in_also_of_many_at_the_same_instant() {
    let desk = desk("").await;
    let token = invite(&desk, "agent:one").await;
    let mut sidecars = Vec::new();
    for _ in 0..8 {
        sidecars.push(Sidecar::new(&desk).await);
    }
    let mut all = tokio::task::JoinSet::new();
    for sidecar in sidecars {
        let token = token.clone();
        all.spawn(async move { send(&sidecar, Some(&token), sidecar.wanted()).await });
    }
    let answers = all.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(refused.clone().all(|status| status.code() == Code::Unauthenticated), "{answers:?}");
    let late = Sidecar::new(&desk).await;
    for wrong in [token.as_str(), "csj_", "csj_AAAA", &format!("{token}A")] {
        let refused = send(&late, Some(wrong), late.wanted()).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::Unauthenticated, "the credential is not accepted")
        );
    }
    let (made, used) = (events_of(&desk, "invited"), events_of(&desk, "enrolled"));
    assert_eq!((made.len(), used.len()), (1, 1));
    let text = format!("{:?} {:?}", made[0], used[0]);
    assert!(!text.contains(&token), "only its hash is on record");
    let Event::Invited(invited) = &made[0].event else { panic!() };
    assert_eq!((invited.by.as_str(), invited.agent.as_str()), ("olga", "agent:one"));
    // What it is for, and for how long, has bounds.
    let operator = desk.operator().await;
    for (agent, lasts) in [("countersign", 60), ("a b", 60), ("agent:one", 8 * 86_400)] {
        let role = SidecarRole { agent: agent.to_owned(), ..SidecarRole::default() };
        assert!(
            operator.invite_sidecar(role, Some(Duration::from_secs(lasts))).await.is_err(),
            "{agent} {lasts}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sidecar_renews_its_key_and_stays_who_it_is() {
    let desk = desk("").await;
    let mut sidecar = Sidecar::of(&desk, "agent:one").await;
    let before = sidecar.enrolled.clone();
    let first = sidecar.authority.public_key().id();
    sidecar.allow(r#"{"limit":1}"#);
    sidecar.ship_from(0).await.unwrap();
    sidecar.renew().await.unwrap();
    assert_ne!(sidecar.authority.public_key().id(), first);
    assert_eq!((&sidecar.enrolled.sidecar, &sidecar.enrolled.origin), (&before.sidecar, &before.origin));
    sidecar.allow(r#"{"limit":2}"#);
    assert_eq!(sidecar.ship_from(2).await.unwrap().size, 4, "its log goes on");
    let Event::Enrolled(enrolled) = &events_of(&desk, "enrolled")[1].event else { panic!() };
    assert_eq!((enrolled.replaces, enrolled.sidecar.as_str()), (Some(first), before.sidecar.as_str()));
    // Another log is another sidecar: it can't be slipped in by renewing.
    let other = Sidecar::new(&desk).await;
    let log = std::mem::replace(&mut sidecar.log, other.log);
    assert_eq!(sidecar.renew().await.unwrap_err().code(), Code::InvalidArgument);
    sidecar.log = log;
    sidecar.renew().await.unwrap();
    sidecar.renew().await.unwrap();
    // What was minted with a key of long ago is still its own.
    let decided = sidecar.decided("orders.read", r#"{"limit":3}"#, None);
    let minted = countersign::audit::event::Minted { kid: first, ..sidecar.mint(&decided, None) };
    sidecar.record(Event::Decided(Box::new(decided)));
    sidecar.record(Event::Minted(Box::new(minted)));
    assert_eq!(sidecar.ship_from(4).await.unwrap().size, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_was_revoked_does_not_come_back_with_another_key() {
    let desk = of_cluster(ANY).await;
    let mut sidecar = Sidecar::new(&desk).await;
    sidecar.enrol(&token(&claims())).await.unwrap();
    desk.operator().await.revoke_sidecar(&sidecar.enrolled.sidecar, "it was taken over").await.unwrap();
    let again = Sidecar::new(&desk).await;
    let refused = send(&again, Some(&token(&claims())), again.wanted()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let next =
        with("kubernetes.io/pod", json!({ "name": "builder-7", "uid": "the next one" .replace(' ', "-") }));
    assert!(
        send(&again, Some(&token(&next)), again.wanted()).await.is_ok(),
        "another pod of that name is another"
    );
}

impl Sidecar {
    fn log_id(&self) -> String {
        self.log.public_key().id().to_string()
    }
}
