//! What a sidecar says with each call to its desk: who calls, for which agent and what, signed with its own certified
//! key and good for a minute.

use super::certificate::{CertificateError, CertifiedKey, KeyUse};
use super::compact::{Compact, FormError, Kind, MAX_MINTED, SigningInput};
use super::key::PublicKey;
use super::members::{ClaimFault, Members};
use super::trust::Anchor;
use crate::digest::KeyId;
use crate::moment::Moment;
use crate::operation::json::{Limits, Object, Value};
use crate::party::{AgentId, KeyHolder, TokenId, TrustDomain};
use core::fmt;
use core::time::Duration;

/// How long a statement may be good for.
pub const MAX_CALL_LIFE: Duration = Duration::from_secs(60);
/// How far the clocks of a sidecar and its desk may be apart.
pub const CALL_SKEW: Duration = Duration::from_secs(30);
/// The name of the header, or gRPC's metadata, that holds the statement.
pub const CALL_HEADER: &str = "countersign-call";
/// The name of the one that holds the certificates that lead to its key, the root's first, with spaces between them.
pub const CALL_CERTIFICATES_HEADER: &str = "countersign-certificates";

/// The longest name of what is called, in bytes.
const MAX_METHOD: usize = 64;

/// What a sidecar says with one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `aud`: the trust domain of the desk.
    pub domain: TrustDomain,
    /// `iss`: the sidecar.
    pub sidecar: KeyHolder,
    /// `sub`: the agent that it speaks for.
    pub agent: AgentId,
    /// `cs_call`: what it calls: `Ship` for example.
    pub method: Box<str>,
    /// `iat`; whole seconds.
    pub issued_at: Moment,
    /// `exp`: the first moment at which it is good for nothing any more; whole seconds.
    pub expires_at: Moment,
    /// `jti`: another one for each call.
    pub id: TokenId,
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError {
    /// It is not a compact JWS of this kind.
    Form(FormError),
    /// The certificates do not lead to a key from a pinned root.
    Certificate(CertificateError),
    /// The key is certified for something else than to sign tokens.
    Use,
    /// The key was revoked.
    Revoked(KeyId),
    /// The key's certificate does not cover this moment.
    Window,
    /// It is not signed by the key that the certificates lead to.
    Signature,
    /// The claims are malformed.
    Claims(ClaimFault),
    /// It was made for another trust domain.
    Domain,
    /// It was made for another call.
    Method,
    /// The key may not sign for this agent.
    Agent,
    /// It would be good for longer than [`MAX_CALL_LIFE`], or for no time at all.
    Life,
    /// By the desk's clock it was made in the future: the sidecar's clock is this far ahead.
    Ahead(Duration),
    /// By the desk's clock it ended before: it is too old, or the sidecar's clock is this far behind.
    Behind(Duration),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => write!(f, "the call's statement is {error}"),
            Self::Certificate(error) => error.fmt(f),
            Self::Use => f.write_str("the key that signed the call is certified for another use"),
            Self::Revoked(id) => write!(f, "the key `{id}` that signed the call was revoked"),
            Self::Window => f.write_str("the certificate of the key that signed the call is not valid now"),
            Self::Signature => f.write_str("the call is not signed by the key that its certificates lead to"),
            Self::Claims(fault) => write!(f, "in the call's statement {fault}"),
            Self::Domain => f.write_str("the call is for another trust domain"),
            Self::Method => f.write_str("the statement was made for another call"),
            Self::Agent => f.write_str("the key that signed the call may not speak for this agent"),
            Self::Life => {
                write!(
                    f,
                    "the statement is good for more than {} seconds or not at all",
                    MAX_CALL_LIFE.as_secs()
                )
            }
            Self::Ahead(by) => write!(
                f,
                "the statement is from the future: the sidecar's clock is {} seconds ahead of the desk's",
                by.as_secs()
            ),
            Self::Behind(by) => write!(
                f,
                "the statement ended {} seconds ago: it was on its way for long, or the sidecar's clock is behind the desk's",
                by.as_secs()
            ),
        }
    }
}

impl std::error::Error for CallError {}

impl Call {
    /// The bytes that the sidecar's key is to sign.
    #[must_use]
    pub fn signing_input(&self, key: &PublicKey) -> SigningInput {
        let claims = Object::new()
            .with("aud", self.domain.as_str())
            .with("cs_call", &*self.method)
            .with("exp", self.expires_at.unix_seconds())
            .with("iat", self.issued_at.unix_seconds())
            .with("iss", self.sidecar.as_str())
            .with("jti", self.id.to_string())
            .with("sub", self.agent.as_str());
        SigningInput::new(Kind::Call, key, &Value::from(claims).to_canonical())
    }

    /// Checks a statement that came with a call of `method`, and says by which key it was made. That this key is the
    /// sidecar's is for the caller to know.
    ///
    /// # Errors
    /// [`CallError`]: the first thing that is wrong with it.
    pub fn read(
        text: &str,
        certificates: &[&str],
        method: &str,
        anchor: &Anchor,
        revoked: impl Fn(&KeyId) -> bool,
        now: Moment,
    ) -> Result<(Self, CertifiedKey), CallError> {
        let jws = Compact::read(text, Kind::Call, MAX_MINTED).map_err(CallError::Form)?;
        let chain = anchor.chain(certificates, &[]).map_err(CallError::Certificate)?;
        let chain = chain.ok_or(CallError::Certificate(CertificateError::Signer))?;
        if let Some(id) = chain.ids().find(|id| revoked(id)) {
            return Err(CallError::Revoked(id));
        }
        let certified = chain.links.last().filter(|key| key.usage == KeyUse::Authority);
        let certified = certified.ok_or(CallError::Use)?;
        if jws.key_id() != Some(certified.key.id()) || !jws.names_algorithm_of(&certified.key) {
            return Err(CallError::Signature);
        }
        jws.verify(&certified.key).map_err(|_| CallError::Signature)?;
        let call = Self::read_claims(jws.claims()).map_err(CallError::Claims)?;
        if call.domain != *anchor.domain() {
            return Err(CallError::Domain);
        }
        if *call.method != *method {
            return Err(CallError::Method);
        }
        if !certified.scope.agents.iter().any(|agent| agent.matches(call.agent.as_str())) {
            return Err(CallError::Agent);
        }
        call.check_times(now)?;
        if !chain.covers(now, CALL_SKEW) {
            return Err(CallError::Window);
        }
        Ok((call, certified.clone()))
    }

    fn check_times(&self, now: Moment) -> Result<(), CallError> {
        if self.expires_at <= self.issued_at || self.expires_at.since(self.issued_at) > MAX_CALL_LIFE {
            return Err(CallError::Life);
        }
        if self.issued_at > now.plus(CALL_SKEW) {
            return Err(CallError::Ahead(self.issued_at.since(now)));
        }
        if now >= self.expires_at.plus(CALL_SKEW) {
            return Err(CallError::Behind(now.since(self.expires_at)));
        }
        Ok(())
    }

    fn read_claims(bytes: &[u8]) -> Result<Self, ClaimFault> {
        let value = Members::parse(bytes, &Limits { bytes: MAX_MINTED, depth: 4, members: 16 })?;
        let members = Members::of(&value, &["aud", "cs_call", "exp", "iat", "iss", "jti", "sub"])?;
        let method = |text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            (plain && (1..=MAX_METHOD).contains(&text.len())).then(|| text.into())
        };
        Ok(Self {
            domain: members.parsed("aud", TrustDomain::new)?,
            sidecar: members.parsed("iss", KeyHolder::new)?,
            agent: members.parsed("sub", AgentId::new)?,
            method: members.matching("cs_call", method)?,
            issued_at: members.second("iat")?,
            expires_at: members.second("exp")?,
            id: members.matching("jti", TokenId::parse)?,
        })
    }
}

/// What a sidecar's keys sign to show, when it enrols, that it has them: over the trust domain and both keys, so that
/// nobody enrols with another's key.
#[must_use]
pub fn enrolment_message(domain: &TrustDomain, authority: &[u8; 32], log: &[u8; 32]) -> Vec<u8> {
    [b"countersign-enrol-v1\0", domain.as_str().as_bytes(), b"\0", authority, log].concat()
}
