//! What the cluster is asked, and how its answers are taken.

use crate::api::{KubernetesApi, SECRET, WEBHOOKS};
use countersign::cluster::http::{Api, Place};
use countersign::cluster::{
    Access, Announcement, Cluster as _, ClusterError, ObjectReference, SecretPlace, Standing, Version,
    WebhookPlace,
};
use countersign::moment::Moment;
use serde_json::json;
use std::sync::Arc;

pub(crate) fn secret() -> SecretPlace {
    SecretPlace {
        namespace: "countersign".into(),
        name: "countersign-injector-certificate".into(),
        key: "generations.json".into(),
    }
}

pub(crate) fn webhooks() -> WebhookPlace {
    WebhookPlace {
        configuration: "countersign-injector".into(),
        namespace: "countersign".into(),
        service: "countersign-injector".into(),
    }
}

#[tokio::test]
async fn the_version_and_the_keys_are_asked_for_with_the_token_of_the_moment() {
    let kubernetes = KubernetesApi::start().await;
    let api = Api::new(kubernetes.place()).unwrap();
    assert_eq!(api.version().await, Ok(Version { major: 1, minor: 34 }));
    std::fs::write(kubernetes.token(), "second").unwrap();
    assert_eq!(api.token_keys().await, Ok(br#"{"keys":[]}"#.to_vec()));
    assert_eq!(kubernetes.state().bearers, ["Bearer first", "Bearer second"]);
    std::fs::remove_file(kubernetes.token()).unwrap();
    assert!(matches!(api.version().await, Err(ClusterError::Unavailable(_))));
}

#[tokio::test]
async fn a_token_is_reviewed_for_one_audience() {
    let kubernetes = KubernetesApi::start().await;
    let api = Api::new(kubernetes.place()).unwrap();
    let good = json!({ "authenticated": true, "audiences": ["countersign"],
        "user": { "username": "system:serviceaccount:agents:robot", "uid": "9f0e" } });
    kubernetes.state().tokens.insert("good".to_owned(), good);
    assert!(matches!(api.review_token("good", "countersign").await, Ok(Standing::Good(holder))
        if &*holder.namespace == "agents" && &*holder.service_account == "robot"));
    assert!(matches!(api.review_token("good", "elsewhere").await, Ok(Standing::Refused(_))));
    let refused = Standing::Refused("invalid bearer token".to_owned());
    assert_eq!(api.review_token("bad", "countersign").await, Ok(refused));
}

#[tokio::test]
async fn a_secret_is_made_once_and_changed_by_its_version() {
    let kubernetes = KubernetesApi::start().await;
    let api = Api::new(kubernetes.place()).unwrap();
    assert_eq!(api.secret(&secret()).await, Err(ClusterError::Missing));
    api.put_secret(&secret(), b"one", None).await.unwrap();
    assert_eq!(api.put_secret(&secret(), b"other", None).await, Err(ClusterError::Conflict));
    let found = api.secret(&secret()).await.unwrap();
    assert_eq!(found.value.as_deref(), Some(b"one".as_slice()));
    api.put_secret(&secret(), b"two", Some(&found.version)).await.unwrap();
    let again = api.put_secret(&secret(), b"three", Some(&found.version)).await;
    assert_eq!(again, Err(ClusterError::Conflict), "somebody else's change is not overwritten");
    assert_eq!(api.secret(&secret()).await.unwrap().value.as_deref(), Some(b"two".as_slice()));
    assert_eq!(kubernetes.state().objects[SECRET]["type"], "Opaque");
}

#[tokio::test]
async fn authorities_are_put_into_the_webhooks_of_the_service_only() {
    let kubernetes = KubernetesApi::start().await;
    let api = Api::new(kubernetes.place()).unwrap();
    assert_eq!(api.bundle(&webhooks()).await.unwrap().authorities, [b"", b""]);
    api.put_bundle(&webhooks(), b"PEM").await.unwrap();
    assert_eq!(kubernetes.bundles(), ["PEM", "PEM"]);
    let elsewhere = WebhookPlace { service: "another".into(), ..webhooks() };
    assert_eq!(api.put_bundle(&elsewhere, b"PEM").await, Err(ClusterError::Missing));
    let before = kubernetes.state().objects[WEBHOOKS].clone();
    kubernetes.state().read_only = true;
    assert!(
        matches!(api.put_bundle(&webhooks(), b"X").await, Err(ClusterError::Forbidden(why)) if why.contains("User cannot"))
    );
    assert_eq!(kubernetes.state().objects[WEBHOOKS], before);
}

#[tokio::test]
async fn an_event_names_its_object_and_is_bounded() {
    let kubernetes = KubernetesApi::start().await;
    let api = Api::new(kubernetes.place()).unwrap();
    let about = ObjectReference {
        api_version: "apps/v1".into(),
        kind: "ReplicaSet".into(),
        name: "robot-7d9".into(),
        uid: "9f0e".into(),
    };
    let announcement = Announcement {
        namespace: "agents".into(),
        about,
        warning: true,
        reason: "InjectionRefused",
        message: "ü".repeat(5000),
        at: Moment::from_unix_millis(1_900_000_000_123),
        unique: [0xab; 8],
    };
    api.announce(&announcement).await.unwrap();
    let event = kubernetes.state().events[0].clone();
    assert_eq!(event["metadata"], json!({ "name": "robot-7d9.abababababababab", "namespace": "agents" }));
    assert_eq!(event["regarding"]["namespace"], "agents");
    assert_eq!(event["eventTime"], "2030-03-17T17:46:40.123000Z");
    assert_eq!((&event["type"], &event["action"]), (&json!("Warning"), &json!("Inject")));
    assert!(event["note"].as_str().unwrap().len() <= 1024);
    let elsewhere = Announcement { namespace: "../../x".into(), ..announcement };
    assert!(matches!(api.announce(&elsewhere).await, Err(ClusterError::Refused(_))));
}

#[tokio::test]
async fn what_goes_wrong_is_known_by_its_meaning() {
    let kubernetes = KubernetesApi::start().await;
    let api = Api::new(kubernetes.place()).unwrap();
    for (code, meaning) in [
        (401, "Forbidden"),
        (403, "Forbidden"),
        (404, "Missing"),
        (409, "Conflict"),
        (422, "Refused"),
        (429, "Unavailable"),
        (500, "Unavailable"),
        (503, "Unavailable"),
        (302, "Refused"),
    ] {
        kubernetes.state().down = Some(code);
        let error = api.version().await.unwrap_err();
        assert!(format!("{error:?}").starts_with(meaning), "{code}: {error:?}");
    }
    kubernetes.state().down = None;
    kubernetes.state().read_only = true;
    let access = |verb: &str| Access { verb: verb.into(), resource: "secrets".into(), ..Access::default() };
    assert_eq!(api.may(&access("get")).await, Ok(true));
    assert_eq!(api.may(&access("update")).await, Ok(false));
    let nobody = Place { url: "http://127.0.0.1:9".to_owned(), ..kubernetes.place() };
    assert!(matches!(Api::new(nobody).unwrap().version().await, Err(ClusterError::Unavailable(_))));
}

/// Over TLS only the cluster's authority counts, and the file is read again.
#[tokio::test]
async fn only_the_clusters_own_authority_is_trusted_and_it_may_change() {
    use countersign::inject::certificate::Generation;
    let kubernetes = KubernetesApi::start().await;
    let now = Moment::from_unix_seconds(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(),
    );
    let made = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Generation::make(&names, now).unwrap()
    };
    let (good, other) = (made(&["localhost"]), made(&["localhost"]));
    let config = countersign::inject::server::tls(good.certificate.as_bytes(), good.key.as_bytes()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let router = axum::Router::new()
        .route("/version", axum::routing::get(|| async { r#"{"major":"1","minor":"30"}"# }));
    let shown = Arc::new(countersign::inject::server::Shown::default());
    shown.show(config, &good.certificate, good.not_after);
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    tokio::spawn(countersign::inject::server::serve(listener, shown, router, stopping));
    let authority = kubernetes.token().with_file_name("ca.crt");
    let api = Api::new(Place { url, token: kubernetes.token(), authority: authority.clone() }).unwrap();
    for (pem, taken) in [
        (&other.authority, false),
        (&good.authority, true),
        (&other.authority, false),
        (&String::new(), false),
    ] {
        std::fs::write(&authority, pem).unwrap();
        assert_eq!(api.version().await.is_ok(), taken, "{pem}");
    }
}
