//! The keys of one trust domain in a folder: root, issuer, the keys that mint, the log's, the certificates of
//! executors' keys for receipts, and what was revoked.

mod error;
mod import;
mod named;
mod state;

pub use error::DirectoryError;

use super::file::{FileSigner, KeyFileError};
use super::{Authority, Candidates, Chains, Keyring, KeyringError, Published, Signer};
use crate::digest::KeyId;
use crate::entropy::Entropy;
use crate::files;
use crate::moment::Moment;
use crate::operation::json::{self, Limits, Value};
use crate::party::{KeyHolder, TokenId, TrustDomain};
use crate::token::{
    Algorithm, Anchor, AnchorError, BundleContents, CertifiedKey, KeyCertificate, KeyUse, MAX_STATEMENT_LIFE,
    Pattern, PublicKey, Ratchet, RevocationContents, Scope, TrustBundle,
};
use state::State;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder's files. The private root is meant to be taken away after `init`.
const ROOT: &str = "root.jwk";
const ROOT_PUBLIC: &str = "root.public.jwk";
const ISSUER: &str = "issuer.jwk";
const ISSUER_CERTIFICATE: &str = "issuer.cert";
const STATE: &str = "state.json";
const LOCK: &str = "lock";
const AUTHORITY: &str = "authority-";
const LIMITS: Limits = Limits { bytes: 1024 * 1024, depth: 4, members: 65_536 };

/// A folder of keys.
pub struct KeyDirectory {
    folder: PathBuf,
    domain: TrustDomain,
    holder: KeyHolder,
    scope: Scope,
    entropy: Arc<dyn Entropy>,
}

/// A key in the folder, as `keys list` shows it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it is for: `root`, `issuer`, `authority`, `log` or `receipt`.
    pub usage: &'static str,
    /// The log or the executor that it speaks for.
    pub name: Option<String>,
    /// Its public half.
    pub key: PublicKey,
    /// From when on it is valid, and until when; a root has no end.
    pub window: Option<(Moment, Moment)>,
    /// Whether its private half is here.
    pub private: bool,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl KeyDirectory {
    /// The folder, for a sidecar of this name whose keys may sign within this scope.
    #[must_use]
    pub fn new(
        folder: PathBuf,
        domain: TrustDomain,
        holder: KeyHolder,
        scope: Scope,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { folder, domain, holder, scope, entropy }
    }

    /// The widest scope: any agent, any executor, tokens of the longest life.
    #[must_use]
    pub fn any_scope() -> Scope {
        Scope {
            agents: vec![Pattern::any()],
            audiences: vec![Pattern::any()],
            max_life: crate::token::MAX_LIFE,
        }
    }

    /// Makes a root and an issuer that it certifies, in a new folder of mode 0700.
    ///
    /// # Errors
    /// [`DirectoryError::Exists`] if there are keys already; otherwise what went wrong.
    pub fn init(&self, now: Moment) -> Result<(), DirectoryError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|error| self.io("", &error))?;
        self.check_mode()?;
        for name in [ROOT, ROOT_PUBLIC, ISSUER] {
            if self.path(name).exists() {
                return Err(DirectoryError::Exists(self.folder.clone()));
            }
        }
        let root = FileSigner::generate(self.entropy.as_ref(), Algorithm::EdDsa)?;
        root.save(&self.path(ROOT))?;
        let public = Value::from(root.public_key().to_jwk()).to_canonical();
        self.write(ROOT_PUBLIC, &public)?;
        self.rotate_issuer(&self.path(ROOT), now)
    }

    /// Replaces the issuer by a new one that the root certifies.
    ///
    /// # Errors
    /// [`DirectoryError`] if the root is not there or is not the one that this folder pins.
    pub fn rotate_issuer(&self, root: &Path, now: Moment) -> Result<(), DirectoryError> {
        self.check_mode()?;
        let root_signer = FileSigner::load(root)?;
        if root_signer.public_key().id() != self.root()?.id() {
            return Err(DirectoryError::Malformed {
                path: root.into(),
                what: format!("it is not the root that `{ROOT_PUBLIC}` names"),
            });
        }
        let issuer = FileSigner::generate(self.entropy.as_ref(), Algorithm::EdDsa)?;
        let scope = Self::any_scope();
        let (certificate, _) = self.sign(
            &root_signer,
            issuer.public_key(),
            (KeyUse::Issuer, scope),
            "issuer",
            whole(KeyUse::Issuer, now),
        )?;
        issuer.save(&self.path(ISSUER))?;
        self.write(ISSUER_CERTIFICATE, certificate.as_bytes())
    }

    /// Certifies a key for a use and a scope within a window; the certificate, and what it says.
    fn sign(
        &self,
        signer: &dyn Signer,
        key: &PublicKey,
        (usage, scope): (KeyUse, Scope),
        holder: &str,
        (now, expires_at): (Moment, Moment),
    ) -> Result<(String, CertifiedKey), DirectoryError> {
        let certified = CertifiedKey { key: key.clone(), usage, not_before: now, expires_at, scope };
        let holder = KeyHolder::new(holder).unwrap_or_else(|_| self.holder.clone());
        let certificate = KeyCertificate {
            domain: self.domain.clone(),
            holder,
            issued_at: now,
            certified: certified.clone(),
        };
        let input = certificate.signing_input(signer.public_key())?;
        let signature = signer.sign(input.bytes())?;
        Ok((input.assemble(&signature), certified))
    }

    /// The root's public key, which executors pin.
    ///
    /// # Errors
    /// [`DirectoryError`] if it is not there.
    pub fn root(&self) -> Result<PublicKey, DirectoryError> {
        let text = self.read(ROOT_PUBLIC)?;
        let malformed = |what: String| DirectoryError::Malformed { path: self.path(ROOT_PUBLIC), what };
        let value = json::read(text.as_bytes(), &LIMITS).map_err(|error| malformed(error.to_string()))?;
        PublicKey::from_jwk(&value).map_err(|error| malformed(error.to_string()))
    }

    fn anchor(&self) -> Result<Anchor, DirectoryError> {
        Anchor::new(self.domain.clone(), [self.root()?]).map_err(|error: AnchorError| {
            DirectoryError::Malformed { path: self.path(ROOT_PUBLIC), what: error.to_string() }
        })
    }

    fn issuer(&self) -> Result<(FileSigner, String), DirectoryError> {
        self.check_mode()?;
        let signer = FileSigner::load(&self.path(ISSUER))?;
        let certificate = self.read(ISSUER_CERTIFICATE)?;
        let certified = self.certified(ISSUER_CERTIFICATE, &[&certificate])?;
        match certified.key.id() == signer.public_key().id() {
            true => Ok((signer, certificate)),
            false => Err(self.malformed(ISSUER_CERTIFICATE, "it certifies another key than the issuer's")),
        }
    }

    fn certified(&self, name: &str, chain: &[&str]) -> Result<CertifiedKey, DirectoryError> {
        let anchor = self.anchor()?;
        anchor.certified(chain).map_err(|error| self.malformed(name, &error.to_string()))
    }

    /// All keys in the folder.
    ///
    /// # Errors
    /// [`DirectoryError`] if a file in it is not what it should be.
    pub fn list(&self) -> Result<Vec<Listed>, DirectoryError> {
        self.check_mode()?;
        let state = self.state()?;
        let root = self.root()?;
        let mut keys = vec![Listed {
            usage: "root",
            name: None,
            revoked: state.revoked.contains(&root.id()),
            key: root,
            window: None,
            private: self.path(ROOT).exists(),
        }];
        let certificate = self.read(ISSUER_CERTIFICATE)?;
        let issuer = self.certified(ISSUER_CERTIFICATE, &[&certificate])?;
        keys.push(listed(&issuer, self.path(ISSUER).exists(), &state));
        for authority in self.authorities()? {
            keys.push(listed(authority.certified(), true, &state));
        }
        for (certified, private) in self.named()? {
            keys.push(listed(&certified, private, &state));
        }
        Ok(keys)
    }

    /// Every key that mints and whose certificate leads to the pinned root, revoked ones too.
    fn authorities(&self) -> Result<Vec<Authority>, DirectoryError> {
        let mut found = Vec::new();
        for name in &self.names(AUTHORITY, ".jwk")? {
            let certificate_name = name.replace(".jwk", ".cert");
            let signer = FileSigner::load(&self.path(name))?;
            let text = self.read(&certificate_name)?;
            let chain: Vec<&str> = text.split_ascii_whitespace().collect();
            let certified = self.certified(&certificate_name, &chain)?;
            if certified.key.id() != signer.public_key().id() {
                return Err(self.malformed(&certificate_name, "it certifies another key"));
            }
            let chain: Vec<String> = chain.into_iter().map(str::to_owned).collect();
            found.push(Authority::new(Arc::new(signer), certified, chain));
        }
        Ok(found)
    }

    /// The files of the folder whose names begin and end like this, in order.
    fn names(&self, beginning: &str, end: &str) -> Result<Vec<String>, DirectoryError> {
        let entries = fs::read_dir(&self.folder).map_err(|error| self.io("", &error))?;
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.retain(|name| name.starts_with(beginning) && name.ends_with(end));
        names.sort();
        Ok(names)
    }

    /// Revokes a key at once: it signs nothing more here, and the next bundle and revocations name it.
    ///
    /// # Errors
    /// [`DirectoryError::UnknownKey`] if it is not in this folder.
    pub fn revoke(&self, id: KeyId) -> Result<(), DirectoryError> {
        // What signs the list of revocations can't be on it.
        let revocable =
            |listed: &Listed| listed.key.id() == id && !["root", "issuer"].contains(&listed.usage);
        if !self.list()?.iter().any(revocable) {
            return Err(DirectoryError::UnknownKey(id));
        }
        let _alone = self.exclusively()?;
        let mut state = self.state()?;
        state.revoked.insert(id);
        self.save_state(&state)
    }

    /// A signed list of what is revoked, for executors that ask for one.
    ///
    /// # Errors
    /// [`DirectoryError`] if there is no issuer to sign it.
    pub fn revocations(&self, now: Moment) -> Result<(String, Vec<String>), DirectoryError> {
        let (issuer, certificate) = self.issuer()?;
        let state = self.next_state()?;
        Ok((self.revocations_in(&issuer, state, now)?, vec![certificate]))
    }

    fn revocations_in(
        &self,
        issuer: &FileSigner,
        state: State,
        now: Moment,
    ) -> Result<String, DirectoryError> {
        let now = Moment::from_unix_seconds(now.unix_seconds());
        let contents = RevocationContents {
            domain: self.domain.clone(),
            sequence: state.sequence,
            issued_at: now,
            expires_at: now.plus(MAX_STATEMENT_LIFE),
            tokens: state.tokens.into_keys().collect(),
            decisions: BTreeSet::new(),
            agents: BTreeSet::new(),
            keys: state.revoked,
            not_before: state.not_before,
        };
        let input = contents.signing_input(issuer.public_key())?;
        let signature = issuer.sign(input.bytes())?;
        Ok(input.assemble(&signature))
    }

    fn state(&self) -> Result<State, DirectoryError> {
        let text = match fs::read(self.path(STATE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
            Err(error) => return Err(self.io(STATE, &error)),
        };
        State::read(&text).ok_or_else(|| self.malformed(STATE, "it is not the state of a folder of keys"))
    }

    /// The state under the next number, saved before anything is signed with it.
    fn next_state(&self) -> Result<State, DirectoryError> {
        let _alone = self.exclusively()?;
        let mut state = self.state()?;
        state.sequence += 1;
        self.save_state(&state)?;
        Ok(state)
    }

    /// Keeps other processes from changing what is read here, until what this returns is dropped: a revocation on
    /// the command line must not be lost to a service that counts its bundles.
    fn exclusively(&self) -> Result<fs::File, DirectoryError> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(self.path(LOCK)).map_err(|error| self.io(LOCK, &error))?;
        lock.lock().map_err(|error| self.io(LOCK, &error))?;
        Ok(lock)
    }

    fn save_state(&self, state: &State) -> Result<(), DirectoryError> {
        self.write(STATE, &state.to_bytes())
    }

    fn check_mode(&self) -> Result<(), DirectoryError> {
        let metadata = fs::metadata(&self.folder).map_err(|error| self.io("", &error))?;
        let mode = metadata.permissions().mode() & 0o7777;
        match mode & 0o077 {
            0 => Ok(()),
            _ => Err(DirectoryError::Exposed { path: self.folder.clone(), mode }),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn read(&self, name: &str) -> Result<String, DirectoryError> {
        match fs::read_to_string(self.path(name)) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(DirectoryError::Missing(self.path(name)))
            }
            Err(error) => Err(self.io(name, &error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DirectoryError> {
        files::write_public(&self.path(name), bytes).map_err(|error| self.io(name, &error))
    }

    fn io(&self, name: &str, error: &io::Error) -> DirectoryError {
        DirectoryError::File(KeyFileError::Io { path: self.path(name), why: error.to_string() })
    }

    fn malformed(&self, name: &str, what: &str) -> DirectoryError {
        DirectoryError::Malformed { path: self.path(name), what: what.to_owned() }
    }
}

/// The longest window of a key of this use that begins now, in whole seconds.
fn whole(usage: KeyUse, now: Moment) -> (Moment, Moment) {
    let now = Moment::from_unix_seconds(now.unix_seconds());
    (now, now.plus(usage.max_life()))
}

fn listed(certified: &CertifiedKey, private: bool, state: &State) -> Listed {
    let name = match certified.usage {
        KeyUse::Issuer | KeyUse::Authority => None,
        KeyUse::Log | KeyUse::Receipt => certified.scope.audiences.first().map(ToString::to_string),
    };
    Listed {
        usage: certified.usage.as_str(),
        name,
        key: certified.key.clone(),
        window: Some((certified.not_before, certified.expires_at)),
        private,
        revoked: state.revoked.contains(&certified.key.id()),
    }
}

impl Keyring for KeyDirectory {
    fn held(&self) -> Result<Vec<Authority>, KeyringError> {
        self.check_mode()?;
        let state = self.state()?;
        let mut held = self.authorities()?;
        held.retain(|authority| !state.revoked.contains(&authority.key_id()));
        Ok(held)
    }

    fn in_scope(&self, authority: &Authority) -> bool {
        authority.certified().scope == self.scope
    }

    fn renew(&self, now: Moment) -> Result<Authority, KeyringError> {
        let (issuer, issuer_certificate) = self.issuer()?;
        let signer =
            FileSigner::generate(self.entropy.as_ref(), Algorithm::EdDsa).map_err(DirectoryError::File)?;
        let certifies = (KeyUse::Authority, self.scope.clone());
        let window = whole(KeyUse::Authority, now);
        let (certificate, certified) =
            self.sign(&issuer, signer.public_key(), certifies, self.holder.as_str(), window)?;
        let name = format!("{AUTHORITY}{}", signer.public_key().id());
        let chain = vec![issuer_certificate, certificate];
        // The certificate first: a key without one would make the folder unreadable.
        self.write(&format!("{name}.cert"), chain.join("\n").as_bytes())?;
        signer.save(&self.path(&format!("{name}.jwk"))).map_err(DirectoryError::File)?;
        Ok(Authority::new(Arc::new(signer), certified, chain))
    }

    fn log(&self, now: Moment) -> Result<Authority, KeyringError> {
        Ok(self.log_authority(now)?)
    }

    fn certify(&self, candidates: &Candidates<'_>, now: Moment) -> Result<Chains, KeyringError> {
        Ok(self.certify_sidecar(candidates, now)?)
    }

    fn revoke_keys(&self, keys: &BTreeSet<KeyId>) -> Result<(), KeyringError> {
        let _alone = self.exclusively()?;
        let mut state = self.state()?;
        state.revoked.extend(keys);
        Ok(self.save_state(&state)?)
    }

    fn anchor(&self) -> Result<Anchor, KeyringError> {
        Ok(Self::anchor(self)?)
    }

    fn revoked(&self) -> Result<BTreeSet<KeyId>, KeyringError> {
        Ok(self.state()?.revoked)
    }

    fn revoke_tokens(
        &self,
        tokens: &BTreeMap<TokenId, Moment>,
        before: Option<Moment>,
        now: Moment,
    ) -> Result<bool, KeyringError> {
        let _alone = self.exclusively()?;
        let mut state = self.state()?;
        state.revoke(tokens, before, now);
        let listed = !state.tokens.is_empty() || tokens.is_empty();
        self.save_state(&state)?;
        Ok(listed)
    }

    fn publish(&self, now: Moment) -> Result<Published, KeyringError> {
        let (issuer, issuer_certificate) = self.issuer()?;
        let state = self.next_state()?;
        let now = Moment::from_unix_seconds(now.unix_seconds());
        let keys: Vec<CertifiedKey> = self
            .authorities()?
            .into_iter()
            .map(|authority| authority.certified().clone())
            .filter(|key| key.expires_at > now && !state.revoked.contains(&key.key.id()))
            .collect();
        let contents = BundleContents {
            domain: self.domain.clone(),
            sequence: state.sequence,
            issued_at: now,
            expires_at: now.plus(MAX_STATEMENT_LIFE),
            keys,
            revoked: state.revoked.iter().copied().collect(),
        };
        let input = contents.signing_input(issuer.public_key()).map_err(DirectoryError::Bundle)?;
        let signature = issuer.sign(input.bytes()).map_err(DirectoryError::Sign)?;
        let bundle = input.assemble(&signature);
        // Read back as an executor would read it: what would be refused there is not published.
        let anchor = self.anchor()?;
        let read = TrustBundle::read(&bundle, &[&issuer_certificate], &anchor, &Ratchet::default(), now)
            .map_err(DirectoryError::Bundle)?;
        let jwks = String::from_utf8_lossy(&read.to_jwks(now).to_canonical()).into_owned();
        let revocations = self.revocations_in(&issuer, state, now)?;
        Ok(Published { bundle, certificates: vec![issuer_certificate], jwks, revocations })
    }
}
