//! The console over TLS: what it speaks, and which configurations it refuses.

use crate::site::Site;
use countersign::config::Config;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A site at `https://localhost:PORT`, and the certificate that it shows.
async fn site() -> (Site, Vec<u8>, u16) {
    let mut site = Site::prepare(crate::service::POLICY, "");
    let port: u16 = site.origin.rsplit(':').next().unwrap().parse().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(site.service.path("tls.pem"), made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_pem();
    countersign::files::write_private(&site.service.path("tls.key"), key.as_bytes()).unwrap();
    let file = site.service.path("countersign.yaml");
    let config = std::fs::read_to_string(&file).unwrap();
    let plain = format!("console: {{tcp: \"127.0.0.1:{port}\"}}");
    assert!(config.contains(&plain), "{config}");
    let tls = format!(
        "console: {{tcp: \"127.0.0.1:{port}\", tls: {{certificate: tls.pem, key: tls.key}}, url: \"https://localhost:{port}\"}}"
    );
    std::fs::write(&file, config.replace(&plain, &tls)).unwrap();
    site.service.run().await;
    (site, made.cert.der().to_vec(), port)
}

/// What is answered to this request, over this version of TLS and this protocol.
async fn ask(
    certificate: &[u8],
    port: u16,
    version: &'static SupportedProtocolVersion,
    request: &str,
) -> (String, Option<Vec<u8>>) {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    (String::from_utf8_lossy(&answer).into_owned(), protocol)
}

#[tokio::test]
async fn the_console_speaks_tls_to_browsers_of_today_and_yesterday() {
    let (site, certificate, port) = site().await;
    for version in [&version::TLS13, &version::TLS12] {
        let request = format!("GET /sign-in HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n");
        let (answer, protocol) = ask(&certificate, port, version, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age="), "{answer}");
        assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
    }
    let elsewhere = "GET /sign-in HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    let (answer, _) = ask(&certificate, port, &version::TLS13, elsewhere).await;
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    // Whoever speaks without TLS hears nothing that they understand.
    let mut plain = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    plain.write_all(format!("GET / HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer).await);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    drop(site);
}

#[tokio::test]
async fn a_console_that_could_be_listened_to_does_not_start() {
    let site = Site::prepare(crate::service::POLICY, "");
    let file = site.service.path("countersign.yaml");
    let config = std::fs::read_to_string(&file).unwrap();
    let start = config.find("console: {").unwrap();
    let end = start + config[start..].find('}').unwrap() + 1;
    let load = |console: &str, more: &str| {
        std::fs::write(&file, format!("{}{console}{}{more}", &config[..start], &config[end..])).unwrap();
        Config::load(&file).map(drop).map_err(|error| error.to_string())
    };
    let tls = "tls: {certificate: a, key: b}";
    for good in [
        "console: {tcp: \"127.0.0.1:1\"}",
        "console: {tcp: \"[::1]:1\", url: \"https://approve.example.com\"}",
        "console: {tcp: \"127.0.0.1:1\", url: \"http://localhost:1\"}",
        &format!("console: {{tcp: \"0.0.0.0:443\", {tls}, url: \"https://approve.example.com\"}}"),
        &format!("console: {{tcp: \"0.0.0.0:1\", {tls}, url: \"https://approve.example.com:8443\"}}"),
    ] {
        assert_eq!(load(good, ""), Ok(()), "{good}");
    }
    for (bad, why) in [
        ("console: {tcp: \"0.0.0.0:1\"}".to_owned(), "has no `tls`"),
        ("console: {tcp: \"192.0.2.1:1\", url: \"https://approve.example.com\"}".to_owned(), "has no `tls`"),
        (format!("console: {{tcp: \"0.0.0.0:1\", {tls}}}"), "needs `url`"),
        (format!("console: {{tcp: \"0.0.0.0:1\", {tls}, url: \"http://localhost:1\"}}"), "not `https://`"),
        (
            "console: {tcp: \"127.0.0.1:1\", url: \"http://approve.example.com\"}".to_owned(),
            "as browsers write it",
        ),
        (
            "console: {tcp: \"127.0.0.1:1\", url: \"https://approve.example.com/\"}".to_owned(),
            "as browsers write it",
        ),
        ("console: {tcp: \"127.0.0.1:1\", url: \"https://192.0.2.1\"}".to_owned(), "as browsers write it"),
        ("console: {tcp: \"127.0.0.1:1\", url: \"approve.example.com\"}".to_owned(), "as browsers write it"),
    ] {
        let error = load(&bad, "").unwrap_err();
        assert!(error.contains(why), "{bad}: {error}");
    }
    let console = "console: {tcp: \"127.0.0.1:1\"}";
    let oidc = "oidc: {issuer: a, audience: b, jwks: c, ";
    let token = "token_url: \"https://id.example/token\"";
    for (more, why) in [
        (format!("{oidc}client_id: x}}"), "belong together"),
        (format!("{oidc}client_secret_file: x}}"), "belong together"),
        (
            format!("{oidc}client_id: x, {token}, authorize_url: \"http://id.example/a\"}}"),
            "no `https://` URL",
        ),
        (
            format!("{oidc}client_id: x, {token}, authorize_url: \"https://id.example/a#b\"}}"),
            "no `https://` URL",
        ),
        (
            format!("{oidc}client_id: x, {token}, authorize_url: \"http://localhost.evil.example/\"}}"),
            "no `https://` URL",
        ),
    ] {
        let error = load(console, &more).unwrap_err();
        assert!(error.contains(why), "{more}: {error}");
    }
    let more = format!("{oidc}client_id: x, {token}, authorize_url: \"https://id.example/a?b=c\"}}");
    assert_eq!(load(console, &more), Ok(()));
}
