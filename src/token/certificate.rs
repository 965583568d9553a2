//! A key certificate: a root certifies an issuer's key, an issuer a sidecar's, a log's or an executor's, each for a
//! time and a scope (TOKEN §8).

use super::claims::VERSION;
use super::compact::{Compact, FormError, Kind, MAX_VERIFIED, SigningInput};
use super::key::PublicKey;
use super::members::{ClaimFault, Members};
use super::scope::Scope;
use crate::moment::Moment;
use crate::operation::json::{Limits, Object, Value};
use crate::party::{KeyHolder, TrustDomain};
use core::fmt;
use core::time::Duration;

/// How long a sidecar's key may be certified for.
pub const MAX_AUTHORITY_KEY_LIFE: Duration = Duration::from_hours(24);
/// How long an issuer's key may be certified for.
pub const MAX_ISSUER_KEY_LIFE: Duration = Duration::from_hours(24 * 400);
/// How long a log's key may be certified for.
pub const MAX_LOG_KEY_LIFE: Duration = Duration::from_hours(24 * 400);
/// How long an executor's key for receipts may be certified for.
pub const MAX_RECEIPT_KEY_LIFE: Duration = Duration::from_hours(24 * 400);

/// What a certified key signs: `cs_use`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// `issuer`: certificates of sidecars' keys, trust bundles and revocations.
    Issuer,
    /// `authority`: authority tokens.
    Authority,
    /// `log`: the checkpoints of one log, which the scope names.
    Log,
    /// `receipt`: the receipts of one executor, which the scope names.
    Receipt,
}

impl KeyUse {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Issuer, Self::Authority, Self::Log, Self::Receipt];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Authority => "authority",
            Self::Log => "log",
            Self::Receipt => "receipt",
        }
    }

    /// How long a key of this use may be certified for.
    #[must_use]
    pub const fn max_life(self) -> Duration {
        match self {
            Self::Issuer => MAX_ISSUER_KEY_LIFE,
            Self::Authority => MAX_AUTHORITY_KEY_LIFE,
            Self::Log => MAX_LOG_KEY_LIFE,
            Self::Receipt => MAX_RECEIPT_KEY_LIFE,
        }
    }

    /// Whether an issuer certifies keys of this use; a root certifies the others.
    #[must_use]
    pub const fn is_certified_by_issuer(self) -> bool {
        match self {
            Self::Issuer => false,
            Self::Authority | Self::Log | Self::Receipt => true,
        }
    }

    /// Whether a scope suits a key of this use: one that speaks for one log or one executor names just that.
    pub(super) fn takes(self, scope: &Scope) -> bool {
        match self {
            Self::Issuer | Self::Authority => true,
            Self::Log | Self::Receipt => scope.is_of_one_name(),
        }
    }

    /// The use of that name, byte for byte.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|usage| usage.as_str() == name)
    }
}

/// A key with what it may sign, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedKey {
    /// The key.
    pub key: PublicKey,
    /// What it signs.
    pub usage: KeyUse,
    /// From when on; whole seconds.
    pub not_before: Moment,
    /// The first moment at which it no longer is; whole seconds.
    pub expires_at: Moment,
    /// The limits of its authority.
    pub scope: Scope,
}

impl CertifiedKey {
    /// Whether a moment lies in the key's window; `skew` is how far the clocks may differ at its start.
    #[must_use]
    pub fn covers(&self, moment: Moment, skew: Duration) -> bool {
        self.not_before <= moment.plus(skew) && moment < self.expires_at
    }

    pub(super) fn lives_longer_than(&self, most: Duration) -> bool {
        self.expires_at <= self.not_before || self.expires_at.since(self.not_before) > most
    }
}

/// What a key certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCertificate {
    /// `iss`: the trust domain.
    pub domain: TrustDomain,
    /// `sub`: who holds the key.
    pub holder: KeyHolder,
    /// `iat`
    pub issued_at: Moment,
    /// `cnf.jwk`, `cs_use`, `nbf`, `exp`, `cs_scope`
    pub certified: CertifiedKey,
}

/// Why a certificate is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// It is not a compact JWS of this kind.
    Form(FormError),
    /// It is not signed by a key that may certify: a pinned root, or an issuer that one certified.
    Signer,
    /// `alg` is not the name of the signer's algorithm.
    Algorithm,
    /// The signature is not the signer's.
    Signature,
    /// The claims are malformed.
    Claims(ClaimFault),
    /// It belongs to another trust domain.
    Domain,
    /// The key may not be used for that: a root certifies issuers, an issuer the others, and no key has two uses.
    Use,
    /// The key speaks for another log or executor than the one that it is asked for.
    Name,
    /// The moment for which it is asked is outside the window of a key in the chain.
    Window,
    /// The key is certified for longer than such a key may be, or for no time at all.
    Life,
    /// There are more certificates than a chain has.
    TooMany,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => write!(f, "the key certificate is {error}"),
            Self::Signer => f.write_str(
                "the key certificate is not signed by a pinned root or an issuer that one certified",
            ),
            Self::Algorithm => f.write_str("the key certificate's `alg` is not that of its signer's key"),
            Self::Signature => f.write_str("the key certificate's signature is not its signer's"),
            Self::Claims(fault) => write!(f, "in the key certificate {fault}"),
            Self::Domain => f.write_str("the key certificate belongs to another trust domain"),
            Self::Use => f.write_str("the key certificate is for a use that its signer can't grant"),
            Self::Name => f.write_str("the key is certified for another name"),
            Self::Window => f.write_str("the key, or the one that certified it, was not valid then"),
            Self::Life => f.write_str("the key certificate's window is empty or longer than allowed"),
            Self::TooMany => f.write_str("there are more key certificates than a chain has"),
        }
    }
}

impl std::error::Error for CertificateError {}

const NAMES: [&str; 9] = ["cnf", "cs_scope", "cs_use", "cs_v", "exp", "iat", "iss", "nbf", "sub"];
const LIMITS: Limits = Limits { bytes: MAX_VERIFIED, depth: 8, members: 512 };

impl KeyCertificate {
    /// The bytes that the certifying key is to sign.
    ///
    /// # Errors
    /// [`CertificateError`] for a certificate that nobody would accept.
    pub fn signing_input(&self, signer: &PublicKey) -> Result<SigningInput, CertificateError> {
        let certified = &self.certified;
        if certified.key.id() == signer.id() {
            return Err(CertificateError::Use);
        }
        if !certified.scope.is_sound() || !certified.usage.takes(&certified.scope) {
            return Err(CertificateError::Claims(ClaimFault::Wrong("cs_scope")));
        }
        self.check_life()?;
        let claims = Object::new()
            .with("cnf", Object::new().with("jwk", certified.key.to_short_jwk()))
            .with("cs_scope", certified.scope.to_value())
            .with("cs_use", certified.usage.as_str())
            .with("cs_v", VERSION)
            .with("exp", certified.expires_at.unix_seconds())
            .with("iat", self.issued_at.unix_seconds())
            .with("iss", self.domain.as_str())
            .with("nbf", certified.not_before.unix_seconds())
            .with("sub", self.holder.as_str());
        let input = SigningInput::new(Kind::KeyCertificate, signer, &Value::from(claims).to_canonical());
        if input.signed_len() > MAX_VERIFIED {
            return Err(CertificateError::Form(FormError::Size));
        }
        Ok(input)
    }

    /// Reads a certificate that this key must have signed; who may certify whom is the chain's business.
    pub(super) fn read(jws: &Compact<'_>, signer: &PublicKey) -> Result<Self, CertificateError> {
        if !jws.names_algorithm_of(signer) {
            return Err(CertificateError::Algorithm);
        }
        jws.verify(signer).map_err(|_| CertificateError::Signature)?;
        let certificate = Self::read_claims(jws.claims()).map_err(CertificateError::Claims)?;
        certificate.check_life()?;
        Ok(certificate)
    }

    fn read_claims(bytes: &[u8]) -> Result<Self, ClaimFault> {
        let value = Members::parse(bytes, &LIMITS)?;
        let members = Members::of(&value, &NAMES)?;
        if members.number("cs_v")? != VERSION {
            return Err(ClaimFault::Wrong("cs_v"));
        }
        let cnf = Members::inner(members.value("cnf")?, "cnf", &["jwk"])?;
        let certified = CertifiedKey {
            key: PublicKey::from_jwk(cnf.value("jwk")?).map_err(|_| ClaimFault::Wrong("cnf"))?,
            usage: members.matching("cs_use", KeyUse::parse)?,
            not_before: members.second("nbf")?,
            expires_at: members.second("exp")?,
            scope: Scope::read(members.value("cs_scope")?)?,
        };
        if !certified.usage.takes(&certified.scope) {
            return Err(ClaimFault::Wrong("cs_scope"));
        }
        Ok(Self {
            domain: members.parsed("iss", TrustDomain::new)?,
            holder: members.parsed("sub", KeyHolder::new)?,
            issued_at: members.second("iat")?,
            certified,
        })
    }

    fn check_life(&self) -> Result<(), CertificateError> {
        let most = self.certified.usage.max_life();
        if self.certified.lives_longer_than(most) { Err(CertificateError::Life) } else { Ok(()) }
    }
}
