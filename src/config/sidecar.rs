//! What `countersign sidecar` is told: by flags, over variables, over a file; all of it can be said without a file, as in a
//! pod that a webhook wrote it into.

use super::{ConfigError, Layers, Wrong};
use crate::operation::json::{self, Limits, Value};
use crate::party::TrustDomain;
use crate::token::PublicKey;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The largest file of certificates or root keys.
const MOST_BYTES: usize = 256 * 1024;
const KEYS: Limits = Limits { bytes: MOST_BYTES, depth: 4, members: 1024 };
/// Where everything is in a pod.
const DATA: &str = "/var/lib/countersign";
const SOCKET: &str = "/run/countersign/agent.sock";
/// Owner and group may open the socket; in a pod every container may, because all of them are the agent's.
const SOCKET_MODE: u32 = 0o660;

/// What is said in one place; what is missing may be said in another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SidecarSaid {
    /// The desk: `https://HOST:PORT`, several with commas between them.
    pub desk: Option<String>,
    /// The authority that certifies the desk's TLS: a PEM file, or the PEM itself.
    pub desk_ca: Option<String>,
    /// The trust domain.
    pub trust_domain: Option<TrustDomain>,
    /// The public root keys: a file with a JWK or a JWK set, or that itself.
    pub roots: Option<String>,
    /// The file of a service account's token.
    pub service_account_token: Option<PathBuf>,
    /// The file of a token to join with, once.
    pub join: Option<PathBuf>,
    /// The client certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// Where everything is kept.
    pub data: Option<PathBuf>,
    /// The agent's socket.
    pub socket: Option<PathBuf>,
    /// The socket's mode, in octal.
    pub socket_mode: Option<String>,
    /// The user ids that may call as the agent; all that reach the socket if there are none.
    pub agent_uid: Vec<u32>,
    /// Where probes and metrics are answered.
    pub health: Option<SocketAddr>,
}

/// How a sidecar proves where it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SidecarProof {
    /// By the token in this file.
    TokenFile(PathBuf),
    /// By its client certificate, and its key.
    Certificate(PathBuf, PathBuf),
}

/// What a sidecar is told, all together.
#[derive(Clone, Debug)]
pub struct Sidecar {
    /// The desk's addresses.
    pub desk: Vec<String>,
    /// The authority that certifies its TLS, PEM.
    pub desk_ca: Option<Vec<u8>>,
    /// The trust domain.
    pub trust_domain: TrustDomain,
    /// The root keys.
    pub roots: Vec<PublicKey>,
    /// How it proves where it runs.
    pub proof: SidecarProof,
    /// Where everything is kept.
    pub data: PathBuf,
    /// The agent's socket.
    pub socket: PathBuf,
    /// Its mode.
    pub socket_mode: u32,
    /// The user ids that may call; all if there are none.
    pub agent_uids: Vec<u32>,
    /// Where probes and metrics are answered.
    pub health: Option<SocketAddr>,
}

impl SidecarSaid {
    /// What a file says; relative paths in it start at its folder.
    ///
    /// # Errors
    /// [`ConfigError`] with what is wrong, and where.
    pub fn in_file(path: &Path) -> Result<Self, ConfigError> {
        let mut said = Layers::file(path).read::<Self>()?.value;
        let folder = path.parent().unwrap_or(Path::new(""));
        let paths = [
            &mut said.service_account_token,
            &mut said.join,
            &mut said.certificate,
            &mut said.key,
            &mut said.data,
            &mut said.socket,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&path);
        }
        for text in [&mut said.desk_ca, &mut said.roots].into_iter().flatten() {
            if !is_itself(text) {
                *text = folder.join(&*text).display().to_string();
            }
        }
        Ok(said)
    }

    /// This over that.
    #[must_use]
    pub fn over(self, that: Self) -> Self {
        // One way to prove oneself replaces another.
        let proves =
            self.service_account_token.is_some() || self.join.is_some() || self.certificate.is_some();
        let (below, key) =
            if proves { (Self::default(), self.key) } else { (that.clone(), self.key.or(that.key)) };
        Self {
            desk: self.desk.or(that.desk),
            desk_ca: self.desk_ca.or(that.desk_ca),
            trust_domain: self.trust_domain.or(that.trust_domain),
            roots: self.roots.or(that.roots),
            service_account_token: self.service_account_token.or(below.service_account_token),
            join: self.join.or(below.join),
            certificate: self.certificate.or(below.certificate),
            key,
            data: self.data.or(that.data),
            socket: self.socket.or(that.socket),
            socket_mode: self.socket_mode.or(that.socket_mode),
            agent_uid: if self.agent_uid.is_empty() { that.agent_uid } else { self.agent_uid },
            health: self.health.or(that.health),
        }
    }

    /// All of it, with what holds where nothing is said. It reads files.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is missing or wrong.
    pub fn settle(self) -> Result<Sidecar, ConfigError> {
        let mut wrong = Vec::new();
        let mut complain = |what: String| wrong.push(Wrong::rendered(what));
        let desk: Vec<String> =
            self.desk.iter().flat_map(|all| all.split(',')).map(|one| one.trim().to_owned()).collect();
        if desk.iter().all(String::is_empty) {
            complain("where the desk is: `--desk https://HOST:PORT` or `COUNTERSIGN_DESK`".to_owned());
        }
        let desk_ca = self.desk_ca.map(|text| text_of(&text)).transpose();
        let desk_ca = desk_ca.unwrap_or_else(|why| {
            complain(format!("`--desk-ca`: {why}"));
            None
        });
        if desk_ca.is_none() && desk.iter().any(|one| one.starts_with("https://")) {
            complain(
                "the authority that certifies the desk: `--desk-ca FILE` or `COUNTERSIGN_DESK_CA`".to_owned(),
            );
        }
        if self.trust_domain.is_none() {
            complain("the trust domain: `--trust-domain` or `COUNTERSIGN_TRUST_DOMAIN`".to_owned());
        }
        let roots = match &self.roots {
            None => Err("the root keys: `--roots FILE` or `COUNTERSIGN_ROOTS`".to_owned()),
            Some(text) => {
                text_of(text).and_then(|bytes| keys(&bytes)).map_err(|why| format!("`--roots`: {why}"))
            }
        };
        let roots = roots.unwrap_or_else(|why| {
            complain(why);
            Vec::new()
        });
        let proof = match (self.service_account_token.or(self.join.clone()), self.certificate, self.key) {
            (Some(token), None, None) => Some(SidecarProof::TokenFile(token)),
            (None, Some(certificate), Some(key)) => Some(SidecarProof::Certificate(certificate, key)),
            _ => {
                complain(
                    "how this sidecar proves where it runs, in one way: `--service-account-token FILE`, `--join FILE`, \
                     or `--certificate FILE` with `--key FILE`"
                        .to_owned(),
                );
                None
            }
        };
        let mode = self.socket_mode.as_deref().map_or(Ok(SOCKET_MODE), |text| u32::from_str_radix(text, 8));
        let mode = mode.ok().filter(|mode| *mode <= 0o777).unwrap_or_else(|| {
            complain("`--socket-mode` is an octal number up to 777".to_owned());
            SOCKET_MODE
        });
        match (self.trust_domain, proof) {
            (Some(trust_domain), Some(proof)) if wrong.is_empty() => Ok(Sidecar {
                desk,
                desk_ca,
                trust_domain,
                roots,
                proof,
                data: self.data.unwrap_or_else(|| DATA.into()),
                socket: self.socket.unwrap_or_else(|| SOCKET.into()),
                socket_mode: mode,
                agent_uids: self.agent_uid,
                health: self.health,
            }),
            _ => Err(ConfigError::Wrong(wrong)),
        }
    }
}

/// Whether a text is certificates or keys, and not the name of a file that holds them.
fn is_itself(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with("-----BEGIN") || text.starts_with('{')
}

fn text_of(text: &str) -> Result<Vec<u8>, String> {
    if is_itself(text) {
        return Ok(text.as_bytes().to_vec());
    }
    let bytes = std::fs::read(text).map_err(|error| format!("cannot read `{text}`: {error}"))?;
    if bytes.len() > MOST_BYTES { Err(format!("`{text}` is too large")) } else { Ok(bytes) }
}

/// One key as a JWK, or several as a JWK set.
fn keys(bytes: &[u8]) -> Result<Vec<PublicKey>, String> {
    let value = json::read(bytes, &KEYS).map_err(|error| error.to_string())?;
    let set = value.as_object().and_then(|object| object.get("keys")).and_then(Value::as_array);
    let keys = set.unwrap_or(core::slice::from_ref(&value));
    let keys: Vec<PublicKey> = keys
        .iter()
        .map(|key| PublicKey::from_jwk(key).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    if keys.is_empty() { Err("there is no key".to_owned()) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str =
        r#"{"alg":"EdDSA","crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn whole() -> SidecarSaid {
        SidecarSaid {
            desk: Some("https://desk:8443".to_owned()),
            desk_ca: Some("-----BEGIN CERTIFICATE-----".to_owned()),
            trust_domain: TrustDomain::new("https://acme.example").ok(),
            roots: Some(ROOT.to_owned()),
            service_account_token: Some("/token".into()),
            ..SidecarSaid::default()
        }
    }

    #[test]
    fn nothing_but_variables_is_enough_in_a_pod() {
        let sidecar = whole().settle().unwrap();
        assert_eq!(sidecar.proof, SidecarProof::TokenFile("/token".into()));
        assert_eq!((sidecar.data, sidecar.socket), (DATA.into(), SOCKET.into()));
        assert_eq!((sidecar.roots.len(), sidecar.socket_mode), (1, 0o660));
        let set = format!(r#"{{"keys":[{ROOT}]}}"#);
        assert_eq!(SidecarSaid { roots: Some(set), ..whole() }.settle().unwrap().roots.len(), 1);
    }

    #[test]
    fn all_that_is_missing_is_said_at_once() {
        let error = SidecarSaid::default().settle().unwrap_err().to_string();
        for flag in ["--desk ", "--trust-domain", "--roots", "--service-account-token"] {
            assert!(error.contains(flag), "{flag}: {error}");
        }
        let unsure = SidecarSaid { desk_ca: None, socket_mode: Some("999".to_owned()), ..whole() };
        let error = unsure.settle().unwrap_err().to_string();
        assert!(error.contains("--desk-ca") && error.contains("--socket-mode"), "{error}");
    }

    #[test]
    fn what_is_said_above_counts_and_one_proof_replaces_another() {
        let above = SidecarSaid {
            desk: Some("https://other:8443,https://third:8443".to_owned()),
            certificate: Some("/c".into()),
            key: Some("/k".into()),
            ..SidecarSaid::default()
        };
        let sidecar = above.over(whole()).settle().unwrap();
        assert_eq!(sidecar.desk, ["https://other:8443", "https://third:8443"]);
        assert_eq!(sidecar.proof, SidecarProof::Certificate("/c".into(), "/k".into()));
        let two = SidecarSaid { certificate: Some("/c".into()), ..whole() };
        assert!(two.settle().is_err(), "one way, not two");
    }
}
