//! Whom an auditor trusts: the root that executors pin, or keys of logs and witnesses, from files.

use crate::audit::verify::Trust;
use crate::cli::exit::{Exit, Failed};
use crate::operation::json::{self, Limits};
use crate::tlog::{LogPolicy, VerifierKey};
use crate::token::PublicKey;
use std::path::{Path, PathBuf};

const LIMITS: Limits = Limits { bytes: 64 * 1024, depth: 4, members: 4096 };

/// Reads files of trust: a JWK is a root; anything else is a log policy (C2SP tlog-policy), or one verifier key.
///
/// # Errors
/// [`Failed`] for what is neither.
pub(super) fn read(paths: &[PathBuf]) -> Result<Trust, Failed> {
    let mut trust = Trust::default();
    for path in paths {
        let usage = |what: String| Failed::new(Exit::CannotTell, format!("`{}`: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| usage(error.to_string()))?;
        if text.trim_start().starts_with('{') {
            trust.roots.push(root(&text).map_err(usage)?);
        } else if trust.policy.replace(policy(&text).map_err(usage)?).is_some() {
            return Err(usage("there is a log policy already; say everything in one".to_owned()));
        }
    }
    Ok(trust)
}

fn root(text: &str) -> Result<PublicKey, String> {
    let value = json::read(text.as_bytes(), &LIMITS).map_err(|error| error.to_string())?;
    PublicKey::from_jwk(&value).map_err(|error| error.to_string())
}

fn policy(text: &str) -> Result<LogPolicy, String> {
    // A verifier key alone is a policy that asks for no witnesses.
    if let [line] = text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().as_slice()
        && VerifierKey::parse(line).is_ok()
    {
        return LogPolicy::parse(&format!("log {line}\nquorum none\n")).map_err(|error| error.to_string());
    }
    LogPolicy::parse(text).map_err(|error| {
        format!("neither a root's public key as JWK, nor a verifier key, nor a log policy: {error}")
    })
}

/// The bytes of a file that is part of what is checked.
///
/// # Errors
/// [`Failed`] if it can't be read: then nothing is known.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Failed> {
    std::fs::read(path)
        .map_err(|error| Failed::new(Exit::CannotTell, format!("cannot read `{}`: {error}", path.display())))
}
