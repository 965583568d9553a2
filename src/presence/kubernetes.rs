//! Service-account tokens: what a Kubernetes cluster signed about a pod, checked offline against its published keys.
//!
//! A projected token (`serviceAccountToken` in a pod's volumes) is a JWT for the audiences that the pod asked for, bound to
//! the pod. What is accepted is narrower than the cluster's own check: the audience is ours alone, so that nobody whom the
//! token is shown to besides can show it to us.

use super::oidc::{self, Issuer, KeySet, OidcError};
use crate::moment::Moment;
use crate::operation::json::{Object, Value};
use core::fmt;

/// The longest name of a namespace, an account or a pod (RFC 1123 subdomains).
const MAX_NAME: usize = 253;

/// Whose tokens are accepted, and for whom they must be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The cluster's issuer: the token's `iss`, exactly.
    pub issuer: Box<str>,
    /// This desk: the only member of the token's `aud`.
    pub audience: Box<str>,
}

/// The service account that a token is of. Only [`verify`] makes one: holding it is the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The namespace.
    pub namespace: Box<str>,
    /// The account's name.
    pub name: Box<str>,
    /// The pod that the token is bound to: its name and its uid.
    pub pod: Option<(Box<str>, Box<str>)>,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceAccountError {
    /// It is no good token of this cluster.
    Token(OidcError),
    /// It is for others besides.
    Audience,
    /// This claim is missing, or is not what a service account's token has.
    Claim(&'static str),
}

impl fmt::Display for ServiceAccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => write!(f, "{error} ({})", error.code()),
            Self::Audience => f.write_str("the token is for others besides this desk"),
            Self::Claim(name) => write!(f, "the claim `{name}` is not that of a service account's token"),
        }
    }
}

impl std::error::Error for ServiceAccountError {}

/// Checks a token.
///
/// # Errors
/// [`ServiceAccountError`]: the first thing that is wrong with it.
pub fn verify(
    text: &str,
    cluster: &Cluster,
    keys: &KeySet,
    now: Moment,
) -> Result<ServiceAccount, ServiceAccountError> {
    let issuer =
        Issuer { issuer: cluster.issuer.clone(), audience: cluster.audience.clone(), claim: "sub".into() };
    let claims = oidc::claims(text, &issuer, keys, now).map_err(ServiceAccountError::Token)?.0;
    let alone = match claims.get("aud") {
        Some(Value::String(one)) => **one == *cluster.audience,
        Some(Value::Array(several)) => {
            matches!(&several[..], [one] if one.as_str() == Some(&cluster.audience))
        }
        Some(_) | None => false,
    };
    if !alone {
        return Err(ServiceAccountError::Audience);
    }
    let object = |object: &'_ Object, name: &'static str| {
        let inner = object.get(name).and_then(Value::as_object).cloned();
        inner.ok_or(ServiceAccountError::Claim(name))
    };
    let about = object(&claims, "kubernetes.io")?;
    let account = object(&about, "serviceaccount")?;
    let (namespace, name) = (text_of(&about, "namespace")?, text_of(&account, "name")?);
    // Both say whose it is; a token that contradicts itself is none of the cluster's.
    let subject = format!("system:serviceaccount:{namespace}:{name}");
    if claims.get("sub").and_then(Value::as_str) != Some(&subject) {
        return Err(ServiceAccountError::Claim("sub"));
    }
    let pod = match about.get("pod") {
        None => None,
        Some(_) => {
            let pod = object(&about, "pod")?;
            Some((text_of(&pod, "name")?, text_of(&pod, "uid")?))
        }
    };
    Ok(ServiceAccount { namespace, name, pod })
}

/// A name as Kubernetes has them.
fn text_of(object: &Object, name: &'static str) -> Result<Box<str>, ServiceAccountError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let text = object.get(name).and_then(Value::as_str);
    let text = text.filter(|text| (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain));
    text.map(Into::into).ok_or(ServiceAccountError::Claim(name))
}
