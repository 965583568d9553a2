//! The relying party: whose passkeys they are, and from which pages they may be used.

use super::error::PasskeyError;
use crate::digest::sha256;
use core::fmt;

/// The most origins of one relying party.
pub const MAX_ORIGINS: usize = 16;

/// A relying party: the domain that passkeys are made for, and the closed list of pages that may ask for them.
///
/// An origin is compared whole, byte for byte: no prefix, no pattern and no other spelling of it is the same page.
#[derive(Clone, PartialEq, Eq)]
pub struct RelyingParty {
    id: Box<str>,
    hash: [u8; 32],
    origins: Box<[Box<str>]>,
}

impl RelyingParty {
    /// The relying party of this id, a domain, with the pages of these origins, written as browsers write them:
    /// `https://console.example.com`, with a port only if it is not the usual one. `http` is taken for `localhost`
    /// alone, as browsers do.
    ///
    /// # Errors
    /// [`PasskeyError::RpId`], [`PasskeyError::Origin`] for one that no browser would let use this relying party's
    /// passkeys, or [`PasskeyError::Origins`].
    pub fn new(id: &str, origins: &[impl AsRef<str>]) -> Result<Self, PasskeyError> {
        if !is_domain(id) {
            return Err(PasskeyError::RpId);
        }
        if !(1..=MAX_ORIGINS).contains(&origins.len()) {
            return Err(PasskeyError::Origins);
        }
        let take = |origin: &str| may_use(origin, id).then(|| origin.into()).ok_or(PasskeyError::Origin);
        let origins = origins.iter().map(|origin| take(origin.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { id: id.into(), hash: sha256(&[id.as_bytes()]), origins })
    }

    /// The domain.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its SHA-256, as authenticators name it.
    #[must_use]
    pub const fn id_hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The origins.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.origins.iter().map(AsRef::as_ref)
    }

    /// Whether this is one of its origins.
    #[must_use]
    pub fn knows_origin(&self, origin: &str) -> bool {
        self.origins().any(|known| known == origin)
    }
}

impl fmt::Debug for RelyingParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelyingParty").field("id", &self.id).field("origins", &self.origins).finish()
    }
}

/// Whether a page of this origin, in the one form that browsers write, can use the passkeys of `id`: its host is that
/// domain or below it.
fn may_use(origin: &str, id: &str) -> bool {
    let (rest, usual_port) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(rest), _) => (rest, "443"),
        (_, Some(rest)) => (rest, "80"),
        (None, None) => return false,
    };
    let (host, port) = rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    let local = host == "localhost" || host.ends_with(".localhost");
    let below = host.strip_suffix(id).is_some_and(|front| front.is_empty() || front.ends_with('.'));
    is_domain(host) && below && (usual_port == "443" || local) && port.is_none_or(|p| is_port(p, usual_port))
}

fn is_port(port: &str, usual: &str) -> bool {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    digits && port != usual && port.parse::<u16>().is_ok()
}

/// A host name in lowercase ASCII, and no address of the old kind: those have no passkeys.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let inner = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len()) && inner && label.bytes().all(plain)
    };
    let named = text.rsplit('.').next().is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()));
    text.len() <= 253 && named && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_taken_as_browsers_write_them_and_for_their_own_domain() {
        let takes = |id: &str, origin: &str| RelyingParty::new(id, &[origin]).map(|_| ());
        for (id, origin) in [
            ("example.com", "https://example.com"),
            ("example.com", "https://console.example.com"),
            ("example.com", "https://example.com:8443"),
            ("console.xn--bcher-kva.example", "https://console.xn--bcher-kva.example"),
            ("localhost", "http://localhost:8080"),
            ("localhost", "https://localhost"),
        ] {
            assert_eq!(takes(id, origin), Ok(()), "{origin}");
        }
        for origin in [
            "",
            "example.com",
            "http://example.com",
            "https://",
            "https://EXAMPLE.com",
            "HTTPS://example.com",
            "https://example.com/",
            "https://example.com:443",
            "https://example.com:",
            "https://example.com:0",
            "https://example.com:08443",
            "https://example.com:+8443",
            "https://example.com:65536",
            "https://example.com.",
            "https://example.com.evil.example",
            "https://evilexample.com",
            "https://user@example.com",
            "https://.example.com",
            "https://a..example.com",
            "https://*.example.com",
            "https://-.example.com",
            "https://example.com#",
            "https://other.example",
            "android:apk-key-hash:abc",
        ] {
            assert_eq!(takes("example.com", origin), Err(PasskeyError::Origin), "{origin}");
        }
        assert_eq!(takes("localhost", "http://localhost:80"), Err(PasskeyError::Origin));
    }

    #[test]
    fn an_id_is_a_domain() {
        let long = format!("{}.example", "a.".repeat(125));
        for id in [
            "",
            ".",
            "Example.com",
            "example.com.",
            "https://example.com",
            "example.com:443",
            "127.0.0.1",
            "[::1]",
            "*.example.com",
            "exa mple.com",
            "ex_ample.com",
            "bücher.example",
            &long,
        ] {
            let origin = format!("https://{id}");
            assert_eq!(RelyingParty::new(id, &[origin]).err(), Some(PasskeyError::RpId), "{id}");
        }
    }

    #[test]
    fn there_is_an_origin_and_there_are_not_too_many() {
        let of = |count| RelyingParty::new("example.com", &vec!["https://example.com"; count]).map(|_| ());
        assert_eq!(of(0), Err(PasskeyError::Origins));
        assert_eq!(of(MAX_ORIGINS), Ok(()));
        assert_eq!(of(MAX_ORIGINS + 1), Err(PasskeyError::Origins));
    }
}
