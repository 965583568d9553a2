//! Roles: which agent whoever enrols is, by the configuration of the desk.

use super::FleetError;
use crate::audit::event::{Credential, OWN_NAME};
use crate::cluster::{self, Standing};
use crate::moment::Moment;
use crate::party::{AgentId, PersonId};
use crate::presence::kubernetes::{self, ServiceAccount};
use crate::presence::oidc::{KeySet, MAX_KEY_SET, OidcError};
use crate::risk::pattern::Glob;
use arc_swap::ArcSwap;
use std::collections::{BTreeSet, HashMap};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// An agent, and the people behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The agent.
    pub agent: AgentId,
    /// The person whom it acts for.
    pub on_behalf_of: Option<PersonId>,
    /// The people who run it.
    pub operators: BTreeSet<PersonId>,
}

/// The service accounts that some agents have.
#[derive(Clone, Debug)]
pub struct AccountPattern {
    /// Namespaces, with `*` for whatever.
    pub namespace: Glob,
    /// Names of service accounts, the same way.
    pub service_account: Glob,
    /// The agent's id; `ns/<namespace>/sa/<name>` if nothing is said.
    pub id: Option<AgentId>,
    /// The person whom it acts for.
    pub on_behalf_of: Option<PersonId>,
    /// The people who run it.
    pub operators: BTreeSet<PersonId>,
}

/// How a cluster's tokens are checked.
pub enum ClusterKeys {
    /// Offline, by the cluster's keys in a file that is read again when it changes.
    File(KeyFile),
    /// By asking the cluster (TokenReview), with our audience.
    Review(Arc<dyn cluster::Cluster>),
}

/// A file with a JWK set.
pub struct KeyFile {
    path: PathBuf,
    keys: ArcSwap<KeySet>,
    last: Mutex<Vec<u8>>,
}

impl KeyFile {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// In words, if it holds no keys that can be used.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        let file = Self { path, keys: ArcSwap::default(), last: Mutex::default() };
        file.look()?;
        Ok(file)
    }

    /// Reads it again; what can't be used leaves the keys as they are.
    ///
    /// # Errors
    /// In words, if it holds no keys that can be used.
    pub fn look(&self) -> Result<(), String> {
        let wrong = |what: &dyn core::fmt::Display| format!("`{}`: {what}", self.path.display());
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_KEY_SET).unwrap_or(u64::MAX).saturating_add(1);
        let file = std::fs::File::open(&self.path);
        file.and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(|error| wrong(&error))?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != bytes {
            let keys = KeySet::read(&bytes).map_err(|error: OidcError| wrong(&error))?;
            self.keys.store(Arc::new(keys));
            *last = bytes;
        }
        Ok(())
    }
}

/// The service accounts of one cluster.
pub struct Accounts {
    /// Whose tokens they have, and for whom the tokens must be made.
    pub cluster: kubernetes::Cluster,
    /// How the tokens are checked.
    pub keys: ClusterKeys,
    /// Which agents they are; the first pattern that fits counts.
    pub patterns: Vec<AccountPattern>,
}

/// Which agent whoever enrols is.
#[derive(Default)]
pub struct Roles {
    /// By the token of a service account.
    pub accounts: Option<Accounts>,
    /// By the SHA-256 of a client certificate.
    pub certificates: HashMap<[u8; 32], Role>,
}

impl Roles {
    /// Which agent the service account of a token is, and what the record says of it.
    pub(super) async fn of_token(&self, token: &str, now: Moment) -> Result<(Role, Credential), FleetError> {
        let refused = |why: &dyn core::fmt::Display| FleetError::Credential(why.to_string());
        let accounts = self.accounts.as_ref();
        let accounts = accounts.ok_or_else(|| refused(&"no service accounts are configured"))?;
        let account = accounts.check(token, now).await?;
        let role = accounts.role(&account.namespace, &account.name).ok_or_else(|| {
            refused(&format_args!(
                "service account `{}/{}` is no agent by the configuration",
                account.namespace, account.name
            ))
        })?;
        let (pod, pod_uid) = account.pod.map(|(name, uid)| (name.into(), uid.into())).unzip();
        let credential = Credential::ServiceAccount {
            namespace: account.namespace.into(),
            service_account: account.name.into(),
            pod,
            pod_uid,
        };
        Ok((role, credential))
    }

    /// Which agent the holder of a client certificate is.
    pub(super) fn of_certificate(&self, sha256: &[u8; 32]) -> Result<(Role, Credential), FleetError> {
        let role = self.certificates.get(sha256).cloned();
        let role = role.ok_or_else(|| {
            FleetError::Credential(format!("the client certificate {} is no agent's", hex(sha256)))
        })?;
        Ok((role, Credential::Certificate { sha256: hex(sha256) }))
    }

    /// Which agent whoever enrolled so is now; nothing where the configuration has changed so that it is none.
    pub(super) fn of(&self, credential: &Credential, enrolled: &Role) -> Option<Role> {
        match credential {
            Credential::ServiceAccount { namespace, service_account, .. } => {
                self.accounts.as_ref()?.role(namespace, service_account)
            }
            Credential::Certificate { sha256 } => {
                let known = self.certificates.iter().find(|(digest, _)| hex(*digest) == *sha256);
                known.map(|(_, role)| role.clone())
            }
            // Whoever made the token said once and for all whom it is for.
            Credential::Invitation { .. } => Some(enrolled.clone()),
        }
    }
}

impl Accounts {
    async fn check(&self, token: &str, now: Moment) -> Result<ServiceAccount, FleetError> {
        let refused = |why: &dyn core::fmt::Display| FleetError::Credential(why.to_string());
        match &self.keys {
            ClusterKeys::File(file) => {
                // It is small, and read where nobody else waits for it: enrolling is rare.
                if let Err(error) = file.look() {
                    tracing::error!(%error, "the cluster's keys stay as they were");
                }
                kubernetes::verify(token, &self.cluster, &file.keys.load(), now)
                    .map_err(|error| refused(&error))
            }
            ClusterKeys::Review(cluster) => {
                let reviewed = cluster.review_token(token, &self.cluster.audience).await;
                match reviewed.map_err(|error| FleetError::Keys(error.to_string()))? {
                    Standing::Refused(why) => Err(refused(&why)),
                    Standing::Good(holder) => Ok(ServiceAccount {
                        namespace: holder.namespace,
                        name: holder.service_account,
                        pod: holder.pod.map(|pod| (pod.name, pod.uid)),
                    }),
                }
            }
        }
    }

    fn role(&self, namespace: &str, name: &str) -> Option<Role> {
        let fits = |pattern: &&AccountPattern| {
            pattern.namespace.matches(namespace) && pattern.service_account.matches(name)
        };
        let pattern = self.patterns.iter().find(fits)?;
        let own = || AgentId::new(&format!("ns/{namespace}/sa/{name}")).ok();
        let agent = pattern.id.clone().or_else(own)?;
        let reserved = agent.as_str().eq_ignore_ascii_case(OWN_NAME);
        (!reserved).then(|| Role {
            agent,
            on_behalf_of: pattern.on_behalf_of.clone(),
            operators: pattern.operators.clone(),
        })
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
