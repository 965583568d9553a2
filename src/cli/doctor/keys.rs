//! What ends one day: the keys in the data folder, and the certificates of the listeners.

use super::super::output::relative;
use super::{Finding, Standing};
use crate::config::{Config, Tls};
use crate::files::refuse_exposed;
use crate::moment::Moment;
use crate::serve::key_directory;
use crate::tls;
use core::time::Duration;

/// Whoever renews by hand needs time for it.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// The keys that sign.
pub(super) fn keys(config: &Config) -> Vec<Finding> {
    const MATTERS: &str = "without its keys a service signs nothing, so every answer is no";
    let listed = match key_directory(config)
        .and_then(|keys| keys.list().map_err(|error| crate::serve::ServeFailed(error.to_string())))
    {
        Ok(listed) => listed,
        Err(error) => {
            let advice = "`countersign keys init` makes them where there are none; keys are for their owner only (chmod 600)";
            return vec![Finding::new(Standing::Fail, "keys", error, MATTERS, advice)];
        }
    };
    let now = crate::cli::now();
    let mut findings = Vec::new();
    if listed.iter().any(|key| key.usage == "root" && key.private) {
        findings.push(Finding::new(
            Standing::Warn,
            "keys",
            "the private root key is on this machine",
            "whoever takes this machine over can certify keys that every executor believes",
            "move `root.jwk` of the keys' folder to where nothing is connected; it is needed only to rotate the issuer",
        ));
    }
    let issuers = listed.iter().filter(|key| key.usage == "issuer");
    for (_, until) in issuers.filter_map(|key| key.window) {
        findings.push(ends(
            "keys",
            "the issuer's certificate",
            until,
            now,
            MATTERS,
            "`countersign keys rotate` makes another, with the root",
        ));
    }
    findings
}

fn ends(
    about: &'static str,
    whose: &str,
    until: Moment,
    now: Moment,
    matters: &'static str,
    advice: &'static str,
) -> Finding {
    let what = format!("{whose} ends {}", relative(until, now));
    match (until <= now, until <= now.plus(SOON)) {
        (true, _) => Finding::new(Standing::Fail, about, what, matters, advice),
        (false, true) => Finding::new(Standing::Warn, about, what, matters, advice),
        (false, false) => Finding::ok(about, what),
    }
}

/// The certificates of the listeners.
pub(super) fn certificates(config: &Config) -> Vec<Finding> {
    let console = config.listen.console.as_ref().and_then(|console| console.tls.as_ref());
    let listeners = [
        ("agents", config.listen.agents.tls.as_ref()),
        ("reviewers", config.listen.reviewers.tls.as_ref()),
        ("sidecars", config.listen.sidecars.tls.as_ref()),
        ("console", console),
    ];
    let with_tls = listeners.into_iter().filter_map(|(name, tls)| Some((name, tls?)));
    with_tls.map(|(name, tls)| certificate(name, tls)).collect()
}

fn certificate(name: &str, files: &Tls) -> Finding {
    const ABOUT: &str = "certificates";
    const MATTERS: &str = "clients turn away from a certificate that has ended or is none";
    const ADVICE: &str =
        "put a new certificate and its key there; a running service takes them within seconds";
    let Tls { certificate, key, client_authority } = files.clone();
    let opened = tls::Tls::open(tls::TlsFiles { certificate, key, client_authority }, &["h2"]);
    match opened.map(|tls| tls.not_after()) {
        Err(error) => {
            Finding::new(Standing::Fail, ABOUT, format!("`listen.{name}`: {error}"), MATTERS, ADVICE)
        }
        Ok(None) => Finding::ok(ABOUT, format!("the certificate of `listen.{name}` can be used")),
        Ok(Some(until)) => {
            let whose = format!("the certificate of `listen.{name}`");
            ends(ABOUT, &whose, until, crate::cli::now(), MATTERS, ADVICE)
        }
    }
}

/// Whether a file with a secret is there, for its owner only.
pub(super) fn secret(path: &std::path::Path) -> Option<String> {
    let error = refuse_exposed(path).err()?;
    Some(match error.kind() == std::io::ErrorKind::PermissionDenied {
        true => error.to_string(),
        false => format!("`{}`: {error}", path.display()),
    })
}
