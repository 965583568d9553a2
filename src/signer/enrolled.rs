//! The keys of a sidecar that a desk elsewhere certifies: made here, kept in a folder, and refused where what certifies
//! them does not lead to the roots that this sidecar was given.
//!
//! The ring only reads: whoever talks with the desk brings [`certificates`](EnrolledKeys::accept) and
//! [news](EnrolledKeys::hear). All of it is kept, so that a sidecar that starts while its desk is away goes on for as
//! long as its certificate lives.

mod kept;

pub use kept::{EnrolledExecutor, Enrolment};

use super::file::{FileSigner, KeyFileError};
use super::{Authority, Keyring, KeyringError, Published, Signer};
use crate::digest::KeyId;
use crate::entropy::Entropy;
use crate::files;
use crate::moment::Moment;
use crate::party::TokenId;
use crate::token::{
    Algorithm, Anchor, CertificateError, CertifiedKey, KeyUse, MAX_LIFE, Pattern, enrolment_message,
};
use core::fmt;
use core::time::Duration;
use kept::Trust;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const AUTHORITY: &str = "authority-";
/// The next key that is to mint, until it is certified.
const NEXT: &str = "next.jwk";
const LOG: &str = "log.jwk";
const LOG_CERTIFICATE: &str = "log.cert";
const ENROLMENT: &str = "enrolment.json";
const TRUST: &str = "trust.json";
/// How far the clocks of desk and sidecar may differ where a certificate begins.
const SKEW: Duration = Duration::from_secs(30);

/// Why keys can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolledError {
    /// A key's file.
    File(KeyFileError),
    /// Another file is not what it should be.
    Malformed(PathBuf, String),
    /// The certificates do not lead from the roots to the key.
    Chain(CertificateError),
    /// They certify something else, and what.
    Other(&'static str),
}

impl fmt::Display for EnrolledError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Malformed(path, what) => write!(f, "`{}`: {what}", path.display()),
            Self::Chain(error) => write!(f, "what the desk certified does not lead to our roots: {error}"),
            Self::Other(what) => write!(f, "the desk certified something else than was asked for: {what}"),
        }
    }
}

impl std::error::Error for EnrolledError {}

impl From<KeyFileError> for EnrolledError {
    fn from(error: KeyFileError) -> Self {
        Self::File(error)
    }
}

impl From<EnrolledError> for KeyringError {
    fn from(error: EnrolledError) -> Self {
        Self(error.to_string())
    }
}

/// The keys that are to be certified, each with the proof that its private half is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates {
    /// The key that is to mint.
    pub authority: [u8; 32],
    /// Its signature over what is to be certified.
    pub authority_proof: [u8; 64],
    /// The log's key.
    pub log: [u8; 32],
    /// Its signature over the same.
    pub log_proof: [u8; 64],
}

/// The keys, shared by those who mint and by whoever talks with the desk.
#[derive(Clone)]
pub struct EnrolledKeys(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    anchor: Anchor,
    entropy: Arc<dyn Entropy>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    enrolment: Option<Enrolment>,
    held: Vec<Authority>,
    log: Option<Authority>,
    trust: Trust,
}

impl EnrolledKeys {
    /// Takes up what was kept in this folder, which is made where there is none. It reads files.
    ///
    /// # Errors
    /// [`EnrolledError`] if something in it is not what it should be.
    pub fn open(folder: PathBuf, anchor: Anchor, entropy: Arc<dyn Entropy>) -> Result<Self, EnrolledError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| malformed(&folder, &error))?;
        let mut state = State {
            enrolment: read(&folder.join(ENROLMENT), kept::read_enrolment)?,
            trust: read(&folder.join(TRUST), kept::read_trust)?.unwrap_or_default(),
            ..State::default()
        };
        if let Some(enrolment) = &state.enrolment
            && enrolment.domain != *anchor.domain()
        {
            let what = format!("it is of the trust domain `{}`", enrolment.domain);
            return Err(EnrolledError::Malformed(folder.join(ENROLMENT), what));
        }
        for name in names(&folder)? {
            let kept = authority(&folder, &name, &name.replace(".jwk", ".cert"), &anchor);
            match kept {
                Ok(authority) => state.held.push(authority),
                // Roots may have been replaced; what does not lead to them is no key of ours any more.
                Err(error) => tracing::warn!(%error, key = name, "a key that was certified can't be used"),
            }
        }
        if folder.join(LOG_CERTIFICATE).exists() {
            match authority(&folder, LOG, LOG_CERTIFICATE, &anchor) {
                Ok(log) => state.log = Some(log),
                Err(error) => tracing::warn!(%error, "the log's key can't be used"),
            }
        }
        Ok(Self(Arc::new(Inner { folder, anchor, entropy, state: Mutex::new(state) })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who this sidecar is, once it was enrolled.
    #[must_use]
    pub fn enrolment(&self) -> Option<Enrolment> {
        self.state().enrolment.clone()
    }

    /// The keys that are to be certified: the next one that mints, and the log's, which stays the same. They are made
    /// where there are none. It reads and writes files.
    ///
    /// # Errors
    /// [`EnrolledError`] if a file can't be used, or there is no randomness.
    pub fn candidates(&self) -> Result<Candidates, EnrolledError> {
        let (authority, log) = (self.key(NEXT)?, self.key(LOG)?);
        let keys = [*authority.public_key().as_bytes(), *log.public_key().as_bytes()];
        let [authority_key, log_key] = &keys;
        let message = enrolment_message(self.0.anchor.domain(), authority_key, log_key);
        let sign =
            |signer: &FileSigner| signer.sign(&message).map_err(|error| malformed(&self.0.folder, &error));
        Ok(Candidates {
            authority_proof: sign(&authority)?,
            log_proof: sign(&log)?,
            authority: *authority_key,
            log: *log_key,
        })
    }

    fn key(&self, name: &str) -> Result<FileSigner, EnrolledError> {
        let path = self.0.folder.join(name);
        if path.exists() {
            return Ok(FileSigner::load(&path)?);
        }
        if name == LOG && self.0.folder.join(LOG_CERTIFICATE).exists() {
            return Err(malformed(&path, &"the log's key is gone, and its certificate is not"));
        }
        let made = FileSigner::generate(self.0.entropy.as_ref(), Algorithm::EdDsa)?;
        made.save(&path)?;
        Ok(made)
    }

    /// Takes what the desk certified, if it is just what was asked for. It reads and writes files.
    ///
    /// # Errors
    /// [`EnrolledError`] if it is not: then everything stays as it was.
    pub fn accept(
        &self,
        authority_chain: &[String],
        log_chain: &[String],
        enrolment: Enrolment,
        now: Moment,
    ) -> Result<Authority, EnrolledError> {
        let (next, log) = (self.key(NEXT)?, self.key(LOG)?);
        if let Some(before) = self.enrolment()
            && (&before.agent, &before.origin, &before.sidecar)
                != (&enrolment.agent, &enrolment.origin, &enrolment.sidecar)
        {
            return Err(EnrolledError::Other("another agent, sidecar or log than before"));
        }
        if enrolment.domain != *self.0.anchor.domain() {
            return Err(EnrolledError::Other("another trust domain"));
        }
        let minting = certified(&self.0.anchor, authority_chain, &next, KeyUse::Authority)?;
        let signing = certified(&self.0.anchor, log_chain, &log, KeyUse::Log)?;
        if [&minting, &signing].into_iter().any(|key| !key.covers(now, SKEW)) {
            return Err(EnrolledError::Other("a time that is not now"));
        }
        if !is_for(&minting, &enrolment) {
            return Err(EnrolledError::Other("another scope than this agent and its executors"));
        }
        if Pattern::exactly(enrolment.origin.as_str()).is_none_or(|name| signing.scope.audiences != [name]) {
            return Err(EnrolledError::Other("another log"));
        }
        let name = format!("{AUTHORITY}{}", minting.key.id());
        // The certificate first: a key without one would be passed over.
        self.write(&format!("{name}.cert"), authority_chain.join("\n").as_bytes())?;
        next.save(&self.0.folder.join(format!("{name}.jwk")))?;
        self.write(LOG_CERTIFICATE, log_chain.join("\n").as_bytes())?;
        self.write(ENROLMENT, &kept::enrolment_to_bytes(&enrolment))?;
        // Another one is made the next time.
        drop(fs::remove_file(self.0.folder.join(NEXT)));
        let authority = Authority::new(Arc::new(next), minting, authority_chain.to_vec());
        let log = Authority::new(Arc::new(log), signing, log_chain.to_vec());
        let mut state = self.state();
        state.held.insert(0, authority.clone());
        state.log = Some(log);
        state.enrolment = Some(enrolment);
        let gone = state.held.extract_if(.., |one| one.certified().expires_at.plus(MAX_LIFE) < now);
        let gone: Vec<KeyId> = gone.map(|one| one.key_id()).collect();
        drop(state);
        for id in gone {
            // What it signed has expired: nobody asks for it again.
            drop(fs::remove_file(self.0.folder.join(format!("{AUTHORITY}{id}.jwk"))));
            drop(fs::remove_file(self.0.folder.join(format!("{AUTHORITY}{id}.cert"))));
        }
        Ok(authority)
    }

    /// The executors have changed: a key that is not for all of them is out of scope from now on.
    ///
    /// # Errors
    /// [`EnrolledError`] if that can't be kept.
    pub fn change_roles(&self, enrolment: Enrolment) -> Result<(), EnrolledError> {
        self.write(ENROLMENT, &kept::enrolment_to_bytes(&enrolment))?;
        self.state().enrolment = Some(enrolment);
        Ok(())
    }

    /// Takes what the desk publishes of keys, and which ones are revoked.
    ///
    /// # Errors
    /// [`EnrolledError`] if that can't be kept; it holds until the next start all the same.
    pub fn hear(&self, published: Published, revoked: BTreeSet<KeyId>) -> Result<(), EnrolledError> {
        let trust = Trust { published, revoked };
        let bytes = kept::trust_to_bytes(&trust);
        self.state().trust = trust;
        self.write(TRUST, &bytes)
    }

    /// When the keys should be certified anew; at once where none is in scope.
    #[must_use]
    pub fn renew_at(&self) -> Moment {
        let state = self.state();
        let newest =
            state.held.iter().filter(|one| state.serves(one)).max_by_key(|one| one.certified().not_before);
        newest.map_or(Moment::default(), |newest| {
            let certified = newest.certified();
            certified.not_before.plus(certified.expires_at.since(certified.not_before) / 2)
        })
    }

    /// The key with which calls to the desk are proven now.
    #[must_use]
    pub fn caller(&self, now: Moment) -> Option<Authority> {
        let state = self.state();
        let lives = |one: &&Authority| one.certified().covers(now, SKEW) && !state.is_revoked(one);
        state.held.iter().filter(lives).max_by_key(|one| one.certified().not_before).cloned()
    }

    /// Whom this sidecar trusts.
    #[must_use]
    pub fn roots(&self) -> &Anchor {
        &self.0.anchor
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), EnrolledError> {
        let path = self.0.folder.join(name);
        files::write_private(&path, bytes).map_err(|error| malformed(&path, &error))
    }
}

impl State {
    fn is_revoked(&self, one: &Authority) -> bool {
        self.trust.revoked.contains(&one.key_id())
    }

    fn serves(&self, one: &Authority) -> bool {
        let scoped = self.enrolment.as_ref().is_some_and(|enrolment| is_for(one.certified(), enrolment));
        scoped && !self.is_revoked(one)
    }
}

impl Keyring for EnrolledKeys {
    fn held(&self) -> Result<Vec<Authority>, KeyringError> {
        let state = self.state();
        Ok(state.held.iter().filter(|one| !state.is_revoked(one)).cloned().collect())
    }

    fn in_scope(&self, authority: &Authority) -> bool {
        self.state().serves(authority)
    }

    fn renews(&self) -> bool {
        false
    }

    fn renew(&self, _: Moment) -> Result<Authority, KeyringError> {
        Err(KeyringError("the desk has not certified a key for what this sidecar mints now".to_owned()))
    }

    fn log(&self, _: Moment) -> Result<Authority, KeyringError> {
        let state = self.state();
        match &state.log {
            Some(log) if state.is_revoked(log) => Err(KeyringError("the log's key was revoked".to_owned())),
            Some(log) => Ok(log.clone()),
            None => Err(KeyringError("the desk has not certified the log's key".to_owned())),
        }
    }

    fn anchor(&self) -> Result<Anchor, KeyringError> {
        Ok(self.0.anchor.clone())
    }

    fn revoked(&self) -> Result<BTreeSet<KeyId>, KeyringError> {
        Ok(self.state().trust.revoked.clone())
    }

    fn revoke_tokens(
        &self,
        _: &BTreeMap<TokenId, Moment>,
        _: Option<Moment>,
        _: Moment,
    ) -> Result<bool, KeyringError> {
        Err(KeyringError("tokens are revoked at the desk".to_owned()))
    }

    fn publish(&self, _: Moment) -> Result<Published, KeyringError> {
        Ok(self.state().trust.published.clone())
    }
}

/// Whether a key may mint for this agent alone, and for all of its executors.
fn is_for(certified: &CertifiedKey, enrolment: &Enrolment) -> bool {
    let Some(agent) = Pattern::exactly(enrolment.agent.as_str()) else { return false };
    let names = |id: &str| certified.scope.audiences.iter().any(|audience| audience.matches(id));
    certified.scope.agents == [agent] && enrolment.executors.iter().all(|one| names(one.id.as_str()))
}

fn certified(
    anchor: &Anchor,
    chain: &[String],
    signer: &FileSigner,
    usage: KeyUse,
) -> Result<CertifiedKey, EnrolledError> {
    let chain: Vec<&str> = chain.iter().map(String::as_str).collect();
    let certified = anchor.certified(&chain).map_err(EnrolledError::Chain)?;
    match certified.key.id() == signer.public_key().id() && certified.usage == usage {
        true => Ok(certified),
        false => Err(EnrolledError::Other("another key, or another use of it")),
    }
}

fn authority(
    folder: &Path,
    key: &str,
    certificate: &str,
    anchor: &Anchor,
) -> Result<Authority, EnrolledError> {
    let signer = FileSigner::load(&folder.join(key))?;
    let path = folder.join(certificate);
    let text = fs::read_to_string(&path).map_err(|error| malformed(&path, &error))?;
    let chain: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
    let usage = if key == LOG { KeyUse::Log } else { KeyUse::Authority };
    let certified = certified(anchor, &chain, &signer, usage)?;
    Ok(Authority::new(Arc::new(signer), certified, chain))
}

/// The files of keys that were certified to mint.
fn names(folder: &Path) -> Result<Vec<String>, EnrolledError> {
    let entries = fs::read_dir(folder).map_err(|error| malformed(folder, &error))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.retain(|name| name.starts_with(AUTHORITY) && name.ends_with(".jwk"));
    names.sort();
    Ok(names)
}

fn read<T>(path: &Path, parse: fn(&[u8]) -> Result<T, String>) -> Result<Option<T>, EnrolledError> {
    match fs::read(path) {
        Ok(bytes) => parse(&bytes).map(Some).map_err(|what| malformed(path, &what)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(malformed(path, &error)),
    }
}

fn malformed(path: &Path, what: &dyn fmt::Display) -> EnrolledError {
    EnrolledError::Malformed(path.to_owned(), what.to_string())
}
