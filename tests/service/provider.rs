//! An identity provider that signs whatever a test wants, right or wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::digest::base64url;
use ed25519_dalek::Signer as _;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.acme.example";
pub(crate) const AUDIENCE: &str = "countersign";

pub(crate) struct Provider {
    rsa: RsaKeyPair,
    p256: p256::ecdsa::SigningKey,
    ed25519: ed25519_dalek::SigningKey,
}

impl Provider {
    pub(crate) fn new() -> Self {
        let rsa = STANDARD.decode(include_str!("../vectors/oidc/rsa.pk8.base64").trim()).unwrap();
        Self {
            rsa: RsaKeyPair::from_pkcs8(&rsa).unwrap(),
            p256: p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap(),
            ed25519: ed25519_dalek::SigningKey::from_bytes(&[7; 32]),
        }
    }

    /// The three keys, `rsa`, `p256` and `ed25519`, as the provider publishes them.
    pub(crate) fn keys(&self) -> Vec<Value> {
        let rsa = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
        let point = self.p256.verifying_key().to_sec1_point(false);
        let (x, y) = (point.x().unwrap(), point.y().unwrap());
        vec![
            json!({ "kid": "rsa", "kty": "RSA", "use": "sig", "alg": "RS256",
                    "n": base64url(&rsa.n), "e": base64url(&rsa.e) }),
            json!({ "kid": "p256", "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) }),
            json!({ "kid": "ed25519", "kty": "OKP", "crv": "Ed25519",
                    "x": base64url(self.ed25519.verifying_key().as_bytes()) }),
        ]
    }

    pub(crate) fn jwks(&self) -> String {
        json!({ "keys": self.keys() }).to_string()
    }

    /// A token with this header and these claims, signed as the key of this name signs.
    pub(crate) fn sign(&self, key: &str, header: &Value, claims: &Value) -> String {
        let encoded = |value: &Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = match key {
            "rsa" => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                let random = ring::rand::SystemRandom::new();
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
            "p256" => {
                let signature: p256::ecdsa::Signature = self.p256.sign(signed.as_bytes());
                signature.to_bytes().to_vec()
            }
            _ => self.ed25519.sign(signed.as_bytes()).to_bytes().to_vec(),
        };
        format!("{signed}.{}", base64url(&signature))
    }

    /// A good token that was issued at this second for this address.
    pub(crate) fn token(&self, email: &str, at: u64) -> String {
        self.sign("rsa", &header("rsa"), &claims(email, at))
    }
}

pub(crate) fn header(key: &str) -> Value {
    let algorithm = match key {
        "rsa" => "RS256",
        "p256" => "ES256",
        _ => "EdDSA",
    };
    json!({ "alg": algorithm, "typ": "JWT", "kid": key })
}

pub(crate) fn claims(email: &str, at: u64) -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "0815", "iat": at, "exp": at + 3600,
            "email": email, "email_verified": true })
}

/// These claims with others in place of some; `null` takes one away.
pub(crate) fn with(mut claims: Value, changes: &Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}
