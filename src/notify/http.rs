//! Outgoing HTTP for all channels: no redirects, no proxies, a bounded answer, and no way into the own network.
//!
//! A webhook's address is configuration, but what answers at it is not: a name may be made to mean another machine at
//! any time. So addresses are judged where they are used: the resolver hands out only those that may be reached, and
//! the connection goes to just these.

use super::NotSent;
use core::time::Duration;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// The most of an answer that is read.
const MAX_ANSWER: usize = 64 << 10;

/// What may be reached besides public addresses over TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// This machine, also without TLS: `http://127.0.0.1:…`, `http://localhost:…`.
    pub loopback: bool,
    /// Addresses of private networks; those that only this link knows stay out of reach, a cloud's metadata among them.
    pub private: bool,
}

/// Speaks HTTP with the services that bring messages.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    reach: Reach,
}

/// What a service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The beginning of the body, 64 KiB at most.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether it is any of the 200s.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// What it means for a message where the service says nothing more precise: 2xx took it, 408, 425, 429 and 5xx may
    /// take it later, 410 is gone, everything else is for good.
    ///
    /// # Errors
    /// [`NotSent`], with the status.
    pub fn taken(&self) -> Result<(), NotSent> {
        let what = format!("it answered {}", self.status);
        match self.status {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500..=599 => Err(NotSent::Later(what, self.retry_after)),
            410 => Err(NotSent::Gone(what)),
            _ => Err(NotSent::Never(what)),
        }
    }
}

impl Http {
    /// A client. `authority` holds the PEM of authorities that are trusted besides those that browsers trust.
    ///
    /// # Errors
    /// What is wrong with `authority`, or with this machine.
    pub fn new(reach: Reach, timeout: Duration, authority: Option<&[u8]>) -> Result<Self, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(pem) = authority {
            let own = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
            let own = own.map_err(|error| format!("the authority is no PEM: {error}"))?;
            if own.is_empty() {
                return Err("the authority has no certificate".to_owned());
            }
            for certificate in own {
                roots.add(certificate).map_err(|error| format!("the authority: {error}"))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = tls.map_err(|error| error.to_string())?;
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Guarded(reach))
            .connect_timeout(CONNECT)
            .timeout(timeout)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { client: client.map_err(|error| error.to_string())?, reach })
    }

    /// Whether this may be sent anything; names are judged when they are resolved.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self, url: &str) -> Result<Url, String> {
        let url = Url::parse(url).map_err(|error| format!("it is no URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with a user or a password in it is not used".to_owned());
        }
        let host = url.host_str().ok_or("it names no host")?;
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let local = address.map_or(is_localhost(host), |address| address.is_loopback());
        if address.is_some_and(|address| !self.reach.admits(address)) || local && !self.reach.loopback {
            return Err(format!("`{host}` may not be reached from here"));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if local => Ok(url),
            scheme => Err(format!("it has to begin with `https://`, not with `{scheme}://`")),
        }
    }

    /// A request to be filled in and [sent](Self::send).
    ///
    /// # Errors
    /// [`NotSent::Never`] where the URL may not be reached.
    pub fn post(&self, url: &str) -> Result<RequestBuilder, NotSent> {
        Ok(self.client.request(Method::POST, self.admits(url).map_err(NotSent::Never)?))
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// [`NotSent::Later`] where there was no whole answer. Whether the request arrived is not known then.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, NotSent> {
        // An error would tell the URL, which for some services is a secret.
        let later = |error: reqwest::Error| NotSent::Later(plain(&error.without_url()), None);
        let mut response = request.send().await.map_err(later)?;
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let (status, mut body) = (response.status().as_u16(), Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(later)? {
            let room = MAX_ANSWER.saturating_sub(body.len());
            body.extend(chunk.iter().take(room));
            if chunk.len() >= room {
                break;
            }
        }
        Ok(Answer { status, retry_after, body })
    }
}

/// An error with its causes in one line.
fn plain(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn is_localhost(host: &str) -> bool {
    host.trim_end_matches('.').eq_ignore_ascii_case("localhost")
}

/// Resolves names to addresses that may be reached.
struct Guarded(Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            // The name of this machine is asked of nobody.
            if is_localhost(name.as_str()) {
                let own = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
                return Ok(Box::new(own.into_iter().map(|own| SocketAddr::new(own, 0))) as Addrs);
            }
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.filter(|found| reach.admits(found.ip())).collect();
            if found.is_empty() {
                return Err(
                    format!("`{}` has no address that may be reached from here", name.as_str()).into()
                );
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Reach {
    /// Whether this address may be reached.
    #[must_use]
    pub fn admits(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.admits_v4(address),
            IpAddr::V6(address) => self.admits_v6(address),
        }
    }

    /// By the special-purpose registry of IANA (RFC 6890 and what followed).
    fn admits_v4(self, address: Ipv4Addr) -> bool {
        if address.is_loopback() {
            return self.loopback;
        }
        if address.is_private() || matches!(address.octets(), [100, 64..=127, ..]) {
            return self.private;
        }
        let special = matches!(
            address.octets(),
            [0 | 240..=255, ..]
                | [192, 0, 0 | 2, _]
                | [192, 88, 99, _]
                | [198, 18..=19, ..]
                | [198, 51, 100, _]
                | [203, 0, 113, _]
        );
        !special && !address.is_link_local() && !address.is_multicast()
    }

    fn admits_v6(self, address: Ipv6Addr) -> bool {
        if address.is_loopback() {
            return self.loopback;
        }
        // An IPv4 address in another dress is that address.
        let [a, b, c, d, e, f, g, h] = address.segments();
        let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
        match [a, b, c, d, e, f] {
            [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => return self.admits_v4(v4(g, h)),
            [0x2002, b, c, ..] => return self.admits_v4(v4(b, c)),
            _ => {}
        }
        match a {
            0xfc00..=0xfdff => self.private,
            // Of what is global unicast: not documentation, not protocol assignments.
            0x2000..=0x3fff => {
                let apart = a == 0x2001 && (b < 0x200 || b == 0xdb8) || a == 0x3fff && b < 0x1000;
                !apart
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: Reach = Reach { loopback: false, private: false };
    const PRIVATE: Reach = Reach { private: true, ..PUBLIC };
    const LOCAL: Reach = Reach { loopback: true, ..PUBLIC };

    fn http(reach: Reach) -> Http {
        Http::new(reach, Duration::from_secs(1), None).unwrap()
    }

    #[test]
    fn public_addresses_are_reached() {
        for address in ["93.184.216.34", "1.1.1.1", "100.63.0.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"] {
            assert!(PUBLIC.admits(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_is_not_public_is_reached_only_where_that_is_said() {
        for (address, private, loopback) in [
            ("127.0.0.1", false, true),
            ("127.9.9.9", false, true),
            ("::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("64:ff9b::7f00:1", false, true),
            ("2002:7f00:1::", false, true),
            ("10.0.0.1", true, false),
            ("172.31.255.255", true, false),
            ("192.168.1.1", true, false),
            ("100.64.0.1", true, false),
            ("fd00::1", true, false),
            ("::ffff:10.0.0.1", true, false),
            ("0.0.0.0", false, false),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("198.18.0.1", false, false),
            ("192.0.2.1", false, false),
            ("::", false, false),
            ("fe80::1", false, false),
            ("ff02::1", false, false),
            ("2001:db8::1", false, false),
            ("2001::1", false, false),
        ] {
            let parsed = address.parse().unwrap();
            assert!(!PUBLIC.admits(parsed), "{address}");
            assert_eq!(PRIVATE.admits(parsed), private, "{address} where private networks are allowed");
            assert_eq!(LOCAL.admits(parsed), loopback, "{address} where loopback is allowed");
        }
    }

    #[test]
    fn a_url_is_https_or_of_this_machine_where_that_is_allowed() {
        for url in ["https://example.com/hook", "https://1.1.1.1:8443/"] {
            assert!(http(PUBLIC).admits(url).is_ok(), "{url}");
        }
        for url in [
            "http://example.com/",
            "https://user:secret@example.com/",
            "https://user@example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://169.254.169.254/latest/meta-data",
            // Ways of writing 127.0.0.1 that a URL parser knows.
            "https://2130706433/",
            "https://0x7f.1/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "nonsense",
        ] {
            assert!(http(PUBLIC).admits(url).is_err(), "{url}");
        }
        for url in ["http://127.0.0.1:8080/", "http://localhost:1/", "http://[::1]:1/"] {
            assert!(http(LOCAL).admits(url).is_ok(), "{url}");
            assert!(http(PRIVATE).admits(url).is_err(), "{url}");
        }
        assert!(http(LOCAL).admits("http://example.com/").is_err());
        assert!(http(PRIVATE).admits("http://10.0.0.1/").is_err(), "private, but not without TLS");
        assert!(http(PRIVATE).admits("https://10.0.0.1/").is_ok());
    }

    #[test]
    fn statuses_mean_now_later_or_never() {
        let taken = |status| Answer { status, retry_after: None, body: Vec::new() }.taken();
        for status in [200, 202, 204] {
            assert_eq!(taken(status), Ok(()));
        }
        for status in [408, 425, 429, 500, 503] {
            assert!(matches!(taken(status), Err(NotSent::Later(_, None))), "{status}");
        }
        for status in [301, 302, 400, 401, 404] {
            assert!(matches!(taken(status), Err(NotSent::Never(_))), "{status}");
        }
        assert!(matches!(taken(410), Err(NotSent::Gone(_))));
    }
}
