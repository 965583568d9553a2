//! `countersign keys`: make, list, rotate, revoke and publish the keys that tokens are signed with.

use super::exit::{Exit, Failed};
use super::output::{Output, Tone};
use crate::config::Config;
use crate::digest::KeyId;
use crate::files;
use crate::operation::json::Value;
use crate::signer::directory::{KeyDirectory, Listed};
use crate::signer::{Keyring as _, Published};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Which folder of keys.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Folder {
    /// The configuration file; its `data` folder holds the keys
    #[arg(long, short, env = "COUNTERSIGN_CONFIG", value_name = "FILE", default_value = "countersign.yaml")]
    config: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What can be done with keys.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a root and an issuer; then take the root's private key away
    Init {
        #[command(flatten)]
        folder: Folder,
    },
    /// List the keys with their use, validity and state
    List {
        #[command(flatten)]
        folder: Folder,
    },
    /// Print the root's public key, which executors pin
    Root {
        #[command(flatten)]
        folder: Folder,
    },
    /// Make a new key for minting now, or with --root a new issuer
    Rotate {
        #[command(flatten)]
        folder: Folder,
        /// The root's private key: certifies a new issuer instead
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
    },
    /// Revoke a key at once; then hand out the new bundle
    Revoke {
        #[command(flatten)]
        folder: Folder,
        /// The key's id
        // One in 64 begins with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Write the signed trust bundle, for executors
    Bundle {
        #[command(flatten)]
        folder: Folder,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write the keys as a plain JWK set, for frameworks
    Jwks {
        #[command(flatten)]
        folder: Folder,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write the signed list of what is revoked, for executors that ask for one
    Revocations {
        #[command(flatten)]
        folder: Folder,
        /// Where to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// [`Failed`] with what was wrong.
pub(super) fn run(command: &Command) -> Result<Exit, Failed> {
    match command {
        Command::Init { folder } => {
            let keys = folder.open()?;
            keys.init(super::now()).map_err(Failed::plain)?;
            list(folder, &keys)?;
            if !folder.json {
                eprintln!("now take root.jwk away: nothing here needs it until the issuer is replaced");
            }
        }
        Command::List { folder } => list(folder, &folder.open()?)?,
        Command::Root { folder } => {
            let root = folder.open()?.root().map_err(Failed::plain)?;
            let text = Value::from(root.to_jwk()).to_canonical();
            Output::new(false).line(String::from_utf8_lossy(&text));
        }
        Command::Rotate { folder, root: Some(root) } => {
            let keys = folder.open()?;
            keys.rotate_issuer(root, super::now()).map_err(Failed::plain)?;
            list(folder, &keys)?;
        }
        Command::Rotate { folder, root: None } => {
            let keys = folder.open()?;
            keys.renew(super::now()).map_err(Failed::plain)?;
            list(folder, &keys)?;
        }
        Command::Revoke { folder, kid } => {
            let id = KeyId::parse(kid)
                .ok_or_else(|| Failed::new(Exit::Usage, format!("`{kid}` is not a key id")))?;
            let keys = folder.open()?;
            keys.revoke(id).map_err(Failed::plain)?;
            list(folder, &keys)?;
            if !folder.json {
                eprintln!(
                    "a running service stops using it within half a minute; executors when they get the bundle"
                );
            }
        }
        Command::Bundle { folder, out } => {
            let Published { bundle, certificates, .. } = folder.publish()?;
            write(out, &format!("{:#}\n", json!({ "bundle": bundle, "certificates": certificates })))?;
        }
        Command::Jwks { folder, out } => write(out, &folder.publish()?.jwks)?,
        Command::Revocations { folder, out } => {
            let (revocations, certificates) =
                folder.open()?.revocations(super::now()).map_err(Failed::plain)?;
            write(
                out,
                &format!("{:#}\n", json!({ "revocations": revocations, "certificates": certificates })),
            )?;
        }
    }
    Ok(Exit::Success)
}

impl Folder {
    fn open(&self) -> Result<KeyDirectory, Failed> {
        let config = Config::load(&self.config).map_err(|error| {
            Failed::new(Exit::Usage, error).advise("`countersign init` writes a configuration to start from")
        })?;
        crate::serve::key_directory(&config).map_err(|error| Failed::new(Exit::Usage, error))
    }

    fn publish(&self) -> Result<Published, Failed> {
        self.open()?.publish(super::now()).map_err(Failed::plain)
    }
}

fn list(folder: &Folder, keys: &KeyDirectory) -> Result<(), Failed> {
    let listed = keys.list().map_err(Failed::plain)?;
    let now = super::now();
    let state = |key: &Listed| match key.window {
        _ if key.revoked => "revoked",
        Some((from, _)) if now < from => "not yet valid",
        Some((_, until)) if now >= until => "expired",
        _ => "valid",
    };
    let document = || {
        let key = |key: &Listed| {
            json!({
                "use": key.usage,
                "kid": key.key.id().to_string(),
                "alg": key.key.algorithm().as_str(),
                "valid_from": key.window.map(|(from, _)| from.to_string()),
                "valid_until": key.window.map(|(_, until)| until.to_string()),
                "private": key.private,
                "state": state(key),
            })
        };
        json!({ "keys": listed.iter().map(key).collect::<Vec<_>>() })
    };
    Output::new(folder.json).print(document, |output| {
        let line = |key: &Listed| {
            let until = key.window.map(|(_, until)| format!("until {until}")).unwrap_or_default();
            let here = if key.private { "" } else { "  (public half only)" };
            let tone = if state(key) == "valid" { Tone::Good } else { Tone::Bad };
            let state = output.paint(tone, state(key));
            format!("{:<10} {}  {state} {until}{here}", key.usage, key.key.id())
        };
        listed.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failed> {
    files::write_public(path, text.as_bytes())
        .map_err(|error| Failed::plain(format!("cannot write `{}`: {error}", path.display())))
}
