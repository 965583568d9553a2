//! The Kubernetes API over HTTPS, from within the cluster: a service account's token and the cluster's own authority.
//!
//! Only that authority is trusted, and nothing else is asked: no proxy, no redirect. Both files are read each time,
//! because the kubelet renews them.

mod objects;

use super::{
    Access, Announcement, Asking, Bundle, Cluster, ClusterError, SecretPlace, SecretValue, Standing, Version,
    WebhookPlace,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::time::Duration;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How long a connection may take to be made,
const CONNECT: Duration = Duration::from_secs(5);
/// … and a whole answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read: an object in etcd has 1.5 MiB at most.
const MOST_BYTES: usize = 4 << 20;
/// The largest token or authority that is read.
const MOST_FILE_BYTES: u64 = 1 << 20;
/// Where the kubelet puts what a service account needs.
const FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Where the API is, and how it and we are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `https://…`; without TLS only on this machine.
    pub url: String,
    /// The file of our token.
    pub token: PathBuf,
    /// The file of the cluster's authorities, PEM.
    pub authority: PathBuf,
}

impl Place {
    /// As a pod knows it: from the variables that the kubelet sets, told by `variable`.
    #[must_use]
    pub fn of_pod(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
        // An IPv6 address needs brackets in a URL.
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let file = |name| Path::new(FOLDER).join(name);
        Some(Self { url: format!("https://{host}:{port}"), token: file("token"), authority: file("ca.crt") })
    }
}

/// Speaks with the API.
pub struct Api {
    url: Url,
    token: PathBuf,
    authority: PathBuf,
    /// The client, and the authorities that it was made with.
    client: Mutex<Option<(Vec<u8>, Client)>>,
}

impl Api {
    /// The API at this place. Nothing is asked yet.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(place: Place) -> Result<Self, String> {
        let url = Url::parse(&place.url).map_err(|error| format!("`{}` is no URL: {error}", place.url))?;
        let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return Err(format!("`{}` has to begin with `https://`", place.url));
        }
        Ok(Self { url, token: place.token, authority: place.authority, client: Mutex::default() })
    }

    /// A client that trusts what the file says now.
    async fn client(&self) -> Result<Client, ClusterError> {
        // Without TLS there is nobody to trust, and this machine only.
        if self.url.scheme() == "http" {
            return client(RootCertStore::empty()).map_err(ClusterError::Unavailable);
        }
        let pem = read_file(&self.authority).await?;
        let mut known = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = known.as_ref().filter(|(made_with, _)| *made_with == pem) {
            return Ok(client.clone());
        }
        let client = trusting(&pem)
            .map_err(|error| ClusterError::Unavailable(format!("`{}`: {error}", self.authority.display())))?;
        *known = Some((pem, client.clone()));
        Ok(client)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ClusterError> {
        let url = self.url.join(path).map_err(|error| ClusterError::Refused(error.to_string()))?;
        let token = read_file(&self.token).await?;
        let token = String::from_utf8_lossy(&token);
        let request = self.client().await?.request(method, url).bearer_auth(token.trim());
        let request = request.header("accept", "application/json");
        let request = body.iter().fold(request, |request, body| request.json(body));
        let response = request.send().await.map_err(|error| unavailable(&error.without_url()))?;
        let status = response.status().as_u16();
        let bytes = whole(response).await?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let message = || {
            let text = answer.get("message").and_then(Value::as_str).unwrap_or("it does not say why");
            text.chars().filter(|c| !c.is_control()).take(300).collect()
        };
        match status {
            200..=202 if answer.is_object() => Ok(answer),
            200..=299 => Err(ClusterError::Answer("a JSON object")),
            404 => Err(ClusterError::Missing),
            409 => Err(ClusterError::Conflict),
            401 | 403 => Err(ClusterError::Forbidden(message())),
            429 | 500..=599 => Err(ClusterError::Unavailable(format!("{status}: {}", message()))),
            _ => Err(ClusterError::Refused(message())),
        }
    }

    async fn get(&self, path: &str) -> Result<Value, ClusterError> {
        self.ask(Method::GET, path, None).await
    }

    async fn secret_value(&self, place: &SecretPlace) -> Result<SecretValue, ClusterError> {
        let secret = self.get(&secret_path(place)?).await?;
        objects::secret_value(&secret, &place.key)
    }

    async fn put(
        &self,
        place: &SecretPlace,
        value: &[u8],
        version: Option<&str>,
    ) -> Result<(), ClusterError> {
        let text = STANDARD.encode(value);
        let Some(version) = version else {
            let folder = format!("/api/v1/namespaces/{}/secrets", segment(&place.namespace)?);
            let secret = objects::new_secret(place, &text);
            return self.ask(Method::POST, &folder, Some(&secret)).await.map(drop);
        };
        // The whole object goes back, so that nothing of others' in it is lost.
        let path = secret_path(place)?;
        let mut secret = self.get(&path).await?;
        objects::change_secret(&mut secret, &place.key, &text, version)?;
        self.ask(Method::PUT, &path, Some(&secret)).await.map(drop)
    }

    async fn change_bundle(&self, place: &WebhookPlace, authorities: &[u8]) -> Result<(), ClusterError> {
        let path = configuration_path(place)?;
        let mut configuration = self.get(&path).await?;
        objects::change_bundle(&mut configuration, place, &STANDARD.encode(authorities))?;
        // Its resourceVersion goes back with it: who changed it in between is not overwritten.
        self.ask(Method::PUT, &path, Some(&configuration)).await.map(drop)
    }
}

impl Cluster for Api {
    fn version(&self) -> Asking<'_, Version> {
        Box::pin(async { objects::version(&self.get("/version").await?) })
    }

    fn review_token<'a>(&'a self, token: &'a str, audience: &'a str) -> Asking<'a, Standing> {
        Box::pin(async move {
            let review = objects::token_review(token, audience);
            let path = "/apis/authentication.k8s.io/v1/tokenreviews";
            objects::standing(&self.ask(Method::POST, path, Some(&review)).await?, audience)
        })
    }

    fn token_keys(&self) -> Asking<'_, Vec<u8>> {
        Box::pin(async { Ok(self.get("/openid/v1/jwks").await?.to_string().into_bytes()) })
    }

    fn secret<'a>(&'a self, place: &'a SecretPlace) -> Asking<'a, SecretValue> {
        Box::pin(self.secret_value(place))
    }

    fn put_secret<'a>(
        &'a self,
        place: &'a SecretPlace,
        value: &'a [u8],
        version: Option<&'a str>,
    ) -> Asking<'a, ()> {
        Box::pin(self.put(place, value, version))
    }

    fn bundle<'a>(&'a self, place: &'a WebhookPlace) -> Asking<'a, Bundle> {
        Box::pin(async move { objects::bundle(&self.get(&configuration_path(place)?).await?, place) })
    }

    fn put_bundle<'a>(&'a self, place: &'a WebhookPlace, authorities: &'a [u8]) -> Asking<'a, ()> {
        Box::pin(self.change_bundle(place, authorities))
    }

    fn announce<'a>(&'a self, announcement: &'a Announcement) -> Asking<'a, ()> {
        Box::pin(async move {
            let namespace = segment(&announcement.namespace)?;
            let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
            self.ask(Method::POST, &path, Some(&objects::event(announcement))).await.map(drop)
        })
    }

    fn may<'a>(&'a self, access: &'a Access) -> Asking<'a, bool> {
        Box::pin(async move {
            let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
            let review = self.ask(Method::POST, path, Some(&objects::access_review(access))).await?;
            let allowed = review.pointer("/status/allowed").and_then(Value::as_bool);
            allowed.ok_or(ClusterError::Answer("`status.allowed`"))
        })
    }
}

fn secret_path(place: &SecretPlace) -> Result<String, ClusterError> {
    Ok(format!("/api/v1/namespaces/{}/secrets/{}", segment(&place.namespace)?, segment(&place.name)?))
}

fn configuration_path(place: &WebhookPlace) -> Result<String, ClusterError> {
    let name = segment(&place.configuration)?;
    Ok(format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}"))
}

/// A name of an object as a part of a path. Names of objects have no other characters; a namespace may come from a
/// review.
fn segment(name: &str) -> Result<&str, ClusterError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    match !name.is_empty() && name.len() <= 253 && name.bytes().all(plain) && !name.starts_with('.') {
        true => Ok(name),
        false => Err(ClusterError::Refused("a name that no object has".to_owned())),
    }
}

/// A client that trusts these authorities and no others.
fn trusting(pem: &[u8]) -> Result<Client, String> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(pem) {
        let authority = authority.map_err(|error| error.to_string())?;
        roots.add(authority).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    client(roots)
}

fn client(roots: RootCertStore) -> Result<Client, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.map_err(|error| error.to_string())?;
    let tls = tls.with_root_certificates(roots).with_no_client_auth();
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT)
        .timeout(TIMEOUT)
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")));
    client.build().map_err(|error| error.to_string())
}

async fn read_file(path: &Path) -> Result<Vec<u8>, ClusterError> {
    use tokio::io::AsyncReadExt as _;
    let wrong = |error: std::io::Error| ClusterError::Unavailable(format!("`{}`: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = tokio::fs::File::open(path).await.map_err(wrong)?;
    file.take(MOST_FILE_BYTES).read_to_end(&mut bytes).await.map_err(wrong)?;
    Ok(bytes)
}

async fn whole(mut response: Response) -> Result<Vec<u8>, ClusterError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unavailable(&error.without_url()))? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(ClusterError::Answer("an end"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error with its causes in one line.
fn unavailable(error: &dyn core::error::Error) -> ClusterError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    ClusterError::Unavailable(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_knows_the_api_by_its_variables() {
        let of = |host: &'static str| {
            Place::of_pod(|name| match name {
                "KUBERNETES_SERVICE_HOST" => Some(host.to_owned()),
                "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
                _ => None,
            })
        };
        assert_eq!(of("10.96.0.1").unwrap().url, "https://10.96.0.1:443");
        assert_eq!(of("fd00::1").unwrap().url, "https://[fd00::1]:443");
        assert_eq!(Place::of_pod(|_| None), None);
    }

    #[test]
    fn a_token_is_sent_nowhere_without_tls_but_on_this_machine() {
        let api = |url: &str| {
            Api::new(Place { url: url.to_owned(), token: PathBuf::new(), authority: PathBuf::new() })
        };
        for url in ["https://api.example", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:1"] {
            assert!(api(url).is_ok(), "{url}");
        }
        for url in ["http://api.example", "http://127.0.0.1.example", "ftp://127.0.0.1", "nonsense"] {
            assert!(api(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_name_stays_within_its_part_of_the_path() {
        for name in ["countersign", "a.b-c", "0"] {
            assert_eq!(segment(name), Ok(name));
        }
        for name in ["", "..", "a/b", "a%2fb", "A", "a?b", "a b", ".a", &"a".repeat(300)] {
            assert!(segment(name).is_err(), "{name}");
        }
    }
}
