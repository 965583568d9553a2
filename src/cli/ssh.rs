//! A reviewer's SSH key: a plain one signs here, any other through `ssh-keygen`.

use super::exit::{Exit, Failed};
use crate::presence::ssh;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What signs votes, and what is signed to sign in.
pub(super) enum SigningKey {
    /// An unencrypted Ed25519 key in a file.
    Plain(Box<ssh::PrivateKey>),
    /// Anything that `ssh-keygen -Y sign` can use: encrypted keys, security keys, keys that an agent holds.
    Program(PathBuf),
}

impl SigningKey {
    /// Takes the key in this file.
    ///
    /// # Errors
    /// [`Exit::Usage`] if there is none that can be used.
    pub(super) fn load(path: &Path) -> Result<Self, Failed> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failed::new(Exit::Usage, format!("cannot read `{}`: {error}", path.display()))
        })?;
        match ssh::PrivateKey::from_openssh(&text) {
            Ok(key) => Ok(Self::Plain(Box::new(key))),
            Err(_) => Ok(Self::Program(path.into())),
        }
    }

    /// The armoured signature of a message, for one purpose.
    ///
    /// # Errors
    /// [`Exit::Failure`] with what `ssh-keygen` said.
    pub(super) fn sign(&self, namespace: &str, message: &[u8]) -> Result<String, Failed> {
        match self {
            Self::Plain(key) => Ok(key.sign(namespace, message).to_armored()),
            Self::Program(path) => sign_with_program(path, namespace, message),
        }
    }
}

fn sign_with_program(path: &Path, namespace: &str, message: &[u8]) -> Result<String, Failed> {
    let missing = |error: std::io::Error| {
        Failed::plain(format!("cannot run `ssh-keygen`: {error}"))
            .advise("install OpenSSH's client, or give an unencrypted Ed25519 key")
    };
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", namespace, "-f"])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(missing)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(message).map_err(Failed::plain)?;
    }
    let output = child.wait_with_output().map_err(Failed::plain)?;
    match String::from_utf8(output.stdout) {
        Ok(signature) if output.status.success() => Ok(signature),
        Ok(_) | Err(_) => Err(Failed::plain(format!("`ssh-keygen` did not sign with `{}`", path.display()))),
    }
}
