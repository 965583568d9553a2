//! Who has to be reached: looked up, connected to, and held against their certificates; nothing is asked of them.

use super::{Finding, Standing};
use crate::config::Config;
use crate::config::channels::Security;
use core::time::Duration;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long each has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Somebody who has to be reached.
struct Other {
    whose: String,
    url: String,
    authority: Option<PathBuf>,
    standing: Standing,
    matters: &'static str,
}

/// The desk of a sidecar.
pub(super) async fn desk(url: &str, authority: Option<&Path>) -> Finding {
    let matters = "a sidecar decides alone what its policy lets it, and can ask nobody";
    let other = Other {
        whose: "the desk".to_owned(),
        url: url.to_owned(),
        authority: authority.map(Into::into),
        standing: Standing::Fail,
        matters,
    };
    reach(other).await
}

/// Everybody whom a service has to reach.
pub(super) async fn others(config: &Config) -> Vec<Finding> {
    let mut asked = Vec::new();
    for other in all(config) {
        asked.push(tokio::spawn(reach(other)));
    }
    let mut findings = Vec::new();
    for one in asked {
        findings.extend(one.await);
    }
    findings
}

fn all(config: &Config) -> Vec<Other> {
    let channels = &config.channels;
    let channel = |name: &str, url: String, authority: Option<&PathBuf>| Other {
        whose: format!("channel `{name}`"),
        url,
        authority: authority.cloned(),
        standing: Standing::Warn,
        matters: "nobody is told that way; the next channel takes over, and the console stays",
    };
    let mut others = Vec::new();
    if let Some(email) = &channels.email {
        let scheme = if email.security == Security::Tls { "https" } else { "http" };
        let url = format!("{scheme}://{}:{}", email.host, email.port());
        others.push(channel("email", url, email.authority.as_ref()));
    }
    others.extend(channels.slack.as_ref().map(|slack| channel("slack", slack.api.clone(), None)));
    others.extend(channels.sms.as_ref().map(|sms| channel("sms", sms.api.clone(), None)));
    let webhooks = channels.webhooks.iter();
    others.extend(
        webhooks
            .map(|one| channel(&format!("webhook:{}", one.name), one.url.clone(), one.authority.as_ref())),
    );
    let witnesses = config.witnesses.iter().filter(|witness| !witness.url.starts_with("unix:"));
    others.extend(witnesses.map(|witness| Other {
        whose: format!("witness `{}`", witness.key.split('+').next().unwrap_or_default()),
        url: witness.url.clone(),
        authority: None,
        standing: Standing::Warn,
        matters: "checkpoints are not cosigned, and tokens that need that are not handed out",
    }));
    let token = config.oidc.as_ref().and_then(|oidc| oidc.token_url.clone());
    others.extend(token.map(|url| Other {
        whose: "the identity provider".to_owned(),
        url,
        authority: None,
        standing: Standing::Warn,
        matters: "nobody signs in there on their way to the console",
    }));
    others.extend(config.telemetry.otlp.clone().map(|url| Other {
        whose: "the collector of traces".to_owned(),
        url,
        authority: None,
        standing: Standing::Warn,
        matters: "no spans are kept; nothing else waits for it",
    }));
    others
}

async fn reach(other: Other) -> Finding {
    const ADVICE: &str = "look at the name, at the network between here and there (egress rules), and at the certificate there";
    let Other { whose, url, authority, standing, matters } = other;
    let reached = tokio::time::timeout(PATIENCE, connect(&url, authority.as_deref())).await;
    match reached.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs()))) {
        Ok(how) => Finding::ok("reachability", format!("{whose}: {how}")),
        Err(why) => Finding::new(standing, "reachability", format!("{whose}: {why}"), matters, ADVICE),
    }
}

async fn connect(url: &str, authority: Option<&Path>) -> Result<String, String> {
    let uri: http::Uri = url.parse().map_err(|_| "its address is no URL".to_owned())?;
    let host = uri.host().ok_or("its address has no host")?.trim_matches(['[', ']']).to_owned();
    let encrypted = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    let place = format!("{host}:{port}");
    let stream =
        TcpStream::connect((host.as_str(), port)).await.map_err(|error| format!("{place}: {error}"))?;
    if !encrypted {
        return Ok(format!("{place} answers"));
    }
    let name = ServerName::try_from(host).map_err(|_| format!("{place}: that is no name of a server"))?;
    let connector = TlsConnector::from(Arc::new(client(authority)?));
    connector.connect(name, stream).await.map_err(|error| format!("{place}: {error}"))?;
    Ok(format!("{place} answers, with a certificate that is believed"))
}

fn client(authority: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match authority {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let wrong = |what: &dyn core::fmt::Display| format!("`{}`: {what}", path.display());
            for root in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
                roots.add(root.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
