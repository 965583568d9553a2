//! A stand-in for the Kubernetes API, written down from its documented contract: versions of objects, conflicts, and
//! statuses; everything is kept, so that tests can look at it.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What the API has and knows.
#[derive(Default)]
pub(crate) struct State {
    /// Objects by their path.
    pub(crate) objects: BTreeMap<String, Value>,
    /// Events in the order in which they came.
    pub(crate) events: Vec<Value>,
    /// What a TokenReview answers, by token.
    pub(crate) tokens: BTreeMap<String, Value>,
    /// What it answers to everything instead, if it is not well.
    pub(crate) down: Option<u16>,
    /// The tokens that it was shown, in order.
    pub(crate) bearers: Vec<String>,
    /// Refuses writes as RBAC does.
    pub(crate) read_only: bool,
    version: u64,
}

pub(crate) struct KubernetesApi {
    pub(crate) url: String,
    pub(crate) state: Arc<Mutex<State>>,
    came: Arc<Notify>,
    folder: tempfile::TempDir,
}

pub(crate) const WEBHOOKS: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/countersign-injector";
pub(crate) const SECRET: &str = "/api/v1/namespaces/countersign/secrets/countersign-injector-certificate";

impl KubernetesApi {
    /// With the webhook configuration that the manifests make, and no Secret.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (state, came) = (Arc::new(Mutex::new(State::default())), Arc::new(Notify::new()));
        let (kept, tell) = (state.clone(), came.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, tell) = (kept.clone(), tell.clone());
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (kept, tell) = (kept.clone(), tell.clone());
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
                        let bearer = parts.headers.get("authorization").map(|value| value.to_str().unwrap());
                        let (status, answer) = {
                            let mut state = kept.lock().unwrap();
                            state.bearers.push(bearer.unwrap_or_default().to_owned());
                            state.answer(parts.method.as_str(), parts.uri.path(), body)
                        };
                        tell.notify_waiters();
                        let answer = Full::new(Bytes::from(answer.to_string()));
                        Ok::<_, Infallible>(Response::builder().status(status).body(answer).unwrap())
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "first\n").unwrap();
        let api = Self { url, state, came, folder };
        let service =
            |path: &str| json!({ "name": "countersign-injector", "namespace": "countersign", "path": path });
        let webhook =
            |name: &str, path: &str| json!({ "name": name, "clientConfig": { "service": service(path) } });
        let webhooks = [
            webhook("pods.countersign.dev", "/inject"),
            webhook("namespaces.countersign.dev", "/inject/namespace"),
        ];
        api.put(WEBHOOKS, json!({ "metadata": { "name": "countersign-injector" }, "webhooks": webhooks }));
        api
    }

    pub(crate) fn put(&self, path: &str, object: Value) {
        let mut state = self.state();
        state.store(path, object);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The file of the token.
    pub(crate) fn token(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    pub(crate) fn place(&self) -> countersign::cluster::http::Place {
        countersign::cluster::http::Place {
            url: self.url.clone(),
            token: self.token(),
            authority: PathBuf::new(),
        }
    }

    /// The authorities of each of the two webhooks.
    pub(crate) fn bundles(&self) -> Vec<String> {
        use base64::Engine as _;
        let state = self.state();
        let webhooks = state.objects[WEBHOOKS]["webhooks"].as_array().unwrap().iter();
        let encoded = webhooks.map(|one| one["clientConfig"]["caBundle"].as_str().unwrap_or_default());
        let decode = |text| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        encoded.map(|text| String::from_utf8(decode(text)).unwrap()).collect()
    }

    /// Waits until this is so.
    pub(crate) async fn until(&self, so: impl Fn(&State) -> bool) {
        let waiting = async {
            loop {
                let came = self.came.notified();
                tokio::pin!(came);
                came.as_mut().enable();
                if so(&self.state()) {
                    return;
                }
                came.await;
            }
        };
        let done = tokio::time::timeout(std::time::Duration::from_secs(60), waiting).await;
        assert!(done.is_ok(), "it never came: {:?} {:?}", self.state().objects, self.state().events);
    }
}

fn status(code: u16, message: &str) -> (u16, Value) {
    (
        code,
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message }),
    )
}

impl State {
    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    fn answer(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        if let Some(code) = self.down {
            return status(code, "it is not well");
        }
        if self.bearers.last().is_none_or(String::is_empty) {
            return status(401, "Unauthorized");
        }
        match (method, path) {
            ("GET", "/version") => {
                (200, json!({ "major": "1", "minor": "34+", "gitVersion": "v1.34.1-gke.1" }))
            }
            ("GET", "/openid/v1/jwks") => (200, json!({ "keys": [] })),
            ("POST", "/apis/authentication.k8s.io/v1/tokenreviews") => {
                let token = body["spec"]["token"].as_str().unwrap_or_default();
                let unknown = json!({ "authenticated": false, "error": "invalid bearer token" });
                let mut review = body.clone();
                review["status"] = self.tokens.get(token).cloned().unwrap_or(unknown);
                (201, review)
            }
            ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews") => {
                let mut review = body.clone();
                let verb = &body["spec"]["resourceAttributes"]["verb"];
                review["status"] = json!({ "allowed": verb == "get" || !self.read_only });
                (201, review)
            }
            ("POST" | "PUT", _) if self.read_only => status(403, "forbidden: User cannot update it"),
            ("POST", path) if path.ends_with("/events") => {
                self.events.push(body.clone());
                (201, body)
            }
            ("POST", folder) => {
                let path = format!("{folder}/{}", body["metadata"]["name"].as_str().unwrap());
                match self.objects.contains_key(&path) {
                    true => status(409, "already exists"),
                    false => (201, self.store(&path, body)),
                }
            }
            ("GET", path) => match self.objects.get(path) {
                Some(object) => (200, object.clone()),
                None => status(404, "not found"),
            },
            ("PUT", path) => match self.objects.get(path) {
                None => status(404, "not found"),
                Some(there)
                    if there["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] =>
                {
                    status(409, "the object has been modified")
                }
                Some(_) => (200, self.store(path, body)),
            },
            _ => status(405, "method not allowed"),
        }
    }
}
