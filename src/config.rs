//! The configuration of a service: one YAML file, read strictly, with every mistake named by its place.

mod access;
pub mod channels;
mod decode;
mod document;
mod fault;
mod fleet;
mod layers;
mod limits;
mod shown;
mod sidecar;
mod store;
mod telemetry;
mod witness;

pub use access::{Access, Operator};
pub use channels::{Channels, Waits};
pub use fault::{ConfigError, Origin, Wrong};
pub use fleet::{Account, Certified, Fleet, Kubernetes};
pub use layers::{Layered, Layers, VARIABLES};
pub use limits::{Bytes, Limits};
pub use shown::Shown;
pub use sidecar::{Sidecar, SidecarProof, SidecarSaid};
pub use store::{Postgres, StorePlace};
pub use telemetry::{SaturationLimits, Telemetry};
pub use witness::WitnessPlace;

use crate::condition::ConditionKind;
use crate::party::{AgentId, ExecutorId, PersonId, TrustDomain};
use crate::presence::passkey::RelyingParty;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What `countersign serve` is told.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The trust domain, a URI: every token's `iss`.
    pub trust_domain: TrustDomain,
    /// Where journal, views and keys are kept; relative paths start at the configuration's folder.
    pub data: PathBuf,
    /// The policy file.
    pub policy: PathBuf,
    /// The reviewers' roster.
    pub roster: PathBuf,
    /// Where agents and reviewers connect.
    pub listen: Listen,
    /// Who the agents are, by what their connection proves.
    #[serde(default)]
    pub agents: Vec<Agent>,
    /// Who may open the reviewers' service, by what their connection proves. Votes are signed besides.
    #[serde(default)]
    pub reviewers: Vec<Access>,
    /// The identity provider whose tokens say which reviewer calls; without one they sign in with their SSH keys.
    #[serde(default)]
    pub oidc: Option<Oidc>,
    /// Who may stop agents, by what their connection to the reviewers' service proves; nobody if there are none.
    #[serde(default)]
    pub operators: Vec<Operator>,
    /// Who may read the record, besides the operators, by what their connection to the reviewers' service proves.
    #[serde(default)]
    pub auditors: Vec<Access>,
    /// Who cosigns the log.
    #[serde(default)]
    pub witnesses: Vec<WitnessPlace>,
    /// The executors, and what each enforces.
    pub executors: Vec<Executor>,
    /// Where the record is kept.
    #[serde(default)]
    pub store: StorePlace,
    /// Whether a changed policy or roster must be approved under the policy in force.
    #[serde(default)]
    pub policy_changes: PolicyChanges,
    /// How people are told beside the console.
    #[serde(default)]
    pub channels: Channels,
    /// How long escalations may wait.
    #[serde(default)]
    pub sla: Waits,
    /// What the service tells of itself.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// The sidecars of other machines and pods, which connect to `listen.sidecars`.
    #[serde(default)]
    pub fleet: Fleet,
    /// How much it takes on at a time.
    #[serde(default)]
    pub limits: Limits,
    /// How long the service goes on answering after it was told to stop, while it says that it is not ready; if nothing is
    /// said, as long as its role needs.
    #[serde(default)]
    pub drain_seconds: Option<u64>,
    /// Lets anyone on this machine who reaches the agents' TCP port pass as this agent. For trying out only.
    #[serde(default)]
    pub unsafe_anyone_on_loopback_is: Option<AgentId>,
}

/// What it takes for a changed policy or roster to come into force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyChanges {
    /// It is taken if it is sound.
    #[default]
    Free,
    /// It is proposed as an operation, and taken if the policy in force allows that or people agree.
    Approved,
}

/// The name that the service has for itself where it proposes changes; nobody else can have it.
pub const RESERVED: &str = "countersign";

/// Where to listen.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// The agents' service; a desk of sidecars may have none.
    #[serde(default)]
    pub agents: Endpoint,
    /// The reviewers' service, never on an agents' endpoint.
    #[serde(default)]
    pub reviewers: Endpoint,
    /// The service of sidecars that have their desk here; nowhere if nothing is said.
    #[serde(default)]
    pub sidecars: Endpoint,
    /// The console, for browsers; nowhere if nothing is said. Other than on loopback only with TLS.
    #[serde(default)]
    pub console: Option<Console>,
    /// Where `/metrics`, `/startup`, `/live` and `/ready` are answered, in plain HTTP; nowhere if nothing is said.
    #[serde(default)]
    pub metrics: Option<SocketAddr>,
}

/// Where the console is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// The address to listen on.
    pub tcp: SocketAddr,
    /// TLS for it; without, it has to be on loopback, for browsers of this machine or behind a proxy on it.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Where browsers reach it, as they write an origin: `https://approve.example.com`. If nothing is said,
    /// `http://localhost` with the port.
    #[serde(default)]
    pub url: Option<String>,
}

/// One service's endpoints; each of them is optional.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// A Unix socket's path.
    #[serde(default)]
    pub socket: Option<PathBuf>,
    /// Lets every user of this machine open the socket instead of the service's own user and group.
    #[serde(default)]
    pub socket_for_everyone: bool,
    /// A TCP address; other than loopback only with TLS.
    #[serde(default)]
    pub tcp: Option<SocketAddr>,
    /// TLS for the TCP address.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// After how long a connection to the TCP address takes no more calls, so that its client looks up anew where the
    /// service is; what is under way then goes on. Never if nothing is said, and half an hour for sidecars.
    #[serde(default)]
    pub max_connection_age_seconds: Option<u64>,
}

/// TLS with optional client certificates.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The server's certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM, mode 0600.
    pub key: PathBuf,
    /// The authority that clients' certificates must come from, PEM.
    #[serde(default)]
    pub client_authority: Option<PathBuf>,
}

/// An identity provider.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The provider: a token's `iss`, exactly.
    pub issuer: String,
    /// This service at the provider: a member of a token's `aud`.
    pub audience: String,
    /// A file with the provider's published keys, a JWK set; read again when it changes.
    pub jwks: PathBuf,
    /// The claim that holds one of a person's accounts in the roster.
    #[serde(default = "email")]
    pub claim: String,
    /// This service at the provider, where people sign in there on their way to the console: the `aud` of the identity
    /// tokens that come of it.
    #[serde(default)]
    pub client_id: Option<String>,
    /// A file with this service's secret at the provider, mode 0600; none where PKCE is enough for it.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// Where browsers are sent to sign in: the provider's `authorization_endpoint`.
    #[serde(default)]
    pub authorize_url: Option<String>,
    /// Where codes are turned into tokens: the provider's `token_endpoint`.
    #[serde(default)]
    pub token_url: Option<String>,
    /// Whether who signs in there may enrol passkeys at the console, with which they sign votes then.
    #[serde(default)]
    pub enrol: bool,
}

fn email() -> String {
    "email".to_owned()
}

/// One agent.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its identity: every token's `sub`.
    pub id: AgentId,
    /// What its connection must prove.
    pub by: Access,
    /// The person it acts for, who then can't review what it asks.
    #[serde(default)]
    pub on_behalf_of: Option<PersonId>,
    /// The people who run it, who then can't review what it asks either.
    #[serde(default)]
    pub operators: BTreeSet<PersonId>,
}

/// One executor.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Executor {
    /// Its identity: the first part of a token's `aud`.
    pub id: ExecutorId,
    /// The conditions that it enforces; a token never carries another for it.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// It only takes a fixed audience, so it gets unconditional tokens only (TOKEN §4).
    #[serde(default)]
    pub plain: bool,
}

impl Executor {
    /// The conditions that it enforces.
    #[must_use]
    pub fn condition_kinds(&self) -> Vec<ConditionKind> {
        self.conditions.iter().filter_map(|name| ConditionKind::parse(name)).collect()
    }
}

impl Config {
    /// Reads and checks a configuration file by itself; relative paths in it start at its folder.
    ///
    /// # Errors
    /// [`ConfigError`] with what is wrong and where.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::layered(&Layers::file(path)).map(|layered| layered.value)
    }

    /// Reads and checks a configuration from all its layers, and keeps where each part of it was said; relative paths
    /// start at the file's folder.
    ///
    /// # Errors
    /// [`ConfigError`] with all that could be found at once.
    pub fn layered(layers: &Layers) -> Result<Layered<Self>, ConfigError> {
        let mut layered: Layered<Self> = layers.read()?;
        let wrong = layered.value.check();
        if !wrong.is_empty() {
            let wrong = wrong.into_iter().map(|(key, what)| layered.wrong(&key, what));
            return Err(ConfigError::Wrong(wrong.collect()));
        }
        layered.value.start_paths_at(layers.folder());
        Ok(layered)
    }

    /// All that makes no sense: which key it is, and what is wrong.
    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let mut say = |key: &str, checked: Result<(), String>| {
            wrong.extend(checked.err().map(|what| (key.to_owned(), what)));
        };
        if !self.listen.agents.is_somewhere() && !self.listen.sidecars.is_somewhere() {
            say("listen.agents", Err("it needs a `socket` or a `tcp` address".to_owned()));
        }
        say("listen.agents", self.listen.agents.check());
        say("listen.reviewers", self.listen.reviewers.check());
        say("listen.sidecars", self.listen.sidecars.check());
        say("fleet", self.fleet.check(&self.listen.sidecars));
        say("listen.console", self.listen.console.as_ref().map_or(Ok(()), Console::check));
        say("channels", self.channels.check());
        say("channels", self.check_links());
        say("telemetry", self.telemetry.check());
        say("limits", self.limits.check());
        say("", self.check_names());
        if let Err((key, what)) = access::check(self) {
            say(key, Err(what));
        }
        say("oidc", self.oidc.as_ref().map_or(Ok(()), |oidc| oidc.check(self.listen.console.is_some())));
        let somebody = !self.agents.is_empty() || self.unsafe_anyone_on_loopback_is.is_some();
        if self.listen.agents.is_somewhere() && !somebody && !self.listen.sidecars.is_somewhere() {
            say("agents", Err("there are none: nobody could ask anything".to_owned()));
        }
        let loopback = self.listen.agents.tcp.is_some_and(|address| address.ip().is_loopback());
        if self.unsafe_anyone_on_loopback_is.is_some() && !loopback {
            let what = "it needs `listen.agents.tcp` on a loopback address";
            say("unsafe_anyone_on_loopback_is", Err(what.to_owned()));
        }
        say("store", self.store.check());
        say("witnesses", witness::check(&self.witnesses));
        say("executors", self.check_executors());
        wrong
    }

    /// The service's own name is nobody else's.
    fn check_names(&self) -> Result<(), String> {
        let agents = self.agents.iter().map(|agent| &agent.id).chain(&self.unsafe_anyone_on_loopback_is);
        let executors = self.executors.iter().map(|executor| executor.id.as_str());
        let mut taken = agents.map(AgentId::as_str).chain(executors);
        match taken.find(|id| id.eq_ignore_ascii_case(RESERVED)) {
            Some(id) => Err(format!("`{id}` is reserved for the service itself")),
            None => Ok(()),
        }
    }

    fn check_executors(&self) -> Result<(), String> {
        let mut ids = HashSet::new();
        for executor in &self.executors {
            if !ids.insert(&executor.id) {
                return Err(format!("`{}` is registered twice", executor.id));
            }
            if let Some(unknown) =
                executor.conditions.iter().find(|name| ConditionKind::parse(name).is_none())
            {
                return Err(format!("`{}`: unknown condition `{unknown}`", executor.id));
            }
            if executor.plain && !executor.conditions.is_empty() {
                return Err(format!("`{}` is plain, so it can't enforce conditions", executor.id));
            }
            if executor.id.as_str().contains(['#', ';']) {
                return Err(format!("`{}`: an id has no `#` and no `;`", executor.id));
            }
        }
        match self.executors.is_empty() {
            true => Err("there are none: no token could be used anywhere".to_owned()),
            false => Ok(()),
        }
    }

    /// What is sent leads people to the console, and programs send to it.
    fn check_links(&self) -> Result<(), String> {
        let reached = self.listen.console.as_ref().map(|console| console.url.is_some());
        match (self.channels.link(), reached) {
            (true, None) => Err("messages lead to the console, so give `listen.console`".to_owned()),
            (true, Some(false)) => {
                Err("messages lead to the console, so say in `listen.console.url` where that is".to_owned())
            }
            (false, None) if !self.channels.hooks.is_empty() => {
                Err("`hooks` are answered by the console, so give `listen.console`".to_owned())
            }
            (true | false, _) => Ok(()),
        }
    }

    fn start_paths_at(&mut self, folder: &Path) {
        self.channels.start_paths_at(folder);
        self.store.start_paths_at(folder);
        let mut paths = vec![&mut self.data, &mut self.policy, &mut self.roster];
        if let Some(oidc) = &mut self.oidc {
            paths.push(&mut oidc.jwks);
            paths.extend(oidc.client_secret_file.as_mut());
        }
        paths.extend(self.fleet.paths());
        for endpoint in [&mut self.listen.agents, &mut self.listen.reviewers, &mut self.listen.sidecars] {
            paths.extend(endpoint.socket.as_mut());
            if let Some(tls) = endpoint.tls.as_mut() {
                paths.extend([&mut tls.certificate, &mut tls.key]);
                paths.extend(tls.client_authority.as_mut());
            }
        }
        if let Some(tls) = self.listen.console.as_mut().and_then(|console| console.tls.as_mut()) {
            paths.extend([&mut tls.certificate, &mut tls.key]);
        }
        for path in paths {
            *path = folder.join(&path);
        }
    }
}

impl Oidc {
    fn check(&self, console: bool) -> Result<(), String> {
        let texts = [("issuer", &self.issuer), ("audience", &self.audience), ("claim", &self.claim)];
        match texts.iter().find(|(_, text)| text.trim().is_empty()) {
            Some((name, _)) => Err(format!("`{name}` is empty")),
            None => self.check_flow(console),
        }
    }

    /// Checks what belongs to signing in at the provider on the way to the console.
    fn check_flow(&self, console: bool) -> Result<(), String> {
        let flow = [&self.client_id, &self.authorize_url, &self.token_url];
        if flow.iter().all(|key| key.is_none()) && self.client_secret_file.is_none() {
            return Ok(());
        }
        if flow.iter().any(|key| key.as_ref().is_none_or(|text| text.trim().is_empty())) {
            return Err("`client_id`, `authorize_url` and `token_url` belong together".to_owned());
        }
        for url in [&self.authorize_url, &self.token_url].into_iter().flatten() {
            let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
            let own = local.iter().filter_map(|start| url.strip_prefix(start));
            let mut own = own.filter(|rest| rest.is_empty() || rest.starts_with([':', '/']));
            let plain = url.bytes().all(|byte| byte.is_ascii_graphic()) && !url.contains('#');
            if !plain || !url.starts_with("https://") && own.next().is_none() {
                return Err(format!("`{url}` is no `https://` URL without a fragment"));
            }
        }
        match console {
            true => Ok(()),
            false => {
                Err("`client_id` is for signing in at the console, and there is no `listen.console`"
                    .to_owned())
            }
        }
    }
}

impl Console {
    fn check(&self) -> Result<(), String> {
        if self.tls.is_none() && !self.tcp.ip().is_loopback() {
            return Err(format!(
                "`tcp: {}` is not a loopback address and has no `tls`; a proxy that ends TLS has to be on this machine",
                self.tcp
            ));
        }
        if self.tls.as_ref().is_some_and(|tls| tls.client_authority.is_some()) {
            return Err(
                "`tls.client_authority`: people sign in at the console, not their browsers".to_owned()
            );
        }
        let Some(url) = &self.url else {
            return match self.tls {
                Some(_) => Err("`tls` needs `url`: `https://` and the name in the certificate".to_owned()),
                None => Ok(()),
            };
        };
        let host = url.split_once("://").map_or("", |(_, rest)| rest.split(':').next().unwrap_or(rest));
        if RelyingParty::new(host, &[url]).is_err() {
            return Err(format!(
                "`url: {url}` is not an origin as browsers write it: `https://`, a domain, a port if it is not 443, \
                 no slash at the end; `http://` only for `localhost`"
            ));
        }
        match self.tls.is_some() && url.starts_with("http://") {
            true => Err(format!("`url: {url}` is not `https://`, and there is `tls`")),
            false => Ok(()),
        }
    }
}

impl Endpoint {
    /// Whether it listens anywhere.
    #[must_use]
    pub const fn is_somewhere(&self) -> bool {
        self.socket.is_some() || self.tcp.is_some()
    }

    /// How long a connection to the TCP address takes calls, if that is said.
    #[must_use]
    pub fn max_connection_age(&self) -> Option<Duration> {
        self.max_connection_age_seconds.map(Duration::from_secs)
    }

    fn check(&self) -> Result<(), String> {
        if self.max_connection_age_seconds == Some(0) {
            return Err("`max_connection_age_seconds` is 0: no connection would last".to_owned());
        }
        match (self.tcp, &self.tls) {
            (Some(address), None) if !address.ip().is_loopback() => {
                Err(format!("`tcp: {address}` is not a loopback address and has no `tls`"))
            }
            (None, Some(_)) => Err("`tls` without `tcp`".to_owned()),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }
}
