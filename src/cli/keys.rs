//! `countersign keys`: make, list, rotate, revoke and publish the keys that tokens are signed with.

use super::exit::{Exit, Failed};
use super::output::{Output, Tone};
use crate::config::Config;
use crate::digest::KeyId;
use crate::entropy::SystemEntropy;
use crate::files;
use crate::operation::json::{self, Limits, Value};
use crate::signer::directory::{KeyDirectory, Listed};
use crate::signer::file::FileSigner;
use crate::signer::{Keyring as _, Published, Signer as _};
use crate::tlog::{KeyName, SignatureKind, VerifierKey};
use crate::token::{Algorithm, PublicKey};
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

const JWK: Limits = Limits { bytes: 4096, depth: 2, members: 16 };

/// What can be done with keys.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a root and an issuer; then take the root's private key away
    Init {
        #[command(flatten)]
        folder: Folder,
    },
    /// Take up root.public.jwk, issuer.jwk and issuer.cert from a folder that can only be read, as a mounted Secret
    Import {
        #[command(flatten)]
        folder: Folder,
        /// That folder; a log.jwk with its log.cert is taken up as well
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
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
    /// Print the log's verifier key, which witnesses and log policies name
    Log {
        #[command(flatten)]
        folder: Folder,
    },
    /// Give the log another key, which signs its checkpoints from now on
    RotateLog {
        #[command(flatten)]
        folder: Folder,
    },
    /// Certify the key with which an executor signs receipts, and write the certificate beside it
    #[command(group(clap::ArgGroup::new("which").required(true)))]
    CertifyExecutor {
        #[command(flatten)]
        folder: Folder,
        /// The executor, one of the configuration
        #[arg(long, value_name = "ID")]
        executor: String,
        /// Its key, a public or private JWK
        #[arg(long, value_name = "FILE", group = "which")]
        key: Option<PathBuf>,
        /// Make a key for it, and write that to this file
        #[arg(long, value_name = "FILE", group = "which")]
        out: Option<PathBuf>,
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
        Command::Import { folder, from } => {
            let keys = folder.open()?;
            keys.import(from).map_err(Failed::plain)?;
            list(folder, &keys)?;
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
        Command::Log { folder } => {
            let keys = folder.open()?;
            let origin = keys.log_origin().map_err(Failed::plain)?;
            let name = KeyName::new(origin.as_str()).map_err(Failed::plain)?;
            let log = keys.log(super::now()).map_err(Failed::plain)?;
            let key = VerifierKey::new(name, SignatureKind::Ed25519, log.certified().key.clone()).to_string();
            Output::new(folder.json).print(|| json!({ "key": key }), |_| key.clone());
        }
        Command::RotateLog { folder } => {
            let keys = folder.open()?;
            keys.rotate_log(super::now()).map_err(Failed::plain)?;
            list(folder, &keys)?;
            if !folder.json {
                eprintln!("a running service signs with it within half a minute; witnesses have to learn it");
            }
        }
        Command::CertifyExecutor { folder, executor, key, out } => {
            certify_executor(folder, executor, key.as_deref(), out.as_deref())?;
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
    fn config(&self) -> Result<Config, Failed> {
        super::configured::load(&self.config)
    }

    fn open(&self) -> Result<KeyDirectory, Failed> {
        let config = self.config()?;
        crate::serve::key_directory(&config).map_err(|error| Failed::new(Exit::Usage, error))
    }

    fn publish(&self) -> Result<Published, Failed> {
        self.open()?.publish(super::now()).map_err(Failed::plain)
    }
}

fn certify_executor(
    folder: &Folder,
    executor: &str,
    key: Option<&Path>,
    out: Option<&Path>,
) -> Result<(), Failed> {
    let known = folder.config()?.executors.into_iter().map(|known| known.id);
    let executor = known
        .into_iter()
        .find(|known| known.as_str() == executor)
        .ok_or_else(|| Failed::new(Exit::Usage, format!("the configuration has no executor `{executor}`")))?;
    let keys = folder.open()?;
    let (path, public) = match (key, out) {
        (Some(path), _) => (path, public_key(path)?),
        (None, Some(path)) if path.exists() => {
            let path = path.display();
            return Err(Failed::plain(format!("there is a file `{path}` already"))
                .advise("`--key` certifies the key that is in it"));
        }
        (None, Some(path)) => {
            let made = FileSigner::generate(&SystemEntropy, Algorithm::EdDsa).map_err(Failed::plain)?;
            made.save(path).map_err(Failed::plain)?;
            (path, made.public_key().clone())
        }
        (None, None) => return Err(Failed::new(Exit::Usage, "one of `--key` and `--out` is needed")),
    };
    let chain = keys.certify_executor(&executor, &public, super::now()).map_err(Failed::plain)?;
    let certificate = path.with_extension("cert");
    write(&certificate, &chain.join("\n"))?;
    let document = || {
        json!({
            "executor": executor.as_str(),
            "kid": public.id().to_string(),
            "key": path,
            "certificate": certificate,
            "certificates": chain,
        })
    };
    Output::new(folder.json).print(document, |_| {
        format!(
            "`{executor}` signs receipts with {}\n  key          {}\n  certificate  {}",
            public.id(),
            path.display(),
            certificate.display()
        )
    });
    Ok(())
}

fn public_key(path: &Path) -> Result<PublicKey, Failed> {
    let usage = |what: String| Failed::new(Exit::Usage, format!("`{}`: {what}", path.display()));
    let text = std::fs::read(path).map_err(|error| usage(error.to_string()))?;
    let value = json::read(&text, &JWK).map_err(|error| usage(error.to_string()))?;
    if value.as_object().is_some_and(|jwk| jwk.get("d").is_some()) {
        return FileSigner::load(path).map(|signer| signer.public_key().clone()).map_err(Failed::plain);
    }
    PublicKey::from_jwk(&value).map_err(|error| usage(error.to_string()))
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
                "name": key.name,
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
            let name = key.name.as_ref().map(|name| format!("  {name}")).unwrap_or_default();
            format!("{:<10} {}  {state} {until}{name}{here}", key.usage, key.key.id())
        };
        listed.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failed> {
    files::write_public(path, text.as_bytes())
        .map_err(|error| Failed::plain(format!("cannot write `{}`: {error}", path.display())))
}
