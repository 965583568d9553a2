//! An Ed25519 public key with the one algorithm name recorded for it, and its JWK form (RFC 8037).

use crate::digest::{KeyId, base64url, from_base64url, sha256};
use crate::operation::json::{Object, Value};
use core::fmt;
use ed25519_dalek::{Signature, VerifyingKey};

/// What a key's signatures are called in a header's `alg`. Both are Ed25519; a key has exactly one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `EdDSA` (RFC 8037), which every Ed25519-capable JWT library accepts.
    #[default]
    EdDsa,
    /// `Ed25519` (RFC 9864), for keys whose executors all know it.
    Ed25519,
}

impl Algorithm {
    /// The name, as `alg` holds it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The algorithm of that name, byte for byte.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Ed25519].into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The 32 bytes are no point of the curve.
    NotAPoint,
    /// The point is not written in its one canonical way.
    NonCanonical,
    /// The point has a small order: signatures under it verify for more than one message.
    SmallOrder,
    /// The JWK is not a JSON object.
    NotAnObject,
    /// The JWK holds a private key.
    Private,
    /// The JWK has a member that is not allowed there.
    UnexpectedMember,
    /// `kty` is not `OKP` or `crv` is not `Ed25519`.
    KeyType,
    /// `alg` is neither `EdDSA` nor `Ed25519`.
    Algorithm,
    /// `use` is not `sig`.
    Use,
    /// `x` is not 32 bytes in unpadded base64url.
    X,
    /// `kid` is not the key's RFC 7638 thumbprint.
    Thumbprint,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAPoint => "the key is not a point of the curve",
            Self::NonCanonical => "the key is not in its canonical form",
            Self::SmallOrder => "the key has a small order",
            Self::NotAnObject => "the key is not a JSON object",
            Self::Private => "the key holds its private part `d`, which belongs in no public place",
            Self::UnexpectedMember => "the key has an unexpected member",
            Self::KeyType => "the key's `kty` is not `OKP` or its `crv` is not `Ed25519`",
            Self::Algorithm => "the key's `alg` is neither `EdDSA` nor `Ed25519`",
            Self::Use => "the key's `use` is not `sig`",
            Self::X => "the key's `x` is not 32 bytes in unpadded base64url",
            Self::Thumbprint => "the key's `kid` is not its RFC 7638 thumbprint",
        })
    }
}

impl std::error::Error for KeyError {}

/// A signature that its key did not make over these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature is not of this key over these bytes")
    }
}

impl std::error::Error for BadSignature {}

/// An Ed25519 public key: a canonical point of large order, its id, and the name of its algorithm.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    point: VerifyingKey,
    id: KeyId,
    algorithm: Algorithm,
}

impl PublicKey {
    /// Takes the 32 bytes of a public key.
    ///
    /// # Errors
    /// [`KeyError`] for what is no point, is not canonical, or has a small order.
    pub fn from_bytes(bytes: &[u8; 32], algorithm: Algorithm) -> Result<Self, KeyError> {
        let point = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?;
        // Decompression reduces the coordinate, so other spellings of a point get this far.
        if point.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyError::NonCanonical);
        }
        if point.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self { point, id: thumbprint(bytes), algorithm })
    }

    /// Reads a JWK with the members `kty`, `crv`, `x` and perhaps `alg`, `kid` and `use`.
    ///
    /// Without `alg` the algorithm is [`Algorithm::EdDsa`].
    ///
    /// # Errors
    /// [`KeyError`] for any other member, a wrong value, or a key that [`PublicKey::from_bytes`] refuses.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        Self::from_members(jwk.as_object().ok_or(KeyError::NotAnObject)?, &[])
    }

    /// Reads the members of a JWK that stand beside others, `beside`, in one object.
    pub(super) fn from_members(object: &Object, beside: &[&str]) -> Result<Self, KeyError> {
        if object.get("d").is_some() {
            return Err(KeyError::Private);
        }
        let known = |name: &str| ["kty", "crv", "x", "alg", "kid", "use"].contains(&name);
        if object.names().any(|name| !known(name) && !beside.contains(&name)) {
            return Err(KeyError::UnexpectedMember);
        }
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        if text("kty") != Some("OKP") || text("crv") != Some("Ed25519") {
            return Err(KeyError::KeyType);
        }
        let algorithm = match object.get("alg") {
            None => Algorithm::default(),
            Some(name) => name.as_str().and_then(Algorithm::parse).ok_or(KeyError::Algorithm)?,
        };
        if object.get("use").is_some() && text("use") != Some("sig") {
            return Err(KeyError::Use);
        }
        let x = text("x").and_then(from_base64url).and_then(|x| <[u8; 32]>::try_from(x).ok());
        let key = Self::from_bytes(&x.ok_or(KeyError::X)?, algorithm)?;
        if object.get("kid").is_some() && text("kid").and_then(KeyId::parse) != Some(key.id) {
            return Err(KeyError::Thumbprint);
        }
        Ok(key)
    }

    /// The JWK: `alg`, `crv`, `kid`, `kty`, `use` and `x`.
    #[must_use]
    pub fn to_jwk(&self) -> Object {
        self.to_short_jwk().with("kid", self.id.to_string()).with("use", "sig")
    }

    /// The JWK as it stands in `cnf`: `alg`, `crv`, `kty` and `x`.
    pub(super) fn to_short_jwk(&self) -> Object {
        Object::new()
            .with("alg", self.algorithm.as_str())
            .with("crv", "Ed25519")
            .with("kty", "OKP")
            .with("x", base64url(self.as_bytes()))
    }

    /// The RFC 7638 SHA-256 thumbprint: what a header's `kid` holds.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The name of its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.point.as_bytes()
    }

    /// Checks a signature strictly (RFC 8032 §5.1.7, no small-order or non-canonical parts).
    ///
    /// # Errors
    /// [`BadSignature`] if it is not 64 bytes or not this key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let signature = Signature::from_slice(signature).map_err(|_| BadSignature)?;
        self.point.verify_strict(message, &signature).map_err(|_| BadSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.id, self.algorithm)
    }
}

fn thumbprint(bytes: &[u8; 32]) -> KeyId {
    let x = base64url(bytes);
    KeyId::from_bytes(sha256(&[br#"{"crv":"Ed25519","kty":"OKP","x":""#, x.as_bytes(), br#""}"#]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::json::{Limits, read};

    /// RFC 8037 appendix A.2.
    const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

    fn parse(text: &str) -> Result<PublicKey, KeyError> {
        PublicKey::from_jwk(&read(text.as_bytes(), &Limits::OPERATION).unwrap())
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        let key = parse(JWK).unwrap();
        assert_eq!(key.id().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(PublicKey::from_jwk(&Value::from(key.to_jwk())), Ok(key));
    }

    #[test]
    fn what_is_no_public_ed25519_key_is_refused() {
        let with = |more: &str| JWK.replace("{", &format!("{{{more},"));
        let x = |x: &str| JWK.replace("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", x);
        for (text, error) in [
            ("[]".into(), KeyError::NotAnObject),
            (with(r#""d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#), KeyError::Private),
            (with(r#""x5u":"https://evil.example""#), KeyError::UnexpectedMember),
            (JWK.replace("OKP", "EC"), KeyError::KeyType),
            (JWK.replace("Ed25519", "X25519"), KeyError::KeyType),
            (with(r#""alg":"HS256""#), KeyError::Algorithm),
            (with(r#""alg":"eddsa""#), KeyError::Algorithm),
            (with(r#""use":"enc""#), KeyError::Use),
            (with(r#""kid":"k1""#), KeyError::Thumbprint),
            (x("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="), KeyError::X),
            (x("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR"), KeyError::X),
            (x("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), KeyError::SmallOrder),
            // y = p + 1, another spelling of y = 1.
            (x("7v_______________________________________38"), KeyError::NonCanonical),
            (x("AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), KeyError::NotAPoint),
        ] {
            assert_eq!(parse(&text), Err(error), "{text}");
        }
    }
}
