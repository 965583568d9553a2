//! What is kept beside the keys of an enrolled sidecar: who it is, and what the desk said of keys.

use super::super::Published;
use crate::digest::KeyId;
use crate::party::{AgentId, ExecutorId, KeyHolder, LogOrigin, PersonId, TrustDomain};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Who a sidecar is, and for whom it mints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// The trust domain.
    pub domain: TrustDomain,
    /// The sidecar's name.
    pub sidecar: KeyHolder,
    /// Its log's.
    pub origin: LogOrigin,
    /// The agent that it speaks for.
    pub agent: AgentId,
    /// The person whom the agent acts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<PersonId>,
    /// The people who run it.
    #[serde(default)]
    pub operators: BTreeSet<PersonId>,
    /// The executors that it may mint for.
    pub executors: Vec<EnrolledExecutor>,
    /// The desk's key of cosignatures, as verifiers take it; empty where it does not cosign.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cosigner: String,
}

/// An executor, as the desk has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledExecutor {
    /// Its id.
    pub id: ExecutorId,
    /// The names of the conditions that it enforces.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// It only takes a fixed audience.
    #[serde(default)]
    pub plain: bool,
}

/// What the desk said of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trust {
    pub(super) published: Published,
    pub(super) revoked: BTreeSet<KeyId>,
}

/// … as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    bundle: String,
    certificates: Vec<String>,
    jwks: String,
    revocations: String,
    revoked: BTreeSet<KeyId>,
}

pub(super) fn read_enrolment(bytes: &[u8]) -> Result<Enrolment, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

pub(super) fn enrolment_to_bytes(enrolment: &Enrolment) -> Vec<u8> {
    serde_json::to_vec(enrolment).unwrap_or_default()
}

pub(super) fn read_trust(bytes: &[u8]) -> Result<Trust, String> {
    let written: Written = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let Written { bundle, certificates, jwks, revocations, revoked } = written;
    Ok(Trust { published: Published { bundle, certificates, jwks, revocations }, revoked })
}

pub(super) fn trust_to_bytes(trust: &Trust) -> Vec<u8> {
    let Published { bundle, certificates, jwks, revocations } = trust.published.clone();
    let revoked = trust.revoked.clone();
    serde_json::to_vec(&Written { bundle, certificates, jwks, revocations, revoked }).unwrap_or_default()
}
