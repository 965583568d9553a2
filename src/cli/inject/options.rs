//! What `countersign inject` is told: flags, or the variables of the same name.

use crate::cli::exit::{Exit, Failed};
use crate::cluster::http::Place;
use crate::inject::names;
use crate::inject::quantity::Quantity;
use crate::inject::settings::{Mode, Resources, Settings, Tolerated};
use crate::operation::json::{Limits, Value, read};
use clap::ValueEnum;
use core::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The largest file that is written into pods.
const MOST_BYTES: usize = 32 << 10;

/// Put the sidecar beside every agent that asks for it: a Kubernetes admission webhook
///
/// Without `--certificate` it makes and renews its own certificate, shares it with other replicas through a Secret, and
/// keeps the webhook configuration's authorities up to date.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Where the API server asks
    #[arg(long, env = "COUNTERSIGN_INJECT_LISTEN", value_name = "ADDRESS", default_value_t = any(names::WEBHOOK_PORT))]
    pub(super) listen: SocketAddr,
    /// Where /startup, /live, /ready and /metrics are answered
    #[arg(long, env = "COUNTERSIGN_INJECT_HEALTH", value_name = "ADDRESS", default_value_t = any(names::HEALTH_PORT))]
    pub(super) health: SocketAddr,
    /// The sidecar's image
    #[arg(long, env = "COUNTERSIGN_INJECT_IMAGE", value_name = "IMAGE")]
    image: String,
    /// Another repository of which a pod may choose its sidecar's image (may be repeated)
    #[arg(
        long,
        env = "COUNTERSIGN_INJECT_IMAGE_REPOSITORY",
        value_name = "REPOSITORY",
        value_delimiter = ','
    )]
    image_repository: Vec<String>,
    /// The desk's URL
    #[arg(long, env = "COUNTERSIGN_INJECT_DESK", value_name = "URL")]
    desk: String,
    /// The authorities of the desk's certificate, PEM
    #[arg(long, env = "COUNTERSIGN_INJECT_DESK_CA", value_name = "FILE")]
    desk_ca: Option<PathBuf>,
    /// The trust domain
    #[arg(long, env = "COUNTERSIGN_INJECT_TRUST_DOMAIN", value_name = "URI")]
    trust_domain: String,
    /// The root keys, a JWK set
    #[arg(long, env = "COUNTERSIGN_INJECT_ROOTS", value_name = "FILE")]
    roots: PathBuf,
    /// The kind of the sidecar's container; `auto` asks the cluster for its version
    #[arg(long, env = "COUNTERSIGN_INJECT_MODE", value_name = "MODE", value_enum, default_value_t = WantedMode::Auto)]
    pub(super) mode: WantedMode,
    /// CPU that is kept for a sidecar
    #[arg(long, env = "COUNTERSIGN_INJECT_CPU_REQUEST", value_name = "QUANTITY", default_value = "20m")]
    cpu_request: Quantity,
    /// CPU that a sidecar may use
    #[arg(long, env = "COUNTERSIGN_INJECT_CPU_LIMIT", value_name = "QUANTITY", default_value = "500m")]
    cpu_limit: Quantity,
    /// Memory that is kept for a sidecar
    #[arg(long, env = "COUNTERSIGN_INJECT_MEMORY_REQUEST", value_name = "QUANTITY", default_value = "48Mi")]
    memory_request: Quantity,
    /// Memory that a sidecar may use
    #[arg(long, env = "COUNTERSIGN_INJECT_MEMORY_LIMIT", value_name = "QUANTITY", default_value = "192Mi")]
    memory_limit: Quantity,
    /// Inject beside what could reach the sidecar through the node (may be repeated)
    #[arg(long, env = "COUNTERSIGN_INJECT_TOLERATE", value_name = "WHAT", value_enum, value_delimiter = ',')]
    tolerate: Vec<Tolerable>,
    /// The namespace of our own pods, where nothing is injected
    #[arg(long, env = "COUNTERSIGN_INJECT_OWN_NAMESPACE", value_name = "NAME", default_value = names::NAMESPACE)]
    pub(super) own_namespace: String,
    /// The webhook's certificate chain, PEM, kept by somebody else and read again when it changes
    #[arg(long, env = "COUNTERSIGN_INJECT_CERTIFICATE", value_name = "FILE", requires = "key")]
    pub(super) certificate: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, env = "COUNTERSIGN_INJECT_KEY", value_name = "FILE", requires = "certificate")]
    pub(super) key: Option<PathBuf>,
    /// The webhook's Service, for which the certificate is made
    #[arg(long, env = "COUNTERSIGN_INJECT_SERVICE", value_name = "NAME", default_value = names::INJECTOR_SERVICE)]
    pub(super) service: String,
    /// The Secret in our own namespace through which replicas share the certificate
    #[arg(long, env = "COUNTERSIGN_INJECT_SECRET", value_name = "NAME", default_value = names::CERTIFICATE_SECRET)]
    pub(super) secret: String,
    /// The MutatingWebhookConfiguration whose authorities are kept up to date
    #[arg(
        long,
        env = "COUNTERSIGN_INJECT_WEBHOOK_CONFIGURATION",
        value_name = "NAME",
        default_value = names::WEBHOOK_CONFIGURATION
    )]
    pub(super) webhook_configuration: String,
    /// Write no Events
    #[arg(long, env = "COUNTERSIGN_INJECT_NO_EVENTS")]
    pub(super) no_events: bool,
    /// How long to go on answering after it was told to stop
    #[arg(long, env = "COUNTERSIGN_INJECT_DRAIN", value_name = "SECONDS", default_value_t = 5)]
    pub(super) drain: u64,
    /// The Kubernetes API, where this runs in no pod
    #[arg(long, env = "COUNTERSIGN_INJECT_API_SERVER", value_name = "URL", requires = "api_token")]
    api_server: Option<String>,
    /// … the token for it
    #[arg(long, env = "COUNTERSIGN_INJECT_API_TOKEN", value_name = "FILE", requires = "api_server")]
    api_token: Option<PathBuf>,
    /// … and its authorities, PEM
    #[arg(long, env = "COUNTERSIGN_INJECT_API_CA", value_name = "FILE", requires = "api_server")]
    api_ca: Option<PathBuf>,
    /// Log JSON lines
    #[arg(long, env = "COUNTERSIGN_INJECT_LOG_JSON")]
    pub(super) log_json: bool,
    /// Print the addresses as one JSON document when ready
    #[arg(long)]
    pub(super) json: bool,
}

/// Which kind of container is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum WantedMode {
    /// As the cluster's version says.
    Auto,
    /// An init container that is restarted always.
    Native,
    /// An ordinary container.
    Ordinary,
}

/// What may be tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tolerable {
    /// Volumes of the type `hostPath`.
    HostPath,
    /// Privileged containers, and capabilities that amount to it.
    Privileged,
}

fn any(port: u16) -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, port).into()
}

impl Args {
    /// What is written into pods. The mode is a first word only, where it is to be found out.
    ///
    /// # Errors
    /// [`Failed`] with the flag that can't be used.
    pub(super) fn settings(&self) -> Result<Settings, Failed> {
        let usage = |what: String| Failed::new(Exit::Usage, what);
        let resources = Resources {
            cpu_request: self.cpu_request.clone(),
            cpu_limit: self.cpu_limit.clone(),
            memory_request: self.memory_request.clone(),
            memory_limit: self.memory_limit.clone(),
        };
        for (name, request, limit) in [
            ("cpu", &resources.cpu_request, &resources.cpu_limit),
            ("memory", &resources.memory_request, &resources.memory_limit),
        ] {
            if request > limit {
                return Err(usage(format!(
                    "`--{name}-request {request}` is more than `--{name}-limit {limit}`"
                )));
            }
        }
        if !self.desk.starts_with("https://") {
            return Err(usage(format!("`--desk {}` has to begin with `https://`", self.desk)));
        }
        if let Err(error) = crate::party::TrustDomain::new(&self.trust_domain) {
            return Err(usage(format!("`--trust-domain {}`: {error}", self.trust_domain)));
        }
        let roots = text("--roots", &self.roots)?;
        let keys = read(roots.as_bytes(), &Limits::OPERATION).ok();
        let keys = keys
            .as_ref()
            .and_then(Value::as_object)
            .and_then(|set| set.get("keys"))
            .and_then(Value::as_array);
        if keys.is_none_or(<[Value]>::is_empty) {
            return Err(usage(format!("`--roots {}` is no JWK set with keys in it", self.roots.display())));
        }
        let desk_ca = self.desk_ca.as_deref().map(|path| text("--desk-ca", path)).transpose()?;
        if desk_ca.as_ref().is_some_and(|pem| !pem.contains("-----BEGIN CERTIFICATE-----")) {
            return Err(usage("`--desk-ca` has no certificate in it".to_owned()));
        }
        Ok(Settings {
            image: self.image.as_str().into(),
            repositories: self.image_repository.iter().map(|name| name.as_str().into()).collect(),
            desk: self.desk.as_str().into(),
            desk_ca: desk_ca.map(String::into_boxed_str),
            trust_domain: self.trust_domain.as_str().into(),
            roots: roots.into(),
            mode: Mode::Native,
            resources,
            own_namespace: self.own_namespace.as_str().into(),
            tolerated: Tolerated {
                host_path: self.tolerate.contains(&Tolerable::HostPath),
                privileged: self.tolerate.contains(&Tolerable::Privileged),
            },
        })
    }

    /// Where the Kubernetes API is, if that is known.
    pub(super) fn place(&self) -> Option<Place> {
        match (&self.api_server, &self.api_token) {
            (Some(url), Some(token)) => {
                let authority = self.api_ca.clone().unwrap_or_default();
                Some(Place { url: url.clone(), token: token.clone(), authority })
            }
            _ => Place::of_pod(|name| std::env::var(name).ok()),
        }
    }
}

/// What is in a file that is written into pods.
fn text(flag: &str, path: &Path) -> Result<String, Failed> {
    let usage = |what: &dyn core::fmt::Display| {
        Failed::new(Exit::Usage, format!("`{flag} {}`: {what}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| usage(&error))?;
    if text.len() > MOST_BYTES { Err(usage(&"it is too large")) } else { Ok(text) }
}
