//! The webhook over real TLS: what it answers, to how many at a time, and what people are told of it.

use crate::api::KubernetesApi;
use crate::cluster::{secret, webhooks};
use crate::corpus::{rows, settings};
use crate::reviews::review;
use bytes::Bytes;
use countersign::clock::{Clock as _, ManualClock, SystemClock};
use countersign::cluster::Cluster;
use countersign::cluster::http::Api;
use countersign::entropy::SystemEntropy;
use countersign::inject::announce::{Announcer, Means};
use countersign::inject::certificate::Keeper;
use countersign::inject::server::{Shown, Webhook, reasons, router, serve};
use countersign::metrics::admission::AdmissionMetrics;
use countersign::moment::Moment;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) const NAME: &str = "countersign-injector.countersign.svc";

/// A replica of the injector.
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    pub(crate) keeper: Keeper,
    pub(crate) metrics: Arc<AdmissionMetrics>,
    pub(crate) clock: Arc<ManualClock>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

impl Replica {
    pub(crate) async fn start(kubernetes: &KubernetesApi, now: Moment) -> Self {
        let cluster: Arc<dyn Cluster> = Arc::new(Api::new(kubernetes.place()).unwrap());
        let metrics = Arc::new(AdmissionMetrics::new(reasons()));
        let clock = Arc::new(ManualClock::at(now));
        let means = Means {
            cluster: cluster.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            metrics: metrics.clone(),
        };
        let (announcer, announcing) = Announcer::new(means);
        tokio::spawn(announcing);
        let webhook = Webhook { settings: settings(), metrics: metrics.clone(), announcer: Some(announcer) };
        let shown = Arc::new(Shown::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, shown.clone(), router(Arc::new(webhook)), stopping));
        let keeper = Keeper::new(cluster, secret(), webhooks(), shown);
        Self { address, keeper, metrics, clock, stop, serving }
    }
}

/// A clock that says one time to whoever checks certificates.
#[derive(Debug)]
struct Standing(Moment);

impl rustls::time_provider::TimeProvider for Standing {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0.unix_seconds())))
    }
}

/// Asks as an API server that trusts these authorities and takes it for this time.
pub(crate) async fn ask(
    address: SocketAddr,
    authorities: &str,
    now: Moment,
    h2: bool,
    request: Request<Full<Bytes>>,
) -> Result<(u16, Vec<u8>), String> {
    let mut roots = rustls::RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_details(provider, Arc::new(Standing(now)));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![if h2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(ServerName::try_from(NAME).unwrap(), stream).await;
    let stream = TokioIo::new(stream.map_err(|error| error.to_string())?);
    let response = if h2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await
    };
    let response = response.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
    Ok((status, body.to_bytes().to_vec()))
}

pub(crate) fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::post(format!("https://{NAME}{path}"))
        .header("host", NAME)
        .header("content-type", "application/json");
    request.body(Full::new(body.into())).unwrap()
}

fn pod(name: &str) -> Value {
    rows().into_iter().find(|row| row.name == name).unwrap().pod
}

fn now() -> Moment {
    SystemClock::start().now()
}

struct World {
    kubernetes: KubernetesApi,
    replica: Replica,
    now: Moment,
}

impl World {
    async fn start() -> Self {
        let (kubernetes, now) = (KubernetesApi::start().await, now());
        let replica = Replica::start(&kubernetes, now).await;
        replica.keeper.round(now).await.unwrap();
        Self { kubernetes, replica, now }
    }

    async fn ask(&self, h2: bool, request: Request<Full<Bytes>>) -> (u16, Value) {
        let bundle = self.kubernetes.bundles().remove(0);
        let (status, body) = ask(self.replica.address, &bundle, self.now, h2, request).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_are_answered_over_either_protocol_by_the_path_that_they_come_by() {
    let world = World::start().await;
    for h2 in [false, true] {
        let text = review(&pod("the least of a pod")).to_string();
        let (status, answer) = world.ask(h2, post("/inject", text)).await;
        assert_eq!((status, &answer["response"]["allowed"]), (200, &json!(true)));
        assert!(answer["response"]["patch"].is_string());
        // Without its own label a pod is asked for by its namespace only.
        let text = review(&pod("without any label")).to_string();
        for (path, patched) in [("/inject", false), ("/inject/namespace", true)] {
            let (_, answer) = world.ask(h2, post(path, text.clone())).await;
            assert_eq!(answer["response"]["patch"].is_string(), patched, "{path}");
        }
    }
    for (request, wanted) in [
        (post("/validate", "{}"), 404),
        (
            Request::get(format!("https://{NAME}/inject"))
                .header("host", NAME)
                .body(Full::default())
                .unwrap(),
            405,
        ),
    ] {
        assert_eq!(world.ask(false, request).await.0, wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_understood_is_no_error_of_the_server() {
    let world = World::start().await;
    for body in
        [String::new(), "{".to_owned(), "[".repeat(100_000), " ".repeat((3 << 20) + 1), "x".repeat(6 << 20)]
    {
        let (status, answer) = world.ask(true, post("/inject", body.clone())).await;
        let allowed = &answer["response"]["allowed"];
        assert_eq!((status, allowed), (200, &json!(false)), "{} bytes", body.len());
    }
    let metrics = world.replica.metrics.render();
    let refused = "countersign_admission_requests_total{outcome=\"refused\",reason=\"unreadable\"} 5";
    assert!(metrics.contains(refused), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_ask_at_once_and_each_gets_its_own_answer() {
    let world = Arc::new(World::start().await);
    let asked = (0..200).map(|n| {
        let world = world.clone();
        tokio::spawn(async move {
            let mut review = review(&pod("several containers"));
            review["request"]["uid"] = json!(format!("uid-{n}"));
            let (_, answer) = world.ask(n % 2 == 0, post("/inject", review.to_string())).await;
            assert_eq!(answer["response"]["uid"], format!("uid-{n}"));
            assert_eq!(answer["response"]["allowed"], true);
        })
    });
    for one in asked.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    let metrics = world.replica.metrics.render();
    assert!(
        metrics.contains("countersign_admission_requests_total{outcome=\"injected\",reason=\"asked\"} 200"),
        "{metrics}"
    );
    assert!(metrics.contains("countersign_admission_duration_seconds_count 200"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_manages_a_pod_is_told_once_and_of_no_trial() {
    let world = World::start().await;
    let mut trial = review(&pod("of a Job"));
    trial["request"]["dryRun"] = json!(true);
    for body in [
        trial,
        review(&pod("of a Deployment")),
        review(&pod("of a Deployment")),
        review(&pod("mounting our token")),
    ] {
        world.ask(true, post("/inject", body.to_string())).await;
    }
    world.kubernetes.until(|state| state.events.len() == 2).await;
    world.replica.clock.advance(Duration::from_secs(11 * 60));
    world.ask(true, post("/inject", review(&pod("of a Deployment")).to_string())).await;
    world.kubernetes.until(|state| state.events.len() == 3).await;
    let events = world.kubernetes.state().events.clone();
    let told: Vec<_> = events
        .iter()
        .map(|one| {
            (
                one["regarding"]["kind"].as_str().unwrap(),
                one["reason"].as_str().unwrap(),
                one["type"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("ReplicaSet", "Injected", "Normal"),
            ("Namespace", "InjectionRefused", "Warning"),
            ("ReplicaSet", "Injected", "Normal")
        ]
    );
    let names: std::collections::BTreeSet<_> =
        events.iter().map(|one| one["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 3, "each has a name of its own");
}

/// OpenSSL's client, which shares no code with ours.
#[tokio::test(flavor = "multi_thread")]
async fn openssl_takes_the_certificate_and_only_new_protocols() {
    if std::process::Command::new("openssl").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "missing: openssl");
        return;
    }
    let world = World::start().await;
    let file = world.kubernetes.token().with_file_name("bundle.pem");
    std::fs::write(&file, world.kubernetes.bundles().remove(0)).unwrap();
    let connect = |more: &[&str]| {
        let mut openssl = std::process::Command::new("openssl");
        let address = world.replica.address.to_string();
        openssl
            .args(["s_client", "-brief", "-verify_return_error", "-connect", &address, "-CAfile"])
            .arg(&file);
        let output = openssl.args(more).stdin(std::process::Stdio::null()).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (arguments, taken) in [
        (&["-tls1_3", "-verify_hostname", NAME][..], true),
        (&["-tls1_2", "-verify_hostname", NAME], true),
        (&["-tls1_2", "-verify_hostname", "countersign-injector.countersign.svc.cluster.local"], true),
        (&["-tls1_3", "-verify_hostname", "evil.example"], false),
        (&["-tls1_1", "-verify_hostname", NAME], false),
    ] {
        let (done, said) = tokio::task::block_in_place(|| connect(arguments));
        assert_eq!(done, taken, "{arguments:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_ends_what_is_under_way() {
    let World { kubernetes, replica, now } = World::start().await;
    let bundle = kubernetes.bundles().remove(0);
    assert!(ask(replica.address, &bundle, now, true, post("/inject", "{}")).await.is_ok());
    replica.stop.send(true).unwrap();
    replica.serving.await.unwrap();
    assert!(ask(replica.address, &bundle, now, true, post("/inject", "{}")).await.is_err());
}
