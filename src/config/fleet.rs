//! What the configuration says of a fleet: which agents sidecars may enrol as, by what proves where they run.

use super::{Endpoint, RESERVED};
use crate::party::{AgentId, PersonId};
use crate::risk::pattern::Glob;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The sidecars of other machines and pods.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fleet {
    /// How many hours a sidecar's keys are certified for: 1 to 24; renewed at half of it.
    pub certificate_hours: u64,
    /// How many sidecars are served at once.
    pub most: usize,
    /// The service accounts of a cluster.
    pub kubernetes: Option<Kubernetes>,
    /// The agents whose sidecars have client certificates.
    pub certificates: Vec<Certified>,
}

impl Default for Fleet {
    fn default() -> Self {
        Self { certificate_hours: 24, most: 5000, kubernetes: None, certificates: Vec::new() }
    }
}

/// The service accounts of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// The cluster's issuer of service-account tokens: a token's `iss`, exactly.
    #[serde(default)]
    pub issuer: String,
    /// This desk: the only member of a token's `aud`.
    pub audience: String,
    /// A file with the cluster's keys, a JWK set; read again when it changes.
    #[serde(default)]
    pub jwks: Option<PathBuf>,
    /// Asks the cluster about each token instead.
    #[serde(default)]
    pub token_review: bool,
    /// Which agents they are; the first that fits counts.
    #[serde(default)]
    pub agents: Vec<Account>,
}

/// Service accounts, and the agents that they are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Namespaces, `*` for whatever.
    pub namespace: String,
    /// Service accounts, the same way.
    pub service_account: String,
    /// The agent's id; `ns/<namespace>/sa/<name>` if nothing is said.
    #[serde(default)]
    pub id: Option<AgentId>,
    /// The person it acts for, who then can't review what it asks.
    #[serde(default)]
    pub on_behalf_of: Option<PersonId>,
    /// The people who run it, who then can't review what it asks either.
    #[serde(default)]
    pub operators: BTreeSet<PersonId>,
}

/// An agent whose sidecars have a client certificate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Certified {
    /// The SHA-256, in hexadecimal, of the certificate (DER).
    pub certificate_sha256: String,
    /// The agent.
    pub id: AgentId,
    /// As in [`Account`].
    #[serde(default)]
    pub on_behalf_of: Option<PersonId>,
    /// As in [`Account`].
    #[serde(default)]
    pub operators: BTreeSet<PersonId>,
}

impl Fleet {
    /// What is wrong with it, given where sidecars connect.
    pub(super) fn check(&self, sidecars: &Endpoint) -> Result<(), String> {
        if !(1..=24).contains(&self.certificate_hours) {
            return Err("`certificate_hours` is 1 to 24".to_owned());
        }
        if !(1..=100_000).contains(&self.most) {
            return Err("`most` is 1 to 100000".to_owned());
        }
        if let Some(kubernetes) = &self.kubernetes {
            kubernetes.check().map_err(|what| format!("`kubernetes`: {what}"))?;
        }
        for one in &self.certificates {
            let hex = one.certificate_sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if !hex || one.certificate_sha256.len() != 64 {
                return Err(format!("`{}`: a SHA-256 is 64 lower-case hexadecimal digits", one.id));
            }
            reserved(Some(&one.id))?;
        }
        let authority = sidecars.tls.as_ref().is_some_and(|tls| tls.client_authority.is_some());
        match self.certificates.is_empty() || authority {
            true => Ok(()),
            false => Err("`certificates` need `listen.sidecars.tls.client_authority`".to_owned()),
        }
    }

    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.kubernetes.iter_mut().filter_map(|kubernetes| kubernetes.jwks.as_mut())
    }
}

impl Kubernetes {
    fn check(&self) -> Result<(), String> {
        if self.audience.trim().is_empty() {
            return Err("`audience` is empty: any token of the cluster would do".to_owned());
        }
        match (self.jwks.as_deref().map(Path::as_os_str), self.token_review) {
            (Some(_), true) => return Err("give `jwks` or `token_review`, not both".to_owned()),
            (None, false) => {
                return Err("give `jwks`, a file with the cluster's keys, or `token_review: true`".to_owned());
            }
            (Some(_), false) if self.issuer.trim().is_empty() => {
                return Err(
                    "`issuer` is empty, and `jwks` alone does not say whose tokens they are".to_owned()
                );
            }
            (Some(_) | None, _) => {}
        }
        if self.agents.is_empty() {
            return Err("`agents` is empty: no service account could enrol".to_owned());
        }
        for account in &self.agents {
            reserved(account.id.as_ref())?;
            if [&account.namespace, &account.service_account].iter().any(|text| Glob::new(text).is_none()) {
                return Err("`namespace` and `service_account` are names, or patterns with `*`".to_owned());
            }
        }
        Ok(())
    }
}

fn reserved(id: Option<&AgentId>) -> Result<(), String> {
    match id.filter(|id| id.as_str().eq_ignore_ascii_case(RESERVED)) {
        Some(id) => Err(format!("`{id}` is reserved for the service itself")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_let_anybody_in_is_refused() {
        let plain = Endpoint::default();
        let check = |yaml: &str| serde_saphyr::from_str::<Fleet>(yaml).unwrap().check(&plain);
        let accounts = "agents: [{namespace: shop, service_account: '*'}]";
        let good = format!("kubernetes: {{issuer: i, audience: countersign, jwks: f, {accounts}}}");
        assert_eq!((check("{}"), check(&good)), (Ok(()), Ok(())));
        for (yaml, says) in [
            (good.replace("audience: countersign", "audience: ' '"), "`audience` is empty"),
            (good.replace("issuer: i", "issuer: ''"), "`issuer` is empty"),
            (good.replace("jwks: f", "jwks: f, token_review: true"), "not both"),
            (good.replace("jwks: f, ", ""), "give `jwks`"),
            (good.replace(accounts, "agents: []"), "no service account could enrol"),
            (good.replace("'*'}", "'*', id: Countersign}"), "reserved"),
            ("certificate_hours: 25".to_owned(), "1 to 24"),
            ("most: 0".to_owned(), "`most`"),
            ("certificates: [{certificate_sha256: ab, id: a}]".to_owned(), "64"),
            (
                format!("certificates: [{{certificate_sha256: {}, id: a}}]", "0".repeat(64)),
                "client_authority",
            ),
        ] {
            let refused = check(&yaml).unwrap_err();
            assert!(refused.contains(says), "{yaml}: {refused}");
        }
    }
}
