//! By which key a push service knows this sender again: VAPID (RFC 8292).

use crate::digest::{base64url, from_base64url, sha256};
use crate::entropy::Entropy;
use crate::files;
use crate::moment::Moment;
use crate::operation::json::{self, Limits, Object, Value};
use core::time::Duration;
use p256::SecretKey;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use std::path::Path;
use zeroize::Zeroizing;

/// How long a statement is good: half of what the standard allows.
const LIFE: Duration = Duration::from_secs(12 * 3600);
const LIMITS: Limits = Limits { bytes: 4096, depth: 2, members: 8 };

/// The key of this service, and how its operator is reached.
pub struct Vapid {
    key: SigningKey,
    public: String,
    /// `mailto:…` or `https://…`
    contact: Box<str>,
}

impl Vapid {
    /// The key in this file, a private JWK of mode 0600; a new one where there is none yet. Browsers are subscribed to
    /// one key: with another they have to subscribe anew.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn at(path: &Path, contact: &str, entropy: &dyn Entropy) -> Result<Self, String> {
        let failed = |error: &dyn core::fmt::Display| format!("`{}`: {error}", path.display());
        let secret = match std::fs::read(path).map(Zeroizing::new) {
            Ok(text) => {
                files::refuse_exposed(path).map_err(|error| error.to_string())?;
                read(&text).ok_or_else(|| failed(&"it is not a private P-256 key (JWK)"))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let secret = random(entropy).map_err(|error| failed(&error))?;
                files::write_private(path, &write(&secret)).map_err(|error| failed(&error))?;
                secret
            }
            Err(error) => return Err(failed(&error)),
        };
        Ok(Self::new(&secret, contact))
    }

    /// With this key.
    #[must_use]
    pub fn new(secret: &SecretKey, contact: &str) -> Self {
        let public = base64url(secret.public_key().to_sec1_point(false).as_bytes());
        Self { key: secret.into(), public, contact: contact.into() }
    }

    /// The public key as browsers take it, `applicationServerKey` in base64url.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The header `Authorization` for the push service of this origin (`https://push.example.net`).
    pub(super) fn authorization(&self, origin: &str, now: Moment) -> String {
        let until = u32::try_from(now.plus(LIFE).unix_seconds()).unwrap_or(u32::MAX);
        let claims = Object::new()
            .with("aud", origin)
            .with("exp", Value::Number(until.into()))
            .with("sub", &*self.contact);
        let claims = Value::Object(claims).to_canonical();
        let signed = format!("{}.{}", base64url(br#"{"typ":"JWT","alg":"ES256"}"#), base64url(&claims));
        let signature: Result<Signature, _> = self.key.sign_prehash(&sha256(&[signed.as_bytes()]));
        let signature = signature.map(|signature| base64url(&signature.to_bytes())).unwrap_or_default();
        format!("vapid t={signed}.{signature}, k={}", self.public)
    }
}

/// A secret key from random bits; of 2³² tries none fails.
pub(super) fn random(entropy: &dyn Entropy) -> Result<SecretKey, crate::entropy::NoEntropy> {
    let mut bytes = Zeroizing::new([0; 32]);
    entropy.fill(&mut *bytes)?;
    SecretKey::from_slice(&*bytes).map_err(|_| crate::entropy::NoEntropy)
}

fn read(text: &[u8]) -> Option<SecretKey> {
    let jwk = json::read(text, &LIMITS).ok()?;
    let member = |name| jwk.as_object()?.get(name)?.as_str();
    if (member("kty"), member("crv")) != (Some("EC"), Some("P-256")) {
        return None;
    }
    let secret = Zeroizing::new(from_base64url(member("d")?)?);
    let secret = SecretKey::from_slice(&secret).ok()?;
    let (x, y) = halves(&secret);
    (member("x") == Some(&*x) && member("y") == Some(&*y)).then_some(secret)
}

fn write(secret: &SecretKey) -> Zeroizing<Vec<u8>> {
    let (x, y) = halves(secret);
    let secret = Zeroizing::new(base64url(&Zeroizing::new(secret.to_bytes())));
    let jwk = format!(r#"{{"crv":"P-256","d":"{}","kty":"EC","x":"{x}","y":"{y}"}}"#, *secret);
    Zeroizing::new(jwk.into_bytes())
}

fn halves(secret: &SecretKey) -> (String, String) {
    let point = secret.public_key().to_sec1_point(false);
    let (x, y) = point.as_bytes().split_at(1).1.split_at(32);
    (base64url(x), base64url(y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_made_once_and_kept_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("push.jwk");
        let open = || Vapid::at(&path, "mailto:ops@acme.example", &SystemEntropy);
        let public = open().unwrap().public().to_owned();
        assert_eq!(open().unwrap().public(), public);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(open().err().unwrap().contains("mode 0644"));
        std::fs::write(&path, "{}").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(open().err().unwrap().contains("not a private P-256 key"));
    }

    #[test]
    fn a_push_service_can_check_what_is_stated() {
        let secret = SecretKey::from_slice(&[5; 32]).unwrap();
        let vapid = Vapid::new(&secret, "mailto:ops@acme.example");
        let header = vapid.authorization("https://push.example.net", Moment::from_unix_seconds(1000));
        let (token, key) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = VerifyingKey::from_sec1_bytes(&from_base64url(key).unwrap()).unwrap();
        let signature = Signature::from_slice(&from_base64url(signature).unwrap()).unwrap();
        key.verify_prehash(&sha256(&[signed.as_bytes()]), &signature).unwrap();
        let claims = from_base64url(signed.split_once('.').unwrap().1).unwrap();
        assert_eq!(
            String::from_utf8(claims).unwrap(),
            r#"{"aud":"https://push.example.net","exp":44200,"sub":"mailto:ops@acme.example"}"#
        );
    }
}
