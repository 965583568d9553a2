//! A token as it is, for people to look at: nothing in it was verified.

use super::claims::LIMITS;
use super::compact::{Compact, FormError, MAX_VERIFIED};
use super::members::{ClaimFault, Members};
use crate::operation::json::Value;

/// What a token or another of our signed objects says, without any check of who says so.
///
/// For `countersign verify --inspect` and the like; nothing may be decided on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedToken {
    /// The header's `alg`.
    pub alg: String,
    /// The header's `typ`.
    pub typ: String,
    /// The header's `kid`.
    pub kid: String,
    /// The claims.
    pub claims: Value,
}

/// Why a text can't even be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InspectError {
    /// It is not a compact JWS with our header.
    Form(FormError),
    /// The claims are not strict JSON.
    Claims(ClaimFault),
}

impl core::fmt::Display for InspectError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Form(error) => error.fmt(f),
            Self::Claims(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for InspectError {}

impl UnverifiedToken {
    /// Takes a token apart. It may be forged, expired, or for somebody else.
    ///
    /// # Errors
    /// [`InspectError`] if it is no compact JWS of strict JSON with the three members in its header.
    pub fn inspect(token: &str) -> Result<Self, InspectError> {
        let jws = Compact::read_any(token, MAX_VERIFIED).map_err(InspectError::Form)?;
        let claims = Members::parse(jws.claims(), &LIMITS).map_err(InspectError::Claims)?;
        let header = jws.header();
        Ok(Self { alg: header.alg.clone(), typ: header.typ.clone(), kid: header.kid.clone(), claims })
    }
}
