//! The identity provider whose tokens are accepted, and the file with its keys.

use crate::moment::Moment;
use crate::presence::oidc::{self, Identity, Issuer, KeySet, MAX_KEY_SET, OidcError};
use arc_swap::ArcSwap;
use core::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// An identity provider with its keys in a file, which may change at any time.
#[derive(Debug)]
pub struct Provider {
    issuer: Issuer,
    file: PathBuf,
    keys: ArcSwap<KeySet>,
    /// What was last found in the file.
    last: Mutex<Found>,
}

/// What a look at the file found: its bytes, or why there are none.
type Found = Result<Vec<u8>, ProviderError>;

/// Why the provider's keys can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderError {
    /// The file can't be read.
    Unreadable(PathBuf, String),
    /// It holds no keys that can be used.
    Keys(PathBuf, OidcError),
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, why) => write!(f, "cannot read `{}`: {why}", file.display()),
            Self::Keys(file, error) => write!(f, "`{}`: {error} ({})", file.display(), error.code()),
        }
    }
}

impl std::error::Error for ProviderError {}

impl Provider {
    /// Reads the keys for the first time.
    ///
    /// # Errors
    /// [`ProviderError`] if there are none.
    pub fn open(issuer: Issuer, file: PathBuf) -> Result<Self, ProviderError> {
        let bytes = read(&file)?;
        let keys = keys(&file, &bytes)?;
        Ok(Self { issuer, file, keys: ArcSwap::from_pointee(keys), last: Mutex::new(Ok(bytes)) })
    }

    /// Looks at the file again: whether other keys are in force now. A file that can't be used leaves those that are.
    ///
    /// # Errors
    /// [`ProviderError`] the first time that something is found wrong with it.
    pub fn look(&self) -> Result<bool, ProviderError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let found = read(&self.file);
        if found == *last {
            return Ok(false);
        }
        last.clone_from(&found);
        self.keys.store(keys(&self.file, &found?)?.into());
        Ok(true)
    }

    /// … an identity token that was asked for as this client and with this nonce.
    pub(super) fn verify_for(
        &self,
        token: &str,
        nonce: &str,
        client_id: &str,
        now: Moment,
    ) -> Result<Identity, OidcError> {
        let issuer = Issuer { audience: client_id.into(), ..self.issuer.clone() };
        oidc::verify_for(token, nonce, &issuer, &self.keys.load(), now)
    }

    pub(super) fn verify(&self, token: &str, now: Moment) -> Result<Identity, OidcError> {
        oidc::verify(token, &self.issuer, &self.keys.load(), now)
    }
}

fn read(path: &Path) -> Found {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path);
    // One byte more than a set may have tells that it has too many.
    let limit = u64::try_from(MAX_KEY_SET).unwrap_or(u64::MAX).saturating_add(1);
    let read = file.and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| ProviderError::Unreadable(path.into(), error.to_string()))
}

fn keys(path: &Path, bytes: &[u8]) -> Result<KeySet, ProviderError> {
    KeySet::read(bytes).map_err(|error| ProviderError::Keys(path.into(), error))
}
