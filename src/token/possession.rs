//! The proof that whoever presents a token holds the key that its `cnf` names (TOKEN §3, §7 step 18).

use super::audience::Audience;
use super::claims::Claims;
use super::compact::{Compact, FormError, Kind, MAX_MINTED, SigningInput};
use super::key::PublicKey;
use super::members::{ClaimFault, Members};
use crate::digest::OperationDigest;
use crate::moment::Moment;
use crate::operation::json::{Limits, Object, Value};
use crate::party::TokenId;
use core::fmt;
use core::time::Duration;

/// How old a proof may be.
pub const MAX_PROOF_AGE: Duration = Duration::from_secs(60);

/// What a proof of possession says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possession {
    /// `aud`: that of the token.
    pub audience: Audience,
    /// `jti`: that of the token.
    pub jti: TokenId,
    /// `cs_op`: that of the token.
    pub operation: OperationDigest,
    /// `iat`: when the proof was made; whole seconds.
    pub issued_at: Moment,
}

/// Why a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PossessionError {
    /// It is not a compact JWS of this kind.
    Form(FormError),
    /// It is not signed by the key that the token's `cnf` names.
    Signature,
    /// The claims are malformed.
    Claims(ClaimFault),
    /// It was made for another token, operation or executor.
    OtherToken,
    /// It is older than [`MAX_PROOF_AGE`], or from the future.
    NotFresh,
}

impl fmt::Display for PossessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => write!(f, "the proof of possession is {error}"),
            Self::Signature => f.write_str("the proof of possession is not signed by the token's holder"),
            Self::Claims(fault) => write!(f, "in the proof of possession {fault}"),
            Self::OtherToken => f.write_str("the proof of possession was made for another token"),
            Self::NotFresh => f.write_str("the proof of possession is not fresh"),
        }
    }
}

impl std::error::Error for PossessionError {}

impl Possession {
    /// The proof for these claims, made now.
    #[must_use]
    pub fn of(claims: &Claims, now: Moment) -> Self {
        Self {
            audience: claims.audience.clone(),
            jti: claims.jti,
            operation: claims.operation,
            issued_at: Moment::from_unix_seconds(now.unix_seconds()),
        }
    }

    /// The bytes that the holder's key is to sign.
    #[must_use]
    pub fn signing_input(&self, holder: &PublicKey) -> SigningInput {
        let claims = Object::new()
            .with("aud", self.audience.as_str())
            .with("cs_op", self.operation.to_string())
            .with("iat", self.issued_at.unix_seconds())
            .with("jti", self.jti.to_string());
        SigningInput::new(Kind::Possession, holder, &Value::from(claims).to_canonical())
    }

    /// Checks a proof for a token with these claims.
    pub(super) fn check(
        text: &str,
        claims: &Claims,
        holder: &PublicKey,
        now: Moment,
        skew: Duration,
    ) -> Result<(), PossessionError> {
        let jws = Compact::read(text, Kind::Possession, MAX_MINTED).map_err(PossessionError::Form)?;
        if jws.key_id() != Some(holder.id()) || !jws.names_algorithm_of(holder) {
            return Err(PossessionError::Signature);
        }
        jws.verify(holder).map_err(|_| PossessionError::Signature)?;
        let proof = Self::read(jws.claims()).map_err(PossessionError::Claims)?;
        let expected = Self { issued_at: proof.issued_at, ..Self::of(claims, now) };
        if proof != expected {
            return Err(PossessionError::OtherToken);
        }
        let fresh = proof.issued_at <= now.plus(skew) && now.since(proof.issued_at) <= MAX_PROOF_AGE;
        if fresh { Ok(()) } else { Err(PossessionError::NotFresh) }
    }

    fn read(bytes: &[u8]) -> Result<Self, ClaimFault> {
        let value = Members::parse(bytes, &Limits { bytes: MAX_MINTED, depth: 4, members: 16 })?;
        let members = Members::of(&value, &["aud", "cs_op", "iat", "jti"])?;
        Ok(Self {
            audience: Audience::received(members.text("aud")?),
            jti: members.matching("jti", TokenId::parse)?,
            operation: members.matching("cs_op", OperationDigest::parse)?,
            issued_at: members.second("iat")?,
        })
    }
}
